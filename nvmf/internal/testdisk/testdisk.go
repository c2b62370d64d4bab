// SPDX-License-Identifier: BSD-3-Clause

// Package testdisk is a block device in memory for tests of the target: it
// can hold operations back and fail them.
package testdisk

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/thread"
)

// Disk implements bdev.Device. Its fields may be changed by the thread that
// uses it, or while it is not used; several threads may use it meanwhile.
type Disk struct {
	Config bdev.Info
	Data   []byte // of all blocks
	Meta   []byte // separate metadata of all blocks
	// Zones are those of a zoned disk.
	Zones []bdev.Zone
	// Lacks are operations that it does not have.
	Lacks map[bdev.Op]bool
	// NVMe, if it is not nil, carries out commands of NVMe.
	NVMe func(*bdev.IO) bdev.Status
	// Fail gives operations an error.
	Fail map[bdev.Op]bdev.Status
	// Refuse, if it is not nil, has OpenChannel fail on a thread.
	Refuse *thread.Thread
	// Lend answers reads out of Data. It is set before the disk is
	// registered.
	Lend bool
	// Hold keeps operations back until Release, or until they are aborted.
	Hold bool
	// Seen are the operations in the order in which they came.
	Seen []bdev.Op

	mu   sync.Mutex // held while an operation is carried out
	held []*bdev.IO
}

// New makes a disk with the given number of blocks of 512 bytes.
func New(name string, blocks uint64) *Disk {
	return NewInfo(bdev.Info{Name: name, Product: "test", BlockSize: 512, NumBlocks: blocks})
}

// NewInfo makes a disk of any shape.
func NewInfo(info bdev.Info) *Disk {
	d := &Disk{
		Config: info,
		Data:   make([]byte, info.NumBlocks*uint64(info.BlockSize)),
		Lacks:  map[bdev.Op]bool{},
		Fail:   map[bdev.Op]bdev.Status{},
	}
	if info.Zoned {
		for start := uint64(0); start < info.NumBlocks; start += info.ZoneSize {
			d.Zones = append(d.Zones, bdev.Zone{Start: start, WritePointer: start, Capacity: info.ZoneSize, Type: bdev.ZoneSequentialWrite})
		}
	}
	if info.MDSize > 0 && !info.MDInterleaved {
		d.Meta = make([]byte, info.NumBlocks*uint64(info.MDSize))
	}
	return d
}

// Info implements bdev.Device.
func (d *Disk) Info() bdev.Info { return d.Config }

// Supports implements bdev.Device.
func (d *Disk) Supports(op bdev.Op) bool {
	if op == bdev.OpNVMeAdmin || op == bdev.OpNVMeIO {
		return d.NVMe != nil
	}
	return !d.Lacks[op]
}

// Lends implements bdev.Lender.
func (d *Disk) Lends() bool { return d.Lend }

// OpenChannel implements bdev.Device.
func (d *Disk) OpenChannel(t *thread.Thread) (bdev.Channel, error) {
	if t == d.Refuse {
		return nil, errors.New("testdisk: no channel on this thread")
	}
	return channel{d}, nil
}

// Close implements bdev.Device.
func (d *Disk) Close(context.Context) error { return nil }

// Held returns how many operations are held back.
func (d *Disk) Held() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.held)
}

// Release carries out what was held back, and holds nothing from then on. It
// is called on the thread.
func (d *Disk) Release() {
	d.mu.Lock()
	d.Hold = false
	held := d.held
	d.held = nil
	d.mu.Unlock()
	for _, io := range held {
		d.mu.Lock()
		s := d.do(io)
		d.mu.Unlock()
		io.Complete(s)
	}
}

type channel struct{ d *Disk }

// Submit implements bdev.Channel.
func (c channel) Submit(io *bdev.IO) {
	if io.Op == bdev.OpAbort {
		io.Complete(c.d.abort(io.Target))
		return
	}
	if s, done := c.d.submit(io); done {
		io.Complete(s)
	}
}

// abort ends an operation that is held back.
func (d *Disk) abort(io *bdev.IO) bdev.Status {
	d.mu.Lock()
	i := slices.Index(d.held, io)
	if i >= 0 {
		d.held = slices.Delete(d.held, i, i+1)
	}
	d.mu.Unlock()
	if i < 0 {
		return bdev.StatusFailed
	}
	io.Complete(bdev.StatusAborted)
	return bdev.StatusSuccess
}

// submit carries io out, or keeps it.
func (d *Disk) submit(io *bdev.IO) (s bdev.Status, done bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.Seen != nil {
		d.Seen = append(d.Seen, io.Op)
	}
	if d.Hold {
		d.held = append(d.held, io)
		return 0, false
	}
	return d.do(io), true
}

// Close implements bdev.Channel.
func (c channel) Close() {}

func (d *Disk) do(io *bdev.IO) bdev.Status {
	if s := d.Fail[io.Op]; s != 0 {
		return s
	}
	if io.Op == bdev.OpNVMeAdmin || io.Op == bdev.OpNVMeIO {
		return d.NVMe(io)
	}
	bs := uint64(d.Config.BlockSize)
	if io.Op == bdev.OpFlush || io.Op == bdev.OpReset {
		return bdev.StatusSuccess
	}
	switch io.Op {
	case bdev.OpZoneReport:
		io.Result = uint64(copy(io.Zones, d.Zones[io.Offset/d.Config.ZoneSize:]))
		return bdev.StatusSuccess
	case bdev.OpZoneManagement:
		d.zone(io).State = afterAction[io.ZoneAction]
		return bdev.StatusSuccess
	case bdev.OpZoneAppend:
		z := d.zone(io)
		if io.Blocks > z.Start+z.Capacity-z.WritePointer {
			return bdev.StatusFailed
		}
		io.Result = z.WritePointer
		z.WritePointer += io.Blocks
		write(d.Data[io.Result*bs:], io.Iov)
		return bdev.StatusSuccess
	}
	at := d.Data[io.Offset*bs : (io.Offset+io.Blocks)*bs]
	switch io.Op {
	case bdev.OpRead:
		if io.Iov == nil && d.Lend {
			io.Lend(at)
			return bdev.StatusSuccess
		}
		for _, v := range io.Iov {
			at = at[copy(v, at):]
		}
		copy(io.Meta, d.meta(io))
	case bdev.OpWrite:
		write(at, io.Iov)
		if io.Meta != nil {
			copy(d.meta(io), io.Meta)
		}
	case bdev.OpCompare:
		return compare(at, io.Iov)
	case bdev.OpCompareAndWrite:
		if s := compare(at, io.Iov); s != 0 {
			return s
		}
		write(at, io.WriteIov)
	case bdev.OpUnmap, bdev.OpWriteZeroes:
		clear(at)
	case bdev.OpCopy:
		copy(at, d.Data[io.CopySrc*bs:(io.CopySrc+io.Blocks)*bs])
	default:
		return bdev.StatusUnsupported
	}
	return bdev.StatusSuccess
}

func (d *Disk) zone(io *bdev.IO) *bdev.Zone { return &d.Zones[io.Offset/d.Config.ZoneSize] }

// afterAction is the state of a zone after an action.
var afterAction = [...]bdev.ZoneState{
	bdev.ZoneActionClose: bdev.ZoneClosed, bdev.ZoneActionFinish: bdev.ZoneFull, bdev.ZoneActionOpen: bdev.ZoneExplicitlyOpen,
	bdev.ZoneActionReset: bdev.ZoneEmpty, bdev.ZoneActionOffline: bdev.ZoneOffline,
}

func (d *Disk) meta(io *bdev.IO) []byte {
	ms := uint64(d.Config.MDSize)
	if d.Meta == nil {
		return nil
	}
	return d.Meta[io.Offset*ms : (io.Offset+io.Blocks)*ms]
}

func write(at []byte, iov [][]byte) {
	for _, v := range iov {
		at = at[copy(at, v):]
	}
}

func compare(at []byte, iov [][]byte) bdev.Status {
	for _, v := range iov {
		if !bytes.Equal(v, at[:len(v)]) {
			return bdev.StatusMiscompare
		}
		at = at[len(v):]
	}
	return bdev.StatusSuccess
}
