// SPDX-License-Identifier: BSD-3-Clause

package accel_test

import (
	"context"
	"testing"

	"github.com/gospdk/gospdk/accel"
	"github.com/gospdk/gospdk/reactor"
	"github.com/gospdk/gospdk/thread"
)

// looper keeps a task on its way until it has been told to stop.
type looper struct {
	task accel.Task
	c    *accel.Channel
	n    uint64
	stop bool
	done chan struct{}
}

func (l *looper) Complete(t *accel.Task) {
	l.n++
	if t.Status != 0 || l.stop {
		close(l.done)
		return
	}
	l.c.Submit(t)
}

// TestThreads uses the framework on several threads and asks for statistics
// meanwhile and after.
func TestThreads(t *testing.T) {
	ctx := t.Context()
	f := start(t)
	set, err := reactor.Start(reactor.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := set.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	var loops []*looper
	var threads []*thread.Thread
	for range 3 {
		th, err := set.NewThread(ctx, "worker", reactor.Mask{})
		if err != nil {
			t.Fatal(err)
		}
		l := &looper{done: make(chan struct{})}
		l.task = accel.Task{Op: accel.OpCRC32C, Src: [][]byte{make([]byte, 100)}, Done: l}
		if err := thread.Do(ctx, th, func() (err error) {
			if l.c, err = f.Channel(th); err == nil {
				l.c.Submit(&l.task)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		loops, threads = append(loops, l), append(threads, th)
	}
	var last uint64
	for last < 3000 {
		s, err := f.Stats(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if n := s.Operations[accel.OpCRC32C].Executed; n < last {
			t.Fatalf("%d operations executed, before it were %d", n, last)
		} else {
			last = n
		}
	}
	var want uint64
	for i, l := range loops {
		if err := thread.Do(ctx, threads[i], func() error { l.stop = true; return nil }); err != nil {
			t.Fatal(err)
		}
		<-l.done
		if err := thread.Do(ctx, threads[i], func() error { want += l.n; return l.c.Close() }); err != nil {
			t.Fatal(err)
		}
	}
	s, err := f.Stats(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Operations[accel.OpCRC32C]; got != (accel.OpStats{Executed: want, Bytes: 100 * want}) || s.TasksOutstanding != 0 {
		t.Errorf("statistics %+v, outstanding %d; want %d", got, s.TasksOutstanding, want)
	}
}
