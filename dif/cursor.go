// SPDX-License-Identifier: BSD-3-Clause

package dif

// cursor is a place in a list of pieces that is known to be long enough.
type cursor struct {
	cur []byte   // the rest of the piece that was begun, empty only at the end
	iov [][]byte // those after it
}

// start begins at the first byte. It is a method because the processor waits
// when a structure that was just written is copied.
func (s *cursor) start(iov [][]byte) {
	s.cur, s.iov = nil, iov
	s.skipPieces(0)
}

// whole returns the next n bytes if they are in one piece, otherwise nil.
func (s *cursor) whole(n int) []byte {
	if len(s.cur) < n {
		return nil
	}
	return s.cur[:n]
}

// skip goes on by n bytes.
func (s *cursor) skip(n int) {
	if n < len(s.cur) {
		s.cur = s.cur[n:]
		return
	}
	s.skipPieces(n)
}

func (s *cursor) skipPieces(n int) {
	for n >= len(s.cur) {
		n -= len(s.cur)
		if len(s.iov) == 0 {
			s.cur = nil
			return
		}
		s.cur, s.iov = s.iov[0], s.iov[1:]
	}
	s.cur = s.cur[n:]
}

// read copies the next bytes to p.
func (s *cursor) read(p []byte) {
	for len(p) > 0 {
		n := copy(p, s.cur)
		s.skip(n)
		p = p[n:]
	}
}

// write copies p to the next bytes.
func (s *cursor) write(p []byte) {
	for len(p) > 0 {
		n := copy(s.cur, p)
		s.skip(n)
		p = p[n:]
	}
}

// copyTo copies the next n bytes to another place.
func (s *cursor) copyTo(d *cursor, n int) {
	for n > 0 {
		m := copy(d.cur, s.cur[:min(n, len(s.cur))])
		s.skip(m)
		d.skip(m)
		n -= m
	}
}
