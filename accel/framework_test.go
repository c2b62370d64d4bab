// SPDX-License-Identifier: BSD-3-Clause

package accel_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/gospdk/gospdk/accel"
	"github.com/gospdk/gospdk/accel/software"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/thread"
)

// fake is a module that keeps its tasks until it is told to end them.
type fake struct {
	name     string
	priority int
	ops      []accel.Op
	initErr  error
	closed   int
	status   syscall.Errno
	sync     bool // end tasks within Submit
	tasks    []*accel.Task
	open     int
}

func (m *fake) Name() string  { return m.name }
func (m *fake) Priority() int { return m.priority }
func (m *fake) Supports(op accel.Op) bool {
	for _, o := range m.ops {
		if o == op {
			return true
		}
	}
	return false
}
func (m *fake) Init(context.Context) error  { return m.initErr }
func (m *fake) Close(context.Context) error { m.closed++; return nil }
func (m *fake) OpenChannel(*thread.Thread) (accel.ModuleChannel, error) {
	m.open++
	return fakeChannel{m}, nil
}

type fakeChannel struct{ m *fake }

func (c fakeChannel) Close() { c.m.open-- }
func (c fakeChannel) Submit(t *accel.Task) {
	if c.m.sync {
		t.Complete(c.m.status)
		return
	}
	c.m.tasks = append(c.m.tasks, t)
}

// endAll ends all tasks that the module has.
func (m *fake) endAll() {
	tasks := m.tasks
	m.tasks = nil
	for _, t := range tasks {
		t.Complete(m.status)
	}
}

// start makes a framework with the software module and more.
func start(t *testing.T, more ...accel.Module) *accel.Framework {
	t.Helper()
	f := accel.New()
	for _, m := range append(more, software.New()) {
		if err := f.AddModule(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return f
}

// open makes a thread and a channel on it, which are closed at the end.
func open(t *testing.T, f *accel.Framework) (*thread.Thread, *accel.Channel) {
	t.Helper()
	th := thread.New("test")
	c, err := f.Channel(th)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		th.Poll()
	})
	return th, c
}

type counter struct{ n int }

func (c *counter) Complete(*accel.Task)             { c.n++ }
func (c *counter) CompleteSequence(*accel.Sequence) { c.n++ }

// wants checks that an error is errno and says all of the words.
func wants(t *testing.T, err error, errno syscall.Errno, words ...string) {
	t.Helper()
	if !errors.Is(err, errno) {
		t.Errorf("error %v, want %v", err, errno)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}

func TestModulesByPriority(t *testing.T) {
	high := &fake{name: "high", priority: 5, ops: []accel.Op{accel.OpCopy}}
	low := &fake{name: "low", priority: -9, ops: []accel.Op{accel.OpCopy, accel.OpFill}}
	none := &fake{name: "none", priority: 7, ops: []accel.Op{accel.OpCopy}, initErr: syscall.ENODEV}
	f := start(t, high, none, low)
	var names []string
	for _, m := range f.Modules() {
		names = append(names, m.Name)
	}
	if got := strings.Join(names, " "); got != "low software high" {
		t.Errorf("modules %s", got)
	}
	by := map[accel.Op]string{}
	for _, a := range f.Assignments() {
		by[a.Op] = a.Module
	}
	if len(by) != len(accel.Ops()) || by[accel.OpCopy] != "high" || by[accel.OpFill] != "software" {
		t.Errorf("assignments %v", by)
	}
}

func TestAssign(t *testing.T) {
	for _, test := range []struct {
		op     accel.Op
		module string
		want   string
	}{
		{accel.OpFill, "low", ""},
		{accel.OpFill, "nobody", `"nobody": there is no such module; known are: low, software`},
		{accel.OpCRC32C, "low", "crc32c is assigned to module \"low\", which does not support it"},
		{accel.OpEncrypt, "low", "encrypt and decrypt are assigned to different modules"},
	} {
		f := accel.New()
		for _, m := range []accel.Module{software.New(), &fake{name: "low", priority: -2, ops: []accel.Op{accel.OpFill, accel.OpEncrypt}}} {
			if err := f.AddModule(m); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.AssignOp(test.op, test.module); err != nil {
			t.Fatal(err)
		}
		err := f.Start(t.Context())
		if test.want == "" {
			if err != nil {
				t.Error(err)
			}
			wants(t, f.AssignOp(test.op, "software"), syscall.EINVAL, "started")
			wants(t, f.SetOptions(accel.DefaultOptions), syscall.EINVAL, "started")
			wants(t, f.AddModule(&fake{name: "late"}), syscall.EINVAL, "started", "late")
		} else {
			wants(t, err, syscall.EINVAL, test.want)
		}
		if err := f.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	f := accel.New()
	wants(t, f.AssignOp(99, "software"), syscall.EINVAL, "no such operation")
	wants(t, f.SetDriver("mlx5"), syscall.ENODEV, `"mlx5"`, "known are: none")
	o := accel.DefaultOptions
	o.TaskCount = 7
	wants(t, f.SetOptions(o), syscall.EINVAL, "task_count 7", "at least 8")
	if err := f.AddModule(software.New()); err != nil {
		t.Fatal(err)
	}
	wants(t, f.AddModule(software.New()), syscall.EEXIST, "software", "already exists")
	if _, err := f.Channel(thread.New("t")); !errors.Is(err, accel.ErrNotStarted) {
		t.Errorf("channel before the start: %v", err)
	}
}

func TestStartFails(t *testing.T) {
	f := accel.New()
	first := &fake{name: "first", priority: 1}
	for _, m := range []accel.Module{first, &fake{name: "bad", priority: 2, initErr: syscall.EIO}} {
		if err := f.AddModule(m); err != nil {
			t.Fatal(err)
		}
	}
	wants(t, f.Start(t.Context()), syscall.EIO, "module bad")
	if first.closed != 1 {
		t.Errorf("the module that was initialized has been closed %d times", first.closed)
	}
}

func TestChannelIsShared(t *testing.T) {
	m := &fake{name: "fake", priority: 1, ops: []accel.Op{accel.OpCopy, accel.OpFill}}
	f := start(t, m)
	th, c := open(t, f)
	again, err := f.Channel(th)
	if err != nil || again != c || m.open != 1 {
		t.Fatalf("second channel %p of the thread, first %p, %d of the module: %v", again, c, m.open, err)
	}
	wants(t, f.Close(t.Context()), syscall.EBUSY, "1 channels are open")
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	done := new(counter)
	task := accel.Task{Op: accel.OpFill, Done: done}
	c.Submit(&task)
	if !task.Submitted() || c.Outstanding() != 1 {
		t.Errorf("submitted %v, outstanding %d", task.Submitted(), c.Outstanding())
	}
	wants(t, c.Close(), syscall.EBUSY, "1 tasks are outstanding")
	m.endAll()
	if done.n != 1 || task.Submitted() || c.Outstanding() != 0 {
		t.Errorf("completed %d times, submitted %v, outstanding %d", done.n, task.Submitted(), c.Outstanding())
	}
}

// TestBadTasks has tasks with something wrong, and what their error says.
func TestBadTasks(t *testing.T) {
	f := start(t)
	_, c := open(t, f)
	for _, k := range []accel.KeyParams{
		{Name: "xts", Cipher: accel.AESXTS, Key: []byte("00112233445566778899aabbccddeeff"), Key2: []byte("ff112233445566778899aabbccddeeff")},
		{Name: "cbc", Cipher: accel.AESCBC, Key: []byte("00112233445566778899aabbccddeeff")},
		{Name: "512", Cipher: accel.AESXTS, TweakMode: new(accel.Incr512FullLBA), Key: []byte("00112233445566778899aabbccddeeff"), Key2: []byte("ff112233445566778899aabbccddeeff")},
	} {
		if err := f.CreateKey(k); err != nil {
			t.Fatal(err)
		}
	}
	hold := func(name string) *accel.Key {
		k, err := f.HoldKey(name)
		if err != nil {
			t.Fatal(err)
		}
		k.Release()
		return k
	}
	xts, cbc, by512 := hold("xts"), hold("cbc"), hold("512")
	b := func(n ...int) (iov [][]byte) {
		for _, n := range n {
			iov = append(iov, make([]byte, n))
		}
		return iov
	}
	for _, test := range []struct {
		task   accel.Task
		status syscall.Errno
		words  string
	}{
		{accel.Task{}, syscall.EINVAL, "Op:"},
		{accel.Task{Op: 77}, syscall.EINVAL, "Op:"},
		{accel.Task{Op: accel.OpCopy, Src: b(4, 4), Dst: b(7)}, syscall.EINVAL, "copy: Dst: it must be as long as Src"},
		{accel.Task{Op: accel.OpCopyCRC32C, Src: b(4, 4), Dst: b(9)}, syscall.EINVAL, "copy_crc32c: Dst"},
		{accel.Task{Op: accel.OpDualcast, Src: b(4), Dst: b(4), Dst2: b(3)}, syscall.EINVAL, "Dst2"},
		{accel.Task{Op: accel.OpCompare, Src: b(4), Src2: b(3)}, syscall.EINVAL, "Src2"},
		{accel.Task{Op: accel.OpXOR, Src: b(4), Dst: b(4)}, syscall.EINVAL, "at least 2 sources"},
		{accel.Task{Op: accel.OpXOR, Src: b(4, 5), Dst: b(4)}, syscall.EINVAL, "Src"},
		{accel.Task{Op: accel.OpXOR, Src: b(4, 4), Dst: b(2, 2)}, syscall.EINVAL, "Dst: OpXOR needs one piece"},
		{accel.Task{Op: accel.OpEncrypt, Src: b(512), BlockSize: 512}, syscall.EINVAL, "Key"},
		{accel.Task{Op: accel.OpEncrypt, Src: b(512), Key: xts}, syscall.EINVAL, "BlockSize"},
		{accel.Task{Op: accel.OpEncrypt, Src: b(512), Key: xts, BlockSize: 15}, syscall.EINVAL, "BlockSize"},
		{accel.Task{Op: accel.OpEncrypt, Src: b(512), Key: xts, BlockSize: 1<<24 + 1}, syscall.ERANGE, "BlockSize: AES_XTS takes at most 16777216"},
		{accel.Task{Op: accel.OpEncrypt, Src: b(520), Key: cbc, BlockSize: 520}, syscall.EINVAL, "BlockSize"},
		{accel.Task{Op: accel.OpDecrypt, Src: b(520), Key: by512, BlockSize: 520}, syscall.EINVAL, "BlockSize"},
		{accel.Task{Op: accel.OpDecrypt, Src: b(513), Key: xts, BlockSize: 512}, syscall.EINVAL, "Src: it must be one or more whole blocks"},
		{accel.Task{Op: accel.OpDecrypt, Key: xts, BlockSize: 512}, syscall.EINVAL, "Src"},
		{accel.Task{Op: accel.OpDecrypt, Src: b(512), Dst: b(511), Key: xts, BlockSize: 512}, syscall.ERANGE, "Dst: it must be as long as Src, or empty"},
		{accel.Task{Op: accel.OpCompress, Dst: b(5)}, syscall.EINVAL, "Src"},
		{accel.Task{Op: accel.OpCompress, Src: b(5)}, syscall.EINVAL, "Dst"},
		{accel.Task{Op: accel.OpCompress, Src: b(5), Dst: b(5), Level: 4}, syscall.EINVAL, "Level"},
		{accel.Task{Op: accel.OpCompress, Src: b(5), Dst: b(5), Algo: 2}, syscall.ENOTSUP, "Algo"},
		{accel.Task{Op: accel.OpDecompress, Src: b(5), Dst: b(5), Algo: 255}, syscall.ENOTSUP, "Algo"},
		{accel.Task{Op: accel.OpDIFVerify, Src: b(520), Blocks: 1}, syscall.EINVAL, "DIF"},
		{accel.Task{Op: accel.OpCopy, SrcBuf: &accel.Buffer{Len: 4}, Dst: b(4)}, syscall.EINVAL, "SrcBuf"},
	} {
		done := new(counter)
		test.task.Done = done
		c.Submit(&test.task)
		if done.n != 1 || test.task.Status != test.status {
			t.Errorf("%v: completed %d times with %v, want %v", test.task.Op, done.n, test.task.Status, test.status)
		}
		wants(t, test.task.Err(), test.status, test.words)
	}
	s := c.Stats()
	if s.Operations[accel.OpXOR] != (accel.OpStats{Failed: 3}) {
		t.Errorf("statistics of xor: %+v", s.Operations[accel.OpXOR])
	}
	if c.Outstanding() != 0 {
		t.Errorf("%d tasks are outstanding", c.Outstanding())
	}
}

// chain submits its task again from Complete, left times.
type chain struct {
	task  accel.Task
	c     *accel.Channel
	left  int
	depth int
	max   int
}

func (ch *chain) Complete(*accel.Task) {
	ch.depth++
	ch.max = max(ch.max, ch.depth)
	if ch.left > 0 {
		ch.left--
		ch.c.Submit(&ch.task)
	}
	ch.depth--
}

func TestStackStaysShallow(t *testing.T) {
	f := start(t)
	th, c := open(t, f)
	ch := &chain{c: c, left: 1000}
	ch.task = accel.Task{Op: accel.OpFill, Dst: [][]byte{make([]byte, 8)}, Done: ch}
	c.Submit(&ch.task)
	rounds := 0
	for ch.left > 0 {
		if th.Poll() == 0 {
			t.Fatal("nothing to do, and the chain has not ended")
		}
		rounds++
	}
	th.Poll()
	if ch.max > 2 || rounds < 900 {
		t.Errorf("%d calls of Complete on the stack, %d rounds for 1000 tasks", ch.max, rounds)
	}
	if th.Poll(); c.Outstanding() != 0 || th.Arm() != thread.Forever {
		t.Errorf("%d outstanding, or the thread does not sleep", c.Outstanding())
	}
}

// TestRoundIsBounded sees that large tasks do not all run in one round.
func TestRoundIsBounded(t *testing.T) {
	f := start(t)
	th, c := open(t, f)
	const n = 16
	chains := make([]chain, n)
	for i := range chains {
		ch := &chains[i]
		*ch = chain{c: c, left: 2}
		ch.task = accel.Task{Op: accel.OpFill, Dst: [][]byte{make([]byte, 512<<10)}, Done: ch}
		c.Submit(&ch.task)
	}
	before := c.Stats().Operations[accel.OpFill].Executed
	th.Poll()
	if got := c.Stats().Operations[accel.OpFill].Executed - before; got != 2 {
		t.Errorf("%d tasks of 512 KiB in one round", got)
	}
	for c.Outstanding() > 0 {
		if th.Poll() == 0 {
			t.Fatal("nothing to do, and tasks are outstanding")
		}
	}
}

type panicker struct{ n int }

func (p *panicker) Complete(*accel.Task) { p.n++; panic("user") }

// TestPanicOfUser sees that a panic in one user's Complete costs nobody else.
func TestPanicOfUser(t *testing.T) {
	defer log.SetOutput(log.SetOutput(io.Discard)) // the stacks
	f := start(t)
	th, c := open(t, f)
	bad, good := new(panicker), new(counter)
	outer := &nested{c: c, tasks: []*accel.Task{
		{Op: accel.OpFill, Done: bad}, {Op: accel.OpFill, Done: good}, {Op: accel.OpFill, Done: bad}, {Op: accel.OpFill, Done: good},
	}}
	task := accel.Task{Op: accel.OpFill, Done: outer}
	c.Submit(&task)
	for range 8 {
		th.Poll()
	}
	if bad.n != 2 || good.n != 2 || c.Outstanding() != 0 {
		t.Errorf("%d and %d completions, %d outstanding", bad.n, good.n, c.Outstanding())
	}
}

// nested submits tasks from its Complete.
type nested struct {
	c     *accel.Channel
	tasks []*accel.Task
}

func (n *nested) Complete(*accel.Task) {
	for _, t := range n.tasks {
		n.c.Submit(t)
	}
}

func TestSubmitTwicePanics(t *testing.T) {
	m := &fake{name: "fake", priority: 1, ops: []accel.Op{accel.OpFill}}
	_, c := open(t, start(t, m))
	task := accel.Task{Op: accel.OpFill, Done: new(counter)}
	c.Submit(&task)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		c.Submit(&task)
	}()
	m.endAll()
	defer func() {
		if recover() == nil {
			t.Error("a second completion did not panic")
		}
	}()
	task.Complete(0)
}
