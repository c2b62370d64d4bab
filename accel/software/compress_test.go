// SPDX-License-Identifier: BSD-3-Clause

package software_test

import (
	"bytes"
	"compress/flate"
	"io"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/gospdk/gospdk/accel"
)

// text returns n bytes that can be compressed.
func text(rng *rand.Rand, n int) []byte {
	words := []string{"block ", "device ", "thread ", "poller ", "0", "1", "\n", "sequence of tasks "}
	var b []byte
	for len(b) < n {
		b = append(b, words[rng.IntN(len(words))]...)
	}
	return b[:n]
}

func levels(a accel.CompAlgo) []uint32 {
	if a == accel.LZ4 {
		return []uint32{0, 1, 65537}
	}
	return []uint32{0, 1, 2, 3}
}

func TestCompress(t *testing.T) {
	r := newRig(t)
	rng := rand.New(rand.NewPCG(9, 10))
	for _, algo := range []accel.CompAlgo{accel.Deflate, accel.LZ4} {
		for _, n := range []int{1, 100, 4096, 65536, 70001, 300000} {
			for i, level := range levels(algo) {
				data := text(rng, n)
				if i == 1 {
					data = random(rng, n) // does not get smaller
				}
				packed := r.pack(rng, algo, level, data)
				if got := unpack(t, algo, packed, n); !bytes.Equal(got, data) {
					t.Fatalf("%v: %d bytes at level %d are not what another program reads", algo, n, level)
				}
				r.unpack(rng, algo, packed, data)
			}
		}
	}
}

// pack compresses data in pieces.
func (r *rig) pack(rng *rand.Rand, algo accel.CompAlgo, level uint32, data []byte) []byte {
	r.t.Helper()
	room := len(data) + len(data)/100 + 64
	task := accel.Task{Op: accel.OpCompress, Algo: algo, Level: level,
		Src: cut(rng, data, 4), Dst: cut(rng, make([]byte, room), 4)}
	if err := r.run(&task); err != nil {
		r.t.Fatal(err)
	}
	one := accel.Task{Op: accel.OpCompress, Algo: algo, Level: level, Src: [][]byte{data}, Dst: [][]byte{make([]byte, room)}}
	if err := r.run(&one); err != nil {
		r.t.Fatal(err)
	}
	if got := unpack(r.t, algo, one.Dst[0][:one.OutputSize], len(data)); !bytes.Equal(got, data) {
		r.t.Fatalf("%v: %d bytes in one piece", algo, len(data))
	}
	// The least room is enough, and one byte less is not.
	exact := accel.Task{Op: accel.OpCompress, Algo: algo, Level: level, Src: [][]byte{data}, Dst: [][]byte{make([]byte, one.OutputSize)}}
	if err := r.run(&exact); err != nil || exact.OutputSize != one.OutputSize {
		r.t.Fatalf("%v: %d bytes into exactly %d: %d: %v", algo, len(data), one.OutputSize, exact.OutputSize, err)
	}
	if one.OutputSize > 1 {
		small := accel.Task{Op: accel.OpCompress, Algo: algo, Level: level, Src: [][]byte{data}, Dst: [][]byte{make([]byte, one.OutputSize-1)}}
		if r.run(&small); small.Status != syscall.ENOMEM {
			r.t.Fatalf("%v: %d bytes into %d: %v", algo, len(data), one.OutputSize-1, small.Err())
		}
	}
	return joined(task.Dst)[:task.OutputSize]
}

// unpack decompresses in pieces.
func (r *rig) unpack(rng *rand.Rand, algo accel.CompAlgo, packed, data []byte) {
	r.t.Helper()
	for _, max := range []int{1, 4} {
		for _, more := range []int{0, 1000} {
			task := accel.Task{Op: accel.OpDecompress, Algo: algo,
				Src: cut(rng, packed, max), Dst: cut(rng, make([]byte, len(data)+more), max)}
			if err := r.run(&task); err != nil || int(task.OutputSize) != len(data) || !bytes.Equal(joined(task.Dst)[:len(data)], data) {
				r.t.Fatalf("%v: decompress %d bytes: %d: %v", algo, len(data), task.OutputSize, err)
			}
		}
	}
	if len(data) > 1 {
		task := accel.Task{Op: accel.OpDecompress, Algo: algo, Src: [][]byte{packed}, Dst: [][]byte{make([]byte, len(data)-1)}}
		if r.run(&task); task.Status != syscall.ENOMEM && task.Status != syscall.EIO {
			r.t.Fatalf("%v: decompress %d bytes into less: %v", algo, len(data), task.Err())
		}
		task = accel.Task{Op: accel.OpDecompress, Algo: algo, Src: [][]byte{packed[:len(packed)/2]}, Dst: [][]byte{make([]byte, len(data))}}
		if r.run(&task); task.Status != syscall.EIO && (algo == accel.Deflate || int(task.OutputSize) >= len(data)) {
			r.t.Fatalf("%v: decompress half of the stream: %v", algo, task.Err())
		}
	}
}

// unpack decompresses with other code than the module's.
func unpack(t *testing.T, algo accel.CompAlgo, packed []byte, size int) []byte {
	t.Helper()
	if algo == accel.Deflate {
		b, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	return unLZ4(t, packed, size)
}

// unLZ4 reads an LZ4 block (lz4_Block_format.md).
func unLZ4(t *testing.T, in []byte, size int) (out []byte) {
	t.Helper()
	more := func(n int) int {
		if n < 15 {
			return n
		}
		for {
			b := in[0]
			in = in[1:]
			if n += int(b); b < 255 {
				return n
			}
		}
	}
	for len(in) > 0 {
		token := in[0]
		in = in[1:]
		n := more(int(token >> 4))
		out, in = append(out, in[:n]...), in[n:]
		if len(in) == 0 {
			break
		}
		offset := int(in[0]) | int(in[1])<<8
		in = in[2:]
		for n = more(int(token&15)) + 4; n > 0; n-- {
			out = append(out, out[len(out)-offset])
		}
	}
	if len(out) != size {
		t.Fatalf("the LZ4 block holds %d bytes, not %d", len(out), size)
	}
	return out
}

// FuzzDecompress gives the decompressors anything.
func FuzzDecompress(f *testing.F) {
	f.Add([]byte{0x4b, 0x4c, 0x04, 0x00}, uint16(10), false)
	f.Add([]byte{0x10, 'a'}, uint16(10), true)
	f.Fuzz(func(t *testing.T, in []byte, room uint16, lz bool) {
		if len(in) == 0 || room == 0 {
			return
		}
		r := newRig(t)
		algo := accel.Deflate
		if lz {
			algo = accel.LZ4
		}
		task := accel.Task{Op: accel.OpDecompress, Algo: algo, Src: [][]byte{in}, Dst: [][]byte{make([]byte, room)}}
		r.run(&task)
		if task.OutputSize > uint32(room) {
			t.Fatalf("%d bytes in a room of %d", task.OutputSize, room)
		}
	})
}
