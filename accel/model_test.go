// SPDX-License-Identifier: BSD-3-Clause

package accel_test

import (
	"bytes"
	"hash/crc32"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/gospdk/gospdk/accel"
	"github.com/gospdk/gospdk/accel/software"
	"github.com/gospdk/gospdk/thread"
)

// later is the software module with completions in a later round.
type later struct{ *software.Module }

func (later) Name() string  { return "later" }
func (later) Priority() int { return 1 }
func (m later) OpenChannel(t *thread.Thread) (accel.ModuleChannel, error) {
	inner, err := m.Module.OpenChannel(t)
	if err != nil {
		return nil, err
	}
	c := &laterChannel{ModuleChannel: inner}
	c.poller = t.NewPoller(thread.PollerConfig{Name: "later", Poll: c.poll, Arm: func() time.Duration { return thread.Forever }})
	return c, nil
}

type laterChannel struct {
	accel.ModuleChannel
	poller *thread.Poller
	tasks  []*accel.Task
}

func (c *laterChannel) Submit(t *accel.Task) { c.tasks = append(c.tasks, t) }

func (c *laterChannel) Close() {
	c.poller.Stop()
	c.ModuleChannel.Close()
}

func (c *laterChannel) poll() int {
	tasks := c.tasks
	c.tasks = nil
	for _, t := range tasks {
		c.ModuleChannel.Submit(t)
	}
	return len(tasks)
}

// eager is a driver that copies and fills itself, at once or a round later,
// and leaves all else to the modules.
type eager struct{ late bool }

func (eager) Name() string { return "eager" }
func (d eager) OpenChannel(t *thread.Thread) (accel.DriverChannel, error) {
	return &eagerChannel{t: t, late: d.late}, nil
}

type eagerChannel struct {
	t     *thread.Thread
	late  bool
	calls int
}

func (c *eagerChannel) Close() {}
func (c *eagerChannel) Execute(s *accel.Sequence) {
	if c.calls++; c.late && c.calls%2 == 0 {
		c.t.Send(func() { c.execute(s) })
		return
	}
	c.execute(s)
}

func (c *eagerChannel) execute(s *accel.Sequence) {
	for t := s.First(); t != nil; t = s.First() {
		switch t.Op {
		case accel.OpCopy:
			rest := bytes.Join(t.Src, nil)
			for _, p := range t.Dst {
				rest = rest[copy(p, rest):]
			}
		case accel.OpFill:
			for _, p := range t.Dst {
				for i := range p {
					p[i] = t.Fill
				}
			}
		default:
			s.Continue()
			return
		}
		t.Complete(0)
	}
	s.Continue()
}

const (
	placeBlocks = 4 // of 512 bytes
	placeBytes  = placeBlocks * 512
	numPlaces   = 5
)

// model is memory that a sequence works on, and a copy of it where each task
// is carried out by itself.
type model struct {
	t      *testing.T
	rng    *rand.Rand
	key    *accel.Key
	plain  *accel.Channel // carries out single tasks
	real   [numPlaces][][]byte
	want   [numPlaces][]byte
	buffer [numPlaces]*accel.Buffer // places that are memory between tasks
	// exact says that what the place holds at the end is certain: nothing
	// has read it since it was written.
	exact [numPlaces]bool
	full  [numPlaces]bool // has content
	fails bool
	tasks []*step
}

type step struct {
	task   accel.Task
	m      *model
	index  int
	crc    uint64
	status syscall.Errno
	ended  bool
}

func (s *step) Complete(t *accel.Task) {
	for i, o := range s.m.tasks {
		if !o.ended && i < s.index && !s.m.mayEndLater(i, s.index) {
			s.m.t.Errorf("step %d ended before step %d", s.index, i)
		}
	}
	s.ended = true
}

// mayEndLater: a copy that is left out ends when the sequence is given to
// Finish, before the others.
func (m *model) mayEndLater(_, i int) bool { return m.tasks[i].task.Op == accel.OpCopy }

func newModel(t *testing.T, rng *rand.Rand, key *accel.Key, plain *accel.Channel) *model {
	m := &model{t: t, rng: rng, key: key, plain: plain}
	for i := range m.real {
		m.want[i] = make([]byte, placeBytes)
		if rng.IntN(4) == 0 {
			m.buffer[i] = &accel.Buffer{Len: placeBytes}
			continue
		}
		for j := range m.want[i] {
			m.want[i][j] = byte(rng.Uint32())
		}
		all := bytes.Clone(m.want[i])
		for rng.IntN(3) > 0 && len(all) > 1 {
			n := 1 + rng.IntN(len(all)-1)
			m.real[i] = append(m.real[i], all[:n:n])
			all = all[n:]
		}
		m.real[i] = append(m.real[i], all)
		m.exact[i], m.full[i] = true, true
	}
	return m
}

// readable returns a place with content.
func (m *model) readable() (int, bool) {
	for range 20 {
		if i := m.rng.IntN(numPlaces); m.full[i] {
			return i, true
		}
	}
	return 0, false
}

// grow adds a random task and carries it out on the copy.
func (m *model) grow() {
	from, ok := m.readable()
	to := m.rng.IntN(numPlaces)
	ops := []accel.Op{accel.OpCopy, accel.OpCopy, accel.OpCopy, accel.OpEncrypt, accel.OpDecrypt, accel.OpFill, accel.OpCRC32C, accel.OpCopyCRC32C, accel.OpCompare}
	if n := len(m.tasks); n > 0 && m.rng.IntN(2) == 0 { // read what was written
		if last := m.tasks[n-1].index; last >= 0 && m.full[m.last()] {
			from, ok = m.last(), true
		}
	}
	if !ok {
		ops = []accel.Op{accel.OpFill}
	}
	s := &step{m: m, index: len(m.tasks)}
	t := &s.task
	t.Op = ops[m.rng.IntN(len(ops))]
	t.Done = s
	if t.Op == accel.OpCompare && m.rng.IntN(8) > 0 {
		t.Op = accel.OpCopy
	}
	switch t.Op {
	case accel.OpFill:
		t.Fill = byte(m.rng.Uint32())
	case accel.OpEncrypt, accel.OpDecrypt:
		t.Key, t.IV, t.BlockSize = m.key, m.rng.Uint64(), 512
		if m.rng.IntN(3) == 0 {
			to = from // in place
		}
	case accel.OpCopy, accel.OpCopyCRC32C:
		if to == from {
			to = (to + 1) % numPlaces
		}
	}
	m.connect(t, from, to)
	m.carryOut(s, from, to)
	m.tasks = append(m.tasks, s)
}

// last returns the place that the youngest task wrote, else that it read.
func (m *model) last() int {
	t := &m.tasks[len(m.tasks)-1].task
	for i := range numPlaces {
		if m.is(i, t.Dst, t.DstBuf) {
			return i
		}
	}
	for i := range numPlaces {
		if m.is(i, t.Src, t.SrcBuf) {
			return i
		}
	}
	return 0
}

// placeOf returns the place that an operand is, -1 for none.
func (m *model) placeOf(iov [][]byte, b *accel.Buffer) int {
	for i := range numPlaces {
		if m.is(i, iov, b) {
			return i
		}
	}
	return -1
}

func (m *model) is(i int, iov [][]byte, b *accel.Buffer) bool {
	return b != nil && b == m.buffer[i] || b == nil && len(iov) > 0 && m.buffer[i] == nil && &iov[0] == &m.real[i][0]
}

// connect sets the operands of a task on the real memory.
func (m *model) connect(t *accel.Task, from, to int) {
	if t.Op != accel.OpFill {
		t.Src, t.SrcBuf = m.real[from], m.buffer[from]
	}
	switch t.Op {
	case accel.OpCRC32C:
	case accel.OpCompare:
		other, _ := m.readable()
		if m.buffer[other] != nil {
			other = from
		}
		if m.buffer[other] != nil {
			t.Op = accel.OpCRC32C
			return
		}
		t.Src2 = m.real[other]
	default:
		if to == from && t.Key != nil && m.rng.IntN(2) == 0 {
			return // in place, without saying so twice
		}
		t.Dst, t.DstBuf = m.real[to], m.buffer[to]
	}
}

// carryOut does the task on the copy, by means of its own where they are
// simple, and says what is certain.
func (m *model) carryOut(s *step, from, to int) {
	t := &s.task
	if m.fails {
		s.status = syscall.ECANCELED
		return
	}
	if t.Op != accel.OpFill {
		m.exact[from] = false
	}
	switch t.Op {
	case accel.OpFill:
		m.want[to] = bytes.Repeat([]byte{t.Fill}, placeBytes)
	case accel.OpCopy, accel.OpCopyCRC32C:
		m.want[to] = bytes.Clone(m.want[from])
	case accel.OpEncrypt, accel.OpDecrypt:
		one := accel.Task{Op: t.Op, Key: t.Key, IV: t.IV, BlockSize: 512, Src: [][]byte{m.want[from]}, Dst: [][]byte{make([]byte, placeBytes)}, Done: new(counter)}
		m.plain.Submit(&one)
		m.want[to] = one.Dst[0]
	case accel.OpCompare:
		for i := range numPlaces {
			if m.is(i, t.Src2, nil) {
				m.exact[i] = false
				m.fails = !bytes.Equal(m.want[from], m.want[i])
			}
		}
		if m.fails {
			s.status = syscall.EILSEQ
		}
		return
	}
	if t.Op == accel.OpCRC32C || t.Op == accel.OpCopyCRC32C {
		s.crc = uint64(^crc32.Checksum(m.want[from], crc32.MakeTable(crc32.Castagnoli)))
	}
	if t.Op != accel.OpCRC32C {
		m.exact[to], m.full[to] = m.buffer[to] == nil, true
	}
}

// check holds what has happened against what should have.
func (m *model) check(seed uint64, status syscall.Errno) {
	m.t.Helper()
	var want syscall.Errno
	for i, s := range m.tasks {
		if s.status != 0 && want == 0 {
			want = s.status
		}
		if !s.ended || s.task.Submitted() {
			m.t.Errorf("seed %d: step %d has not ended", seed, i)
		}
		if s.task.Status != s.status && (s.task.Op != accel.OpCopy || s.task.Status != 0) {
			m.t.Errorf("seed %d: step %d, %v, ended with %v, want %v", seed, i, s.task.Op, s.task.Status, s.status)
		}
		if s.status == 0 && s.crc != 0 && s.task.CRC != s.crc {
			m.t.Errorf("seed %d: step %d, %v: CRC %#x, want %#x", seed, i, s.task.Op, s.task.CRC, s.crc)
		}
	}
	if status != want {
		m.t.Errorf("seed %d: the sequence ended with %v, want %v", seed, status, want)
	}
	for i := range numPlaces {
		if !m.fails && m.exact[i] && !bytes.Equal(bytes.Join(m.real[i], nil), m.want[i]) {
			m.t.Errorf("seed %d: place %d does not hold what it should", seed, i)
		}
		if b := m.buffer[i]; b != nil && b.Bytes() != nil {
			m.t.Errorf("seed %d: buffer %d has still got memory", seed, i)
		}
	}
}

// TestSequences runs random sequences on every kind of module and driver.
func TestSequences(t *testing.T) {
	for name, setup := range map[string]func(*accel.Framework) error{
		"at once": func(*accel.Framework) error { return nil },
		"later":   func(f *accel.Framework) error { return f.AddModule(later{software.New()}) },
		"driver": func(f *accel.Framework) error {
			if err := f.AddDriver(eager{late: true}); err != nil {
				return err
			}
			return f.SetDriver("eager")
		},
	} {
		t.Run(name, func(t *testing.T) { sequences(t, setup) })
	}
}

func sequences(t *testing.T, setup func(*accel.Framework) error) {
	f := accel.New()
	if err := setup(f); err != nil {
		t.Fatal(err)
	}
	if err := f.AddModule(software.New()); err != nil {
		t.Fatal(err)
	}
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := f.CreateKey(accel.KeyParams{Name: "k", Cipher: accel.AESXTS, Key: hex16, Key2: other}); err != nil {
		t.Fatal(err)
	}
	key, err := f.HoldKey("k")
	if err != nil {
		t.Fatal(err)
	}
	defer key.Release()
	th, c := open(t, f)
	plainF := start(t)
	if err := plainF.CreateKey(accel.KeyParams{Name: "k", Cipher: accel.AESXTS, Key: hex16, Key2: other}); err != nil {
		t.Fatal(err)
	}
	_, plain := open(t, plainF)
	var seq accel.Sequence
	merged := 0
	for seed := range uint64(3000) {
		m := newModel(t, rand.New(rand.NewPCG(seed, 7)), key, plain)
		for range 1 + m.rng.IntN(8) {
			m.grow()
		}
		for _, s := range m.tasks {
			seq.Append(c, &s.task)
		}
		before := c.Stats()
		done := new(counter)
		seq.Finish(c, done)
		for rounds := 0; done.n == 0; rounds++ {
			if rounds > 100 {
				t.Fatalf("seed %d: the sequence does not end", seed)
			}
			th.Poll()
		}
		m.check(seed, seq.Status)
		if t.Failed() {
			for i, s := range m.tasks {
				t.Logf("step %d: %v from %d to %d, %v", i, s.task.Op, m.placeOf(s.task.Src, s.task.SrcBuf), m.placeOf(s.task.Dst, s.task.DstBuf), s.task.Status)
			}
			return
		}
		merged += len(m.tasks) - executed(before, c.Stats())
	}
	if merged < 1000 {
		t.Errorf("only %d copies were left out", merged)
	}
	s := c.Stats()
	if c.Outstanding() != 0 || s.SequencesOutstanding != 0 || s.SequencesExecuted != 3000 || s.SequencesFailed == 0 || s.SequencesFailed == 3000 {
		t.Errorf("%d outstanding; statistics %+v", c.Outstanding(), s)
	}
}

func executed(before, after accel.Stats) (n int) {
	for i := range after.Operations {
		n += int(after.Operations[i].Executed - before.Operations[i].Executed)
	}
	return n
}
