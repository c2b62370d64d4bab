// SPDX-License-Identifier: BSD-3-Clause

package software

import (
	"bytes"
	"errors"
	"io"
	"syscall"

	"github.com/klauspost/compress/flate"
	"github.com/pierrec/lz4/v4"

	"github.com/gospdk/gospdk/accel"
)

// deflateLevels are flate's levels for ISA-L's, which SPDK has.
var deflateLevels = [...]int{1, 2, 4, 6}

// maxLZ4Level is the greatest that SPDK allows: LZ4's acceleration. Here it
// makes no difference.
const maxLZ4Level = 65537

// CompressLevels implements accel.CompressModule with SPDK's levels.
func (*Module) CompressLevels(a accel.CompAlgo) (low, high uint32, ok bool) {
	switch a {
	case accel.Deflate:
		return 0, uint32(len(deflateLevels) - 1), true
	case accel.LZ4:
		return 1, maxLZ4Level, true
	}
	return 0, 0, false
}

// errFull is returned by a destination that has no more room.
var errFull = errors.New("destination is full")

// codecs is the state of the compressors, made when it is needed: each level
// of deflate takes some hundred kilobytes.
type codecs struct {
	deflate [len(deflateLevels)]*flate.Writer
	inflate io.ReadCloser
	lz4     *lz4.Compressor
	in      bytes.Reader
	pieces  pieceReader
	out     pieceWriter
	extra   [1]byte // read after the end
	src     []byte  // where pieces are joined
	dst     []byte
}

func (c *channel) compress(t *accel.Task) syscall.Errno {
	z := &c.codecs
	if t.Algo == accel.LZ4 {
		return z.compressLZ4(t)
	}
	w := z.deflate[t.Level] // Level has been checked
	z.out = pieceWriter{cursor: cursor{iov: t.Dst}}
	if w == nil {
		var err error
		if w, err = flate.NewWriter(&z.out, deflateLevels[t.Level]); err != nil {
			return syscall.EINVAL
		}
		z.deflate[t.Level] = w
	} else {
		w.Reset(&z.out)
	}
	var err error
	for _, p := range t.Src {
		if _, err = w.Write(p); err != nil {
			break
		}
	}
	if err == nil {
		err = w.Close()
	}
	t.OutputSize = uint32(z.out.n)
	if err != nil {
		return syscall.ENOMEM
	}
	return 0
}

func (c *channel) decompress(t *accel.Task) syscall.Errno {
	z := &c.codecs
	t.OutputSize = 0
	if t.Algo == accel.LZ4 {
		return z.decompressLZ4(t)
	}
	r := z.source(t.Src)
	if z.inflate == nil {
		z.inflate = flate.NewReader(r)
	} else if err := z.inflate.(flate.Resetter).Reset(r, nil); err != nil {
		return syscall.EIO
	}
	for _, p := range t.Dst {
		n, err := z.fill(p)
		t.OutputSize += uint32(n)
		if err == io.EOF {
			return 0
		}
		if err != nil {
			return syscall.EIO // not a compressed stream
		}
	}
	if n, err := z.fill(z.extra[:]); err != io.EOF || n > 0 {
		return syscall.ENOMEM
	}
	return 0
}

// fill reads until p is full, or returns io.EOF at the end of the stream.
func (z *codecs) fill(p []byte) (n int, err error) {
	for n < len(p) {
		m, err := z.inflate.Read(p[n:])
		if n += m; err != nil {
			return n, err
		}
	}
	return n, nil
}

// source returns a reader of the pieces. Both kinds give single bytes, so
// flate puts no buffer before them.
func (z *codecs) source(src [][]byte) io.Reader {
	if len(src) == 1 {
		z.in.Reset(src[0])
		return &z.in
	}
	z.pieces.cursor = cursor{iov: src}
	return &z.pieces
}

func (z *codecs) compressLZ4(t *accel.Task) syscall.Errno {
	if z.lz4 == nil {
		z.lz4 = new(lz4.Compressor)
	}
	src := join(t.Src, &z.src)
	dst := t.Dst[0]
	bound := lz4.CompressBlockBound(len(src))
	if len(t.Dst) > 1 || len(dst) < bound {
		dst = room(&z.dst, bound) // whether it fits is then certain
	}
	n, err := z.lz4.CompressBlock(src, dst)
	if err != nil || n == 0 {
		return syscall.EIO
	}
	t.OutputSize = uint32(n)
	if len(t.Dst) == 1 && &dst[0] == &t.Dst[0][0] {
		return 0
	}
	return scatter(t.Dst, dst[:n])
}

func (z *codecs) decompressLZ4(t *accel.Task) syscall.Errno {
	src := join(t.Src, &z.src)
	dst := t.Dst[0]
	if len(t.Dst) > 1 {
		total := 0
		for _, p := range t.Dst {
			total += len(p)
		}
		dst = room(&z.dst, total)
	}
	n, err := lz4.UncompressBlock(src, dst)
	if err != nil {
		return syscall.EIO // no LZ4 block, or one that is larger
	}
	t.OutputSize = uint32(n)
	if len(t.Dst) > 1 {
		return scatter(t.Dst, dst[:n])
	}
	return 0
}

// room returns n bytes of *buf, which is made larger if need be.
func room(buf *[]byte, n int) []byte {
	if cap(*buf) < n {
		*buf = make([]byte, n)
	}
	return (*buf)[:n]
}

// join returns the bytes of src in one piece.
func join(src [][]byte, buf *[]byte) []byte {
	if len(src) == 1 {
		return src[0]
	}
	*buf = (*buf)[:0]
	for _, p := range src {
		*buf = append(*buf, p...)
	}
	return *buf
}

// scatter copies src to the beginning of dst.
func scatter(dst [][]byte, src []byte) syscall.Errno {
	c := cursor{iov: dst}
	if c.write(src) < len(src) {
		return syscall.ENOMEM
	}
	return 0
}
