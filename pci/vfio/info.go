// SPDX-License-Identifier: BSD-3-Clause

package vfio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"

	"github.com/gospdk/gospdk/internal/uapi"
)

// maxInfo bounds the answer of a GetInfo ioctl, in bytes. The longest ones
// list a few hundred ranges.
const maxInfo = 1 << 20

// query asks with a GetInfo ioctl, whose structure starts with its size. What
// it returns are the structure and the whole answer, in which capabilities
// follow the structure.
func query[T any](k kernel, fd int, request uint32, in T) (T, []byte, error) {
	size := int(unsafe.Sizeof(in))
	for {
		buf := make([]byte, size)
		copy(buf, bytesOf(&in))
		binary.NativeEndian.PutUint32(buf, uint32(size))
		if _, err := k.ioctl(fd, request, unsafe.Pointer(unsafe.SliceData(buf))); err != nil {
			return in, nil, err
		}
		// The kernel says how much it would tell if there was room.
		want := int(binary.NativeEndian.Uint32(buf))
		if want <= size {
			var out T
			copy(bytesOf(&out), buf)
			return out, buf, nil
		}
		if want > maxInfo {
			return in, nil, fmt.Errorf("the kernel wants %d bytes for its answer, and %d is the most that makes sense", want, maxInfo)
		}
		size = want
	}
}

// bytesOf returns the memory of a fixed structure without pointers.
func bytesOf[T any](v *T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v))
}

// capability is an entry of the chain in an answer.
type capability struct {
	id      uint16
	version uint16
	data    []byte // what follows its header, to the end of the answer
}

var errChain = errors.New("the kernel's answer has a damaged chain of capabilities")

// capabilities follows the chain that starts at offset first of an answer;
// first is 0 where there is none.
func capabilities(answer []byte, first uint32) ([]capability, error) {
	const header = uint64(unsafe.Sizeof(uapi.VFIOInfoCapHeader{}))
	var all []capability
	for at := first; at != 0; {
		if uint64(at)+header > uint64(len(answer)) {
			return nil, fmt.Errorf("%w: one at offset %#x of %d bytes", errChain, at, len(answer))
		}
		if uint64(len(all)) >= uint64(len(answer))/header {
			return nil, fmt.Errorf("%w: a loop at offset %#x", errChain, at)
		}
		var h uapi.VFIOInfoCapHeader
		copy(bytesOf(&h), answer[at:])
		all = append(all, capability{h.ID, h.Version, answer[uint64(at)+header:]})
		at = h.Next
	}
	return all, nil
}

// find returns the first capability with that number and version 1, which is
// the only one that any of them has.
func find(all []capability, id uint16) (capability, bool) {
	for _, c := range all {
		if c.id == id && c.version == 1 {
			return c, true
		}
	}
	return capability{}, false
}

// list takes apart a capability that is a header, whose first field counts
// what follows, and an array.
func list[H, E any](c capability, count func(*H) uint32) ([]E, error) {
	var h H
	if len(c.data) < int(unsafe.Sizeof(h)) {
		return nil, fmt.Errorf("%w: capability %d is cut short", errChain, c.id)
	}
	rest := c.data[copy(bytesOf(&h), c.data):]
	n := uint64(count(&h))
	var e E
	if each := uint64(unsafe.Sizeof(e)); n > uint64(len(rest))/each {
		return nil, fmt.Errorf("%w: capability %d has %d entries of %d bytes and %d bytes are left", errChain, c.id, n, each, len(rest))
	}
	all := make([]E, n)
	for i := range all {
		rest = rest[copy(bytesOf(&all[i]), rest):]
	}
	return all, nil
}

func sparseAreas(c capability) ([]uapi.VFIOSparseMmapArea, error) {
	return list[uapi.VFIOSparseMmapHeader, uapi.VFIOSparseMmapArea](c, func(h *uapi.VFIOSparseMmapHeader) uint32 { return h.NrAreas })
}

func iovaRanges(c capability) ([]uapi.VFIOIOVARange, error) {
	return list[uapi.VFIOIOVARangeHeader, uapi.VFIOIOVARange](c, func(h *uapi.VFIOIOVARangeHeader) uint32 { return h.NrIOVAs })
}
