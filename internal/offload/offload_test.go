// SPDX-License-Identifier: BSD-3-Clause

package offload

import (
	"sync"
	"sync/atomic"
	"testing"
)

// Calls are handed out in the order in which they were started.
func TestOrder(t *testing.T) {
	q := Queue{running: workers} // none of which takes any
	var calls [5]Call
	for round := range 2 {
		for i := range calls {
			q.Start(&calls[i])
		}
		for i := range calls {
			if got := q.take(); got != &calls[i] {
				t.Errorf("round %d: call %d is not the next", round, i)
			}
		}
		if q.take() != nil {
			t.Fatal("a call that nobody started")
		}
	}
}

// All calls are made once, a few at a time.
func TestCalls(t *testing.T) {
	const n = 100
	var q Queue
	var now, most atomic.Int32
	gate := make(chan struct{})
	full := make(chan struct{}, n)
	var wg sync.WaitGroup
	wg.Add(n)
	var made [n]atomic.Int32
	var calls [n]Call
	for i := range calls {
		calls[i] = Call{Arg: i, Run: func(arg any) {
			defer wg.Done()
			made[arg.(int)].Add(1)
			if v := now.Add(1); v > most.Load() {
				most.Store(v)
			}
			full <- struct{}{}
			<-gate
			now.Add(-1)
		}}
		q.Start(&calls[i])
	}
	for range workers {
		<-full
	}
	close(gate)
	wg.Wait()
	for i := range made {
		if got := made[i].Load(); got != 1 {
			t.Errorf("call %d was made %d times", i, got)
		}
	}
	if got := most.Load(); got != workers {
		t.Errorf("%d calls were made at once, want %d", got, workers)
	}
}

// A call may be started again when it is made.
func TestCallAgain(t *testing.T) {
	var q Queue
	done := make(chan struct{})
	n := 0
	c := new(Call)
	*c = Call{Arg: c, Run: func(arg any) {
		if n++; n == 1000 {
			close(done)
			return
		}
		q.Start(arg.(*Call))
	}}
	q.Start(c)
	<-done
}

func TestStartAllocatesNothing(t *testing.T) {
	var q Queue
	done := make(chan struct{}, 1)
	c := &Call{Arg: &q, Run: func(any) { done <- struct{}{} }}
	if n := testing.AllocsPerRun(1000, func() {
		q.Start(c)
		<-done
	}); n > 1 { // the goroutine that the runtime reuses may be new
		t.Errorf("%v allocations", n)
	}
}
