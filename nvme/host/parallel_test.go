// SPDX-License-Identifier: BSD-3-Clause

package host_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// TestManyThreads uses one controller from several threads, each with its
// queue pair, while it is reset.
func TestManyThreads(t *testing.T) {
	c := connectTarget(t, startTarget(t, 1<<16, 512), host.Options{DisableErrorLogging: true})
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 3 {
		qp, err := c.AllocIOQPair(host.QPairOptions{Size: 32})
		if err != nil {
			t.Fatal(err)
		}
		buf := dmaBuffer(t, 4096)
		wg.Go(func() { work(t, c, qp, buf, &stop) })
	}
	for range 5 {
		if err := c.Reset(context.Background()); err != nil {
			t.Error(err)
		}
		for range 100 {
			if _, err := c.ProcessAdminCompletions(); err != nil {
				t.Error(err)
			}
			runtime.Gosched()
		}
	}
	stop.Store(true)
	wg.Wait()
	if err := c.Detach(context.Background()); err != nil {
		t.Error(err)
	}
}

// work keeps a queue pair busy; commands may be aborted by a reset, nothing
// else.
func work(t *testing.T, c *host.Controller, qp *host.QPair, buf []byte, stop *atomic.Bool) {
	ios := make([]*io, 60)
	submitted, busy := 0, 0
	for i := range ios {
		ios[i] = newIO()
		ios[i].after = func(i *io) {
			busy--
			if s := i.Status(); s.IsError() && s.Code() != nvme.StatusAbortedSQDeletion {
				t.Errorf("read ended %v", s)
			}
		}
	}
	for !stop.Load() || busy > 0 {
		for _, i := range ios {
			if stop.Load() || i.Busy() {
				continue
			}
			if err := qp.Read(c.Namespace(1), &i.Request, buf, 0, 8, 0); err != nil {
				t.Error(err)
				return
			}
			submitted++
			busy++
		}
		if _, err := qp.ProcessCompletions(0); err != nil {
			t.Error(err)
			return
		}
		runtime.Gosched()
	}
	done := 0
	for _, i := range ios {
		done += i.n
	}
	if done != submitted {
		t.Errorf("%d requests submitted, %d ended", submitted, done)
	}
	if err := errors.Join(qp.Free(context.Background()), qp.Free(context.Background())); err != nil {
		t.Error(err)
	}
}
