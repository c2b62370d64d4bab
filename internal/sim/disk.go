// SPDX-License-Identifier: BSD-3-Clause

package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
)

// ErrPowerLost is what a Disk answers after its power is lost.
var ErrPowerLost = errors.New("sim: power is lost")

// Disk is a disk in memory with a volatile cache. Power may be lost after any
// write; then each sector that was written since the last flush holds any one
// of what it held since: writes are lost, reordered and torn between sectors.
// It may be used from any goroutine.
type Disk struct {
	mu     sync.Mutex
	sector int
	data   []byte
	cached map[int64][][]byte // by sector: what it held since the last flush, the oldest first
	left   int                // operations until power is lost; below 0, it is not
	ops    int                // writes and flushes so far
}

// NewDisk makes a disk of size bytes, all zeroes.
func NewDisk(size int64, sector int) *Disk {
	return &Disk{sector: sector, data: make([]byte, size), cached: make(map[int64][][]byte), left: -1}
}

// NewDiskFrom makes a disk with this content, which it owns from now on.
func NewDiskFrom(data []byte, sector int) *Disk {
	return &Disk{sector: sector, data: data, cached: make(map[int64][][]byte), left: -1}
}

// LosePowerAfter has power lost after n more writes and flushes. Below 0 it
// stays.
func (d *Disk) LosePowerAfter(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left = n
}

// Ops is how many writes and flushes there were.
func (d *Disk) Ops() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ops
}

// AfterCrash returns the disk as it is when power comes back.
func (d *Disk) AfterCrash(rng *rand.Rand) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	data := append([]byte(nil), d.data...)
	// In order of their numbers, so that a seed says all.
	for s := int64(0); s < int64(len(data)/d.sector); s++ {
		if held, ok := d.cached[s]; ok {
			if i := rng.IntN(len(held) + 1); i < len(held) {
				copy(data[s*int64(d.sector):], held[i])
			}
		}
	}
	return NewDiskFrom(data, d.sector)
}

// Bytes returns a copy of what the disk holds, the cache included.
func (d *Disk) Bytes() []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]byte(nil), d.data...)
}

// BlockSize returns the size of a sector.
func (d *Disk) BlockSize() int { return d.sector }

// Size returns the size in bytes.
func (d *Disk) Size() int64 { return int64(len(d.data)) }

func (d *Disk) check(off, n int64) error {
	if off < 0 || n < 0 || off%int64(d.sector) != 0 || n%int64(d.sector) != 0 || off+n > int64(len(d.data)) {
		return fmt.Errorf("sim: %d bytes at %d of a disk of %d with sectors of %d", n, off, len(d.data), d.sector)
	}
	return nil
}

// step counts an operation, or says that power is lost.
func (d *Disk) step() error {
	if d.left == 0 {
		return ErrPowerLost
	}
	if d.left > 0 {
		d.left--
	}
	d.ops++
	return nil
}

// ReadAtContext reads.
func (d *Disk) ReadAtContext(_ context.Context, p []byte, off int64) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.check(off, int64(len(p))); err != nil {
		return 0, err
	}
	if d.left == 0 {
		return 0, ErrPowerLost
	}
	if n := copy(p, d.data[off:]); n < len(p) {
		return n, io.ErrUnexpectedEOF
	}
	return len(p), nil
}

// WriteAtContext writes into the cache.
func (d *Disk) WriteAtContext(_ context.Context, p []byte, off int64) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.check(off, int64(len(p))); err != nil {
		return 0, err
	}
	if err := d.step(); err != nil {
		return 0, err
	}
	size := int64(d.sector)
	for at := int64(0); at < int64(len(p)); at += size {
		s := (off + at) / size
		d.cached[s] = append(d.cached[s], append([]byte(nil), d.data[off+at:off+at+size]...))
		copy(d.data[off+at:], p[at:at+size])
	}
	return len(p), nil
}

// Flush puts the cache on the medium.
func (d *Disk) Flush(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step(); err != nil {
		return err
	}
	clear(d.cached)
	return nil
}

// WriteZeroes writes zeroes into the cache.
func (d *Disk) WriteZeroes(ctx context.Context, off, n int64) error {
	_, err := d.WriteAtContext(ctx, make([]byte, n), off)
	return err
}

// Unmap gives sectors back, which hold what they like afterwards: it inverts
// them, so that nobody relies on them.
func (d *Disk) Unmap(ctx context.Context, off, n int64) error {
	p := make([]byte, n)
	if _, err := d.ReadAtContext(ctx, p, off); err != nil {
		return err
	}
	for i := range p {
		p[i] = ^p[i]
	}
	_, err := d.WriteAtContext(ctx, p, off)
	return err
}
