// SPDX-License-Identifier: BSD-3-Clause

package accel_test

import (
	"bytes"
	"syscall"
	"testing"

	"github.com/gospdk/gospdk/accel"
	"github.com/gospdk/gospdk/dif"
	"github.com/gospdk/gospdk/thread/iobuf"
)

// seqRig has what the tests of sequences need.
type seqRig struct {
	t   *testing.T
	c   *accel.Channel
	key *accel.Key
	seq accel.Sequence
}

func newSeqRig(t *testing.T, more ...accel.Module) *seqRig {
	t.Helper()
	f := start(t, more...)
	r := &seqRig{t: t}
	_, r.c = open(t, f)
	if err := f.CreateKey(accel.KeyParams{Name: "k", Cipher: accel.AESXTS, Key: hex16, Key2: other}); err != nil {
		t.Fatal(err)
	}
	var err error
	if r.key, err = f.HoldKey("k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.key.Release)
	return r
}

// run appends tasks, finishes and returns how many operations were executed.
func (r *seqRig) run(tasks ...*accel.Task) int {
	r.t.Helper()
	before := r.c.Stats()
	for _, t := range tasks {
		r.seq.Append(r.c, t)
	}
	done := new(counter)
	r.seq.Finish(r.c, done)
	if done.n != 1 {
		r.t.Fatalf("completed %d times", done.n)
	}
	return executed(before, r.c.Stats())
}

func filled(n int, b byte) [][]byte { return [][]byte{bytes.Repeat([]byte{b}, n)} }

// TestMerge lists which copies are left out and which are not.
func TestMerge(t *testing.T) {
	r := newSeqRig(t)
	protection := &dif.Context{BlockSize: 520, MDSize: 8, Interleaved: true, Type: dif.Type1, Flags: dif.Guard}
	a, b, c := filled(512, 1), filled(512, 2), filled(512, 3)
	short := filled(256, 4)
	crypt := func(op accel.Op, src, dst [][]byte) *accel.Task {
		return &accel.Task{Op: op, Src: src, Dst: dst, Key: r.key, BlockSize: 512}
	}
	cp := func(src, dst [][]byte) *accel.Task { return &accel.Task{Op: accel.OpCopy, Src: src, Dst: dst} }
	crc := func(src [][]byte) *accel.Task { return &accel.Task{Op: accel.OpCRC32C, Src: src} }
	for _, test := range []struct {
		name  string
		tasks []*accel.Task
		want  int
	}{
		{"copy, copy", []*accel.Task{cp(a, b), cp(b, c)}, 1},
		{"copy, encrypt", []*accel.Task{cp(a, b), crypt(accel.OpEncrypt, b, c)}, 1},
		{"copy, encrypt in place", []*accel.Task{cp(a, b), crypt(accel.OpEncrypt, b, nil)}, 1},
		{"copy, encrypt back", []*accel.Task{cp(a, b), crypt(accel.OpEncrypt, b, a)}, 1},
		{"encrypt, copy", []*accel.Task{crypt(accel.OpEncrypt, a, b), cp(b, c)}, 1},
		{"encrypt in place, copy", []*accel.Task{crypt(accel.OpEncrypt, a, nil), cp(a, c)}, 2},
		{"encrypt, crc32c, copy", []*accel.Task{crypt(accel.OpEncrypt, a, b), crc(b), cp(b, c)}, 2},
		{"encrypt, crc32c twice, copy", []*accel.Task{crypt(accel.OpEncrypt, a, b), crc(b), crc(b), cp(b, c)}, 3},
		{"crc32c, copy", []*accel.Task{crc(a), cp(a, b)}, 2},
		{"copy, crc32c", []*accel.Task{cp(a, b), crc(b)}, 2},
		{"fill, copy", []*accel.Task{{Op: accel.OpFill, Dst: b}, cp(b, c)}, 1},
		{"copy, copy from elsewhere", []*accel.Task{cp(a, b), cp(a, c)}, 2},
		{"copy, encrypt, and it is read again", []*accel.Task{cp(a, b), crypt(accel.OpEncrypt, b, c), crc(b)}, 3},
		{"encrypt, copy, and it is compared", []*accel.Task{crypt(accel.OpEncrypt, a, b), cp(b, c), {Op: accel.OpCompare, Src: c, Src2: b}}, 3},
		{"copies in a row", []*accel.Task{cp(a, b), cp(b, c), crypt(accel.OpEncrypt, c, nil), cp(c, b)}, 1},
		{"copy of another length", []*accel.Task{crypt(accel.OpEncrypt, a, b), cp([][]byte{b[0][:256]}, short)}, 2},
		{"copy, insert protection information", []*accel.Task{cp(a, b),
			{Op: accel.OpDIFGenerateCopy, Src: b, Dst: filled(520, 0), DIF: protection, Blocks: 1}}, 1},
	} {
		if got := r.run(test.tasks...); got != test.want || r.seq.Status != 0 {
			t.Errorf("%s: %d operations executed, want %d; status %v", test.name, got, test.want, r.seq.Status)
		}
	}
}

// TestMergeApart sees that an operation which does not work in place is not
// made to.
func TestMergeApart(t *testing.T) {
	r := newSeqRig(t)
	protection := &dif.Context{BlockSize: 520, MDSize: 8, Interleaved: true, Type: dif.Type1, Flags: dif.Guard}
	data := bytes.Repeat([]byte("0123456789abcdef"), 8*32)
	room := make([]byte, 8*520)
	copy(room, data)
	between := make([]byte, len(data))
	n := r.run(
		&accel.Task{Op: accel.OpCopy, Src: [][]byte{room[:len(data)]}, Dst: [][]byte{between}},
		&accel.Task{Op: accel.OpDIFGenerateCopy, Src: [][]byte{between}, Dst: [][]byte{room}, DIF: protection, Blocks: 8},
	)
	if n != 2 || r.seq.Status != 0 {
		t.Fatalf("%d operations executed, status %v", n, r.seq.Status)
	}
	for i := range 8 {
		if !bytes.Equal(room[i*520:][:512], data[i*512:][:512]) {
			t.Fatalf("block %d is not what it was", i)
		}
	}
}

func TestReverseAndAbort(t *testing.T) {
	r := newSeqRig(t)
	a, b := filled(8, 1), filled(8, 2)
	one := &accel.Task{Op: accel.OpFill, Dst: a, Fill: 5}
	two := &accel.Task{Op: accel.OpCompare, Src: a, Src2: b}
	three := &accel.Task{Op: accel.OpFill, Dst: b, Fill: 6}
	for _, task := range []*accel.Task{one, two, three} {
		r.seq.Append(r.c, task)
	}
	r.seq.Reverse()
	done := new(counter)
	r.seq.Finish(r.c, done)
	if one.Status != syscall.ECANCELED || two.Status != syscall.EILSEQ || three.Status != 0 || r.seq.Status != syscall.EILSEQ || b[0][0] != 6 {
		t.Errorf("statuses %v %v %v, sequence %v", one.Status, two.Status, three.Status, r.seq.Status)
	}
	steps := new(counter)
	one.Done, two.Done = steps, steps
	r.seq.Append(r.c, one)
	r.seq.Append(r.c, two)
	if r.seq.Empty() || r.c.Outstanding() != 3 || r.c.Stats().SequencesOutstanding != 1 || r.c.Stats().TasksOutstanding != 2 {
		t.Errorf("%d outstanding, statistics %+v", r.c.Outstanding(), r.c.Stats())
	}
	r.seq.Abort()
	r.seq.Abort() // an empty one
	if steps.n != 2 || one.Status != syscall.ECANCELED || !r.seq.Empty() || r.c.Outstanding() != 0 {
		t.Errorf("%d steps ended, %v, %d outstanding", steps.n, one.Status, r.c.Outstanding())
	}
	if r.run() != 0 || r.seq.Status != 0 {
		t.Errorf("an empty sequence ended with %v", r.seq.Status)
	}
}

// TestBuffersWait sees that sequences wait for memory and get it in order.
func TestBuffersWait(t *testing.T) {
	pool := iobuf.New(iobuf.Options{SmallCount: iobuf.MinSmallCount, LargeCount: iobuf.MinLargeCount})
	m := &fake{name: "fake", priority: 1, ops: []accel.Op{accel.OpEncrypt, accel.OpDecrypt}}
	f := accel.New(accel.WithIobuf(pool))
	if err := f.AddModule(m); err != nil {
		t.Fatal(err)
	}
	if err := f.AddModule(&fake{name: "sync", ops: []accel.Op{accel.OpFill, accel.OpCRC32C}, sync: true}); err != nil {
		t.Fatal(err)
	}
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	th, c := open(t, f)
	const n = iobuf.MinLargeCount + 3
	var seqs [n]accel.Sequence
	var bufs [n]accel.Buffer
	var fills, crcs [n]accel.Task
	k := new(gate)
	done := new(counter)
	for i := range n {
		bufs[i].Len = 100000
		fills[i] = accel.Task{Op: accel.OpFill, DstBuf: &bufs[i]}
		crcs[i] = accel.Task{Op: accel.OpCRC32C, SrcBuf: &bufs[i], Done: k}
		seqs[i].Append(c, &fills[i])
		seqs[i].Append(c, &crcs[i])
	}
	// All memory but one buffer is taken by somebody else.
	others, err := pool.Channel(th, "others", 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	var taken [][]byte
	for b := others.Get(100000, nil); b != nil; b = others.Get(100000, nil) {
		taken = append(taken, b)
	}
	for i := range n {
		seqs[i].Finish(c, done)
	}
	if done.n != 0 || c.Stats().BufferWaits != n {
		t.Fatalf("%d sequences ended without memory, %d waited", done.n, c.Stats().BufferWaits)
	}
	for _, b := range taken {
		others.Put(b)
	}
	for range 10 {
		th.Poll()
	}
	if done.n != n || k.n != n || c.Outstanding() != 0 {
		t.Errorf("%d sequences have ended, %d steps, %d outstanding", done.n, k.n, c.Outstanding())
	}
	if err := others.Close(); err != nil {
		t.Error(err)
	}
}

// gate counts steps that had memory.
type gate struct{ n int }

func (g *gate) Complete(t *accel.Task) {
	if len(t.SrcBuf.Bytes()) == 100000 {
		g.n++
	}
}

func TestBadBuffers(t *testing.T) {
	r := newSeqRig(t)
	for _, n := range []int{0, -1, 1 << 30} {
		task := &accel.Task{Op: accel.OpFill, DstBuf: &accel.Buffer{Len: n}}
		r.run(task)
		wants(t, task.Err(), syscall.EINVAL, "DstBuf", "size of a large buffer")
		task = &accel.Task{Op: accel.OpCRC32C, SrcBuf: &accel.Buffer{Len: n}}
		r.run(task)
		wants(t, task.Err(), syscall.EINVAL, "SrcBuf")
	}
}

// TestSequenceInSequence finishes a sequence from within the completion of
// another, without end on the stack.
func TestSequenceInSequence(t *testing.T) {
	f := start(t)
	th, c := open(t, f)
	s := &seqChain{c: c, left: 300}
	s.task = accel.Task{Op: accel.OpFill, Dst: filled(8, 0)}
	s.seq.Append(c, &s.task)
	s.seq.Finish(c, s)
	for range 310 {
		th.Poll()
	}
	if s.left != 0 || s.max > 2 || c.Outstanding() != 0 {
		t.Errorf("%d sequences left, %d calls on the stack, %d outstanding", s.left, s.max, c.Outstanding())
	}
}

type seqChain struct {
	seq              accel.Sequence
	task             accel.Task
	c                *accel.Channel
	left, depth, max int
}

func (s *seqChain) CompleteSequence(q *accel.Sequence) {
	s.depth++
	s.max = max(s.max, s.depth)
	if s.left > 0 {
		s.left--
		q.Append(s.c, &s.task)
		q.Finish(s.c, s)
	}
	s.depth--
}

// TestNoAllocation holds the data path to its promise.
func TestNoAllocation(t *testing.T) {
	r := newSeqRig(t)
	done := new(counter)
	src, dst := filled(4096, 1), filled(4096, 2)
	two := [][]byte{src[0], dst[0]}
	third := filled(4096, 3)
	protected := filled(8*520, 4)
	protection := &dif.Context{BlockSize: 520, MDSize: 8, Interleaved: true, Type: dif.Type1, Flags: dif.Guard | dif.RefTag}
	for _, task := range []*accel.Task{
		{Op: accel.OpCopy, Src: src, Dst: dst},
		{Op: accel.OpFill, Dst: dst},
		{Op: accel.OpCompare, Src: src, Src2: src},
		{Op: accel.OpCRC32C, Src: src},
		{Op: accel.OpCRC64, Src: src},
		{Op: accel.OpXOR, Src: two, Dst: third},
		{Op: accel.OpEncrypt, Src: src, Dst: dst, Key: r.key, BlockSize: 512},
		{Op: accel.OpDecrypt, Src: src, Dst: dst, Key: r.key, BlockSize: 4096},
		{Op: accel.OpDIFGenerate, Src: protected, DIF: protection, Blocks: 8},
		{Op: accel.OpDIFVerify, Src: protected, DIF: protection, Blocks: 8},
		{Op: accel.OpCompress, Src: src, Dst: dst},
		{Op: accel.OpCompress, Algo: accel.LZ4, Src: src, Dst: dst},
	} {
		task.Done = done
		r.c.Submit(task)
		if err := task.Err(); err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(50, func() { r.c.Submit(task) }); n != 0 && !raceEnabled {
			t.Errorf("%v: %v allocations", task.Op, n)
		}
	}
	buf := accel.Buffer{Len: 4096}
	fill := accel.Task{Op: accel.OpFill, DstBuf: &buf}
	crc := accel.Task{Op: accel.OpCRC32C, SrcBuf: &buf}
	sequence := func() {
		r.seq.Append(r.c, &fill)
		r.seq.Append(r.c, &crc)
		r.seq.Finish(r.c, done)
	}
	sequence()
	if n := testing.AllocsPerRun(50, sequence); n != 0 && !raceEnabled {
		t.Errorf("a sequence: %v allocations", n)
	}
}
