// SPDX-License-Identifier: BSD-3-Clause

package reactor

import (
	"context"
	"runtime"
	"testing"

	"github.com/gospdk/gospdk/thread"
)

func TestBackground(t *testing.T) {
	procs := runtime.GOMAXPROCS(0)
	b, err := StartBackground("bg")
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for range 100 {
		if err := thread.Do(context.Background(), b.Thread(), func() error { ran++; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	last := make(chan int, 1)
	b.Thread().Send(func() { last <- ran })
	b.Stop()
	if n := <-last; n != 100 {
		t.Errorf("%d calls ran, want 100", n)
	}
	if err := thread.Do(context.Background(), b.Thread(), func() error { return nil }); err == nil {
		t.Error("a stopped thread took a call")
	}
	if n := runtime.GOMAXPROCS(0); n != procs {
		t.Errorf("GOMAXPROCS is %d after Stop, was %d", n, procs)
	}
}
