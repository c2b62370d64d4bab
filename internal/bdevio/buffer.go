// SPDX-License-Identifier: BSD-3-Clause

package bdevio

import (
	"bytes"
	"fmt"
	"math/rand/v2"

	"github.com/gospdk/gospdk/dma"
)

// poison is what buffers hold before a read.
const poison = 0xee

// guardByte is what memory beside a buffer holds, guardSize how much of it is
// looked at on each side. page is the alignment of the buffer's beginning, the
// largest that devices ask for in practice.
const (
	guardByte = 0xc5
	guardSize = 64
	page      = 4096
)

// buffer is memory for one I/O. What lies beside it is nobody's to write.
type buffer struct {
	mem   *dma.Buffer
	front []byte
	data  []byte
	back  []byte
}

// newBuffer returns n bytes of poison at an address that is shift bytes more
// than a multiple of a page.
func newBuffer(n, shift int) (*buffer, error) {
	mem, err := dma.Alloc(page+shift+n+guardSize, page)
	if err != nil {
		return nil, fmt.Errorf("a buffer of %d bytes: %w", n, err)
	}
	p, at := mem.Bytes(), page+shift
	b := &buffer{mem: mem, front: p[at-guardSize : at], data: p[at : at+n : at+n], back: p[at+n:][:guardSize]}
	set(b.front, guardByte)
	set(b.data, poison)
	set(b.back, guardByte)
	return b, nil
}

func set(p []byte, v byte) {
	for i := range p {
		p[i] = v
	}
}

// overrun returns where memory beside the buffer has changed, in bytes from
// the buffer's beginning.
func (b *buffer) overrun() (at int, value byte, changed bool) {
	for i, v := range b.front {
		if v != guardByte {
			return i - guardSize, v, true
		}
	}
	for i, v := range b.back {
		if v != guardByte {
			return len(b.data) + i, v, true
		}
	}
	return 0, 0, false
}

// layout says where a buffer lies and into which pieces it is cut.
type layout struct {
	shift  int // bytes behind a page's beginning
	pieces func([]byte) [][]byte
}

var whole = layout{}

func (l layout) cut(p []byte) [][]byte {
	if l.pieces == nil {
		return [][]byte{p}
	}
	return l.pieces(p)
}

// piecesOf cuts into pieces of n bytes.
func piecesOf(n int) layout {
	return layout{pieces: func(p []byte) (iov [][]byte) {
		for len(p) > 0 {
			m := min(n, len(p))
			iov = append(iov, p[:m:m])
			p = p[m:]
		}
		return iov
	}}
}

// oddSizes are in bytes; some pieces are empty.
var oddSizes = []int{1, 3, 511, 0, 513, 7, 4097, 2, 1023, 0, 64}

// oddPieces cuts into pieces of odd sizes, at odd addresses.
var oddPieces = layout{shift: 3, pieces: func(p []byte) (iov [][]byte) {
	for i := 0; len(p) > 0; i++ {
		m := min(oddSizes[i%len(oddSizes)], len(p))
		iov = append(iov, p[:m:m])
		p = p[m:]
	}
	return iov
}}

// pattern returns data for blocks from first on, other than all before. Where
// metadata are among them they hold valid protection information, if the
// device has any.
func (r *rig) pattern(first, blocks uint64) ([]byte, error) {
	var seed [32]byte
	n := r.turn.Add(1)
	for i := range 8 {
		seed[i], seed[8+i] = byte(n>>(8*i)), byte(r.seed>>(8*i))
	}
	p := make([]byte, r.bytes(blocks))
	_, _ = rand.NewChaCha8(seed).Read(p) // never fails
	return p, r.protect(p, first)
}

// difference returns the first byte that differs.
func difference(want, got []byte) (at int, differs bool) {
	if bytes.Equal(want, got) {
		return 0, false
	}
	for at < len(want) && want[at] == got[at] {
		at++
	}
	return at, true
}

// excerpt returns some of p from at on in hexadecimal.
func excerpt(p []byte, at int) string {
	const size = 16
	end := min(at+size, len(p))
	s := fmt.Sprintf("% x", p[at:end])
	if end < len(p) {
		s += " …"
	}
	return s
}

// untouched tells whether all of p is poison still.
func untouched(p []byte) bool {
	for _, v := range p {
		if v != poison {
			return false
		}
	}
	return true
}
