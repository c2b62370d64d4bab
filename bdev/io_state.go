// SPDX-License-Identifier: BSD-3-Clause

package bdev

type ioState uint8

const (
	ioIdle     ioState = iota
	ioFlight           // with the device
	ioChild            // with the device, as a part of another
	ioSplit            // its parts are with the device
	ioWaiting          // for a range lock, or for the limits
	ioDeferred         // has ended, to be handed over in the next round

	// queuedFrom is added to ioFlight and ioChild while the IO waits for
	// the device to have room.
	queuedFrom ioState = 8
)

// ioFlags are set while an IO is on its way only.
type ioFlags uint8

const (
	flagInner ioFlags = 1 << iota // the core's own, not in the statistics
	flagPaid                      // the limits have let it pass
)

func (io *IO) inner() bool { return io.flags&flagInner != 0 }
