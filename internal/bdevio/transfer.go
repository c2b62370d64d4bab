// SPDX-License-Identifier: BSD-3-Clause

package bdevio

import (
	"fmt"

	"github.com/gospdk/gospdk/bdev"
)

// write writes data from a block on, in a buffer of that layout. The device
// must not change it.
func (u *user) write(first uint64, data []byte, l layout) error {
	io := bdev.IO{Op: bdev.OpWrite, Offset: first, Blocks: u.r.count(data)}
	return u.send(io, data, l)
}

// send carries out an operation that takes data.
func (u *user) send(io bdev.IO, data []byte, l layout) error {
	b, err := newBuffer(len(data), l.shift)
	if err != nil {
		return err
	}
	defer u.r.free(b)
	copy(b.data, data)
	io.Iov = l.cut(b.data)
	ended, err := u.do(io)
	if err == nil {
		err = u.r.wanted(ended, "", bdev.StatusSuccess)
	}
	if err == nil {
		err = u.r.same(ended, "has changed its buffer", data, b.data)
	}
	return err
}

// read returns what blocks hold, read in a buffer of that layout.
func (u *user) read(first, blocks uint64, l layout) ([]byte, *bdev.IO, error) {
	r := u.r
	b, err := newBuffer(r.bytes(blocks), l.shift)
	if err != nil {
		return nil, nil, err
	}
	defer r.free(b)
	ended, err := u.do(bdev.IO{Op: bdev.OpRead, Offset: first, Blocks: blocks, Iov: l.cut(b.data)})
	if err == nil {
		err = r.wanted(ended, "", bdev.StatusSuccess)
	}
	if err != nil {
		return nil, nil, err
	}
	if at, value, changed := b.overrun(); changed {
		return nil, nil, r.failure(ended, "has written outside of its buffer", fmt.Sprintf("%02x", guardByte),
			fmt.Sprintf("%02x at byte %d of a buffer of %d", value, at, len(b.data)))
	}
	return append([]byte(nil), b.data...), ended, nil
}

// expect reads blocks that have to hold want. after says what has put it
// there.
func (u *user) expect(after string, first uint64, want []byte, l layout) error {
	got, io, err := u.read(first, u.r.count(want), l)
	if err != nil {
		return err
	}
	return u.r.sameRead(io, "after "+after, want, got)
}

// expectZeroes reads blocks that have to hold zeroes.
func (u *user) expectZeroes(after string, first, blocks uint64) error {
	got, io, err := u.read(first, blocks, whole)
	if err != nil {
		return err
	}
	u.r.forgetProtection(got)
	return u.r.sameRead(io, "after "+after, make([]byte, len(got)), got)
}

// sameRead is same for what was read, if the device keeps any data.
func (r *rig) sameRead(io *bdev.IO, what string, want, got []byte) error {
	if r.discards {
		r.blind.Store(true)
		return nil
	}
	return r.same(io, what, want, got)
}

// same returns a Failure if the data of an I/O are not those expected.
func (r *rig) same(io *bdev.IO, what string, want, got []byte) error {
	at, differs := difference(want, got)
	if !differs {
		return nil
	}
	f := r.failure(io, what, excerpt(want, at), excerpt(got, at))
	where := io.Offset*uint64(r.info.BlockSize) + uint64(at)
	f.Byte = &where
	if untouched(got[at:]) {
		f.Note = "the buffer was not filled from there on"
	}
	return f
}

// count returns how many blocks data are.
func (r *rig) count(data []byte) uint64 { return uint64(len(data)) / uint64(r.info.BlockSize) }

// roundTrip writes a new pattern and reads it again, in buffers of one layout.
func (r *rig) roundTrip(first, blocks uint64, l layout) error {
	if err := r.needs(first + blocks); err != nil {
		return err
	}
	data, err := r.pattern(first, blocks)
	if err == nil {
		err = r.first().write(first, data, l)
	}
	if err == nil {
		err = r.first().expect("write", first, data, l)
	}
	return err
}

// fill writes a new pattern and returns it.
func (r *rig) fill(first, blocks uint64) ([]byte, error) {
	if err := r.needs(first + blocks); err != nil {
		return nil, err
	}
	data, err := r.pattern(first, blocks)
	if err != nil {
		return nil, err
	}
	return data, r.first().write(first, data, whole)
}
