// SPDX-License-Identifier: BSD-3-Clause

package thread_test

import (
	"context"
	"fmt"
	"time"

	"github.com/gospdk/gospdk/internal/sim"
	"github.com/gospdk/gospdk/thread"
)

// A test steps a thread by hand, on a clock that it moves itself.
func ExampleThread_Poll() {
	clock := new(sim.Clock)
	t := thread.New("test", thread.WithClock(clock))
	t.NewPoller(thread.PollerConfig{
		Name:   "heartbeat",
		Period: time.Second,
		Poll:   func() int { fmt.Println("beat at", clock.Now()); return 1 },
	})
	fmt.Println("work done:", t.Poll())
	clock.Advance(time.Second)
	fmt.Println("work done:", t.Poll())
	// Output:
	// work done: 0
	// beat at 1s
	// work done: 1
}

// A message that belongs to its sender costs no allocation.
func ExampleThread_SendMsg() {
	type request struct {
		msg  thread.Msg
		name string
	}
	run := func(m *thread.Msg) { fmt.Println("running", m.Arg.(*request).name) }

	t := thread.New("test")
	r := &request{name: "a request"}
	r.msg.Run, r.msg.Arg = run, r
	t.SendMsg(&r.msg)
	t.Poll()
	// Output: running a request
}

// The control plane calls into a thread and waits for the result.
func ExampleCall() {
	t := thread.New("worker")
	go func() { // in a program a reactor does this
		for !t.Exited() {
			t.Poll()
		}
	}()
	n, err := thread.Call(context.Background(), t, func() (int, error) { return 42, nil })
	fmt.Println(n, err)
	t.Exit()
	<-t.Done()
	// Output: 42 <nil>
}
