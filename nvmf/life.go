// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"encoding/binary"
	"time"

	"github.com/gospdk/gospdk/nvme"
)

// Life is what a controller keeps for as long as the device exists, that is
// over resets and power cycles (NVMe Base 2.0, 5.16.1.2 and 5.16.1.3): what it
// has moved, how often it was switched on, its last errors. A transport at
// whose address controllers follow one another, each as a host connects, gives
// them all the same Life, so that they look like one device that is switched
// off and on. The zero value is the life of a new device. It serves one
// controller at a time.
type Life struct {
	moved moved

	began           time.Time // first power on
	powerCycles     uint64
	unsafeShutdowns uint64

	errors     [errorEntries]errorEntry // ring; errorCount says where
	errorCount uint64
}

// moved is what I/O commands have moved.
type moved struct {
	readBlocks, writeBlocks uint64 // of 512 bytes
	reads, writes           uint64
}

func (m *moved) add(o moved) {
	m.readBlocks += o.readBlocks
	m.writeBlocks += o.writeBlocks
	m.reads += o.reads
	m.writes += o.writes
}

// powerOn is called when a controller of the device is made.
func (c *Controller) powerOn() {
	if c.life = c.opts.Life; c.life == nil {
		c.life = new(Life)
	}
	if c.life.began.IsZero() {
		c.life.began = time.Now()
	}
	c.life.powerCycles++
}

// powerOff is called when the host of the controller has gone. It should have
// shut the controller down before, or at least disabled it.
func (c *Controller) powerOff() {
	if s := c.CSTS(); s.RDY() && s.SHST() != shutdownComplete {
		c.life.unsafeShutdowns++
	}
}

// smartPage is the SMART / Health Information log page. The lanes have been
// settled.
func (c *Controller) smartPage(p []byte) []byte {
	le, l := binary.LittleEndian, c.life
	if c.beyondThreshold() {
		p[0] = tempWarningBit
	}
	le.PutUint16(p[1:], temperature)
	p[3] = 100 // percent of spare available
	p[4] = 10  // below which it would be a warning
	units := func(blocks uint64) uint64 { return (blocks + logUnitBlocks - 1) / logUnitBlocks }
	le.PutUint64(p[32:], units(l.moved.readBlocks))
	le.PutUint64(p[48:], units(l.moved.writeBlocks))
	le.PutUint64(p[64:], l.moved.reads)
	le.PutUint64(p[80:], l.moved.writes)
	le.PutUint64(p[112:], l.powerCycles)
	le.PutUint64(p[128:], uint64(time.Since(l.began).Hours()))
	le.PutUint64(p[144:], l.unsafeShutdowns)
	le.PutUint64(p[176:], l.errorCount)
	return p
}

// beyondThreshold tells whether the temperature is beyond what the host has
// set as a limit.
func (c *Controller) beyondThreshold() bool {
	return c.feat.overTemperature <= temperature || c.feat.underTemp >= temperature
}

// checkTemperature reports a temperature beyond the thresholds.
func (c *Controller) checkTemperature() {
	if c.feat.asyncEvents&tempWarningBit != 0 && c.beyondThreshold() {
		c.raise(eventSMART, smartTemperature, uint8(nvme.LogSMART))
	}
}
