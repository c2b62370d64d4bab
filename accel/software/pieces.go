// SPDX-License-Identifier: BSD-3-Clause

package software

import "io"

// cursor is a place in a list of pieces.
type cursor struct {
	iov  [][]byte
	rest []byte // of the piece that was begun
}

// take returns the next n bytes, which lie in the piece that was begun.
func (c *cursor) take(n int) []byte {
	p := c.rest[:n]
	c.rest = c.rest[n:]
	return p
}

func (c *cursor) read(p []byte) (n int) {
	for n < len(p) && c.next() {
		m := copy(p[n:], c.rest)
		n, c.rest = n+m, c.rest[m:]
	}
	return n
}

func (c *cursor) write(p []byte) (n int) {
	for n < len(p) && c.next() {
		m := copy(c.rest, p[n:])
		n, c.rest = n+m, c.rest[m:]
	}
	return n
}

// next sees to it that rest is not empty.
func (c *cursor) next() bool {
	for len(c.rest) == 0 {
		if len(c.iov) == 0 {
			return false
		}
		c.rest, c.iov = c.iov[0], c.iov[1:]
	}
	return true
}

// pieceReader reads pieces, also byte by byte.
type pieceReader struct{ cursor }

// Read implements io.Reader.
func (r *pieceReader) Read(p []byte) (int, error) {
	if n := r.read(p); n > 0 || len(p) == 0 {
		return n, nil
	}
	return 0, io.EOF
}

// ReadByte implements io.ByteReader.
func (r *pieceReader) ReadByte() (byte, error) {
	if !r.next() {
		return 0, io.EOF
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b, nil
}

// pieceWriter writes to pieces until they are full, and counts.
type pieceWriter struct {
	cursor
	n int
}

// Write implements io.Writer.
func (w *pieceWriter) Write(p []byte) (int, error) {
	n := w.write(p)
	w.n += n
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}
