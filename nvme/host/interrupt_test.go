// SPDX-License-Identifier: BSD-3-Clause

package host_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gospdk/gospdk/internal/sim/nvmectrlr"
	"github.com/gospdk/gospdk/nvme/host"
)

// sleepFor waits for an I/O without polling: every look at the queue follows
// an interrupt.
func sleepFor(t *testing.T, qp *host.QPair, i *io) {
	t.Helper()
	for i.n == 0 {
		if ok, err := qp.Wait(10 * time.Second); !ok || err != nil {
			t.Fatalf("Wait = %v, %v: no interrupt within 10 s", ok, err)
		}
		if _, err := qp.ProcessCompletions(0); err != nil {
			t.Fatal(err)
		}
	}
	i.n = 0
	if err := i.Err(); err != nil {
		t.Fatal(err)
	}
}

func TestInterrupts(t *testing.T) {
	target := startTarget(t, 1<<14, 512)
	c := connectTarget(t, target, host.Options{Interrupts: true})
	if n := c.NumIOQueues(); n < 2 || n > 64 {
		t.Errorf("%d I/O queues", n)
	}
	ns := c.Namespace(1)
	var qps [2]*host.QPair
	for i := range qps {
		qp, err := c.AllocIOQPair(host.QPairOptions{})
		if err != nil {
			t.Fatal(err)
		}
		qps[i] = qp
	}
	buf := dmaBuffer(t, 8192)
	for round := range 50 {
		for i, qp := range qps {
			w := newIO()
			mine := buf[i*4096:][:4096]
			copy(mine, bytes.Repeat([]byte{byte(round), byte(i)}, 2048))
			if err := qp.Write(ns, &w.Request, mine, uint64(i*8), 8, 0); err != nil {
				t.Fatal(err)
			}
			sleepFor(t, qp, w)
			clear(mine)
			if err := qp.Read(ns, &w.Request, mine, uint64(i*8), 8, 0); err != nil {
				t.Fatal(err)
			}
			sleepFor(t, qp, w)
			if mine[4094] != byte(round) || mine[4095] != byte(i) {
				t.Fatalf("round %d, queue pair %d: read %x", round, i, mine[4094:])
			}
		}
	}
	for _, qp := range qps { // nothing is left over, and nobody else's interrupt comes
		qp.ClearInterrupt()
		if ok, err := qp.Wait(0); ok || err != nil {
			t.Errorf("Wait of an idle queue pair = %v, %v", ok, err)
		}
		if fd, err := qp.InterruptFD(); fd < 0 || err != nil {
			t.Errorf("InterruptFD = %d, %v", fd, err)
		}
		if err := qp.Free(context.Background()); err != nil {
			t.Error(err)
		}
	}
	if err := c.Detach(context.Background()); err != nil {
		t.Error(err)
	}
}

// A thread that sleeps learns of the end of the other side.
func TestRemovalIsAnInterrupt(t *testing.T) {
	target := startTarget(t, 1<<14, 512)
	c := connectTarget(t, target, host.Options{Interrupts: true})
	qp, err := c.AllocIOQPair(host.QPairOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
	if ok, err := qp.Wait(10 * time.Second); !ok || err != nil {
		t.Fatalf("Wait = %v, %v", ok, err)
	}
	if _, err := qp.ProcessCompletions(0); !errors.Is(err, host.ErrRemoved) {
		t.Errorf("ProcessCompletions = %v", err)
	}
	_ = qp.Free(context.Background())
	_ = c.Detach(context.Background())
}

func TestInterruptsThatAreNotThere(t *testing.T) {
	r, err := connect(t, nvmectrlr.Config{}, host.Options{Interrupts: true})
	if err == nil {
		t.Fatal("interrupts of a function without vectors were enabled")
	}
	if !r.dev.Closed {
		t.Error("the device was not closed")
	}
	r = newRig(t, nvmectrlr.Config{}, host.Options{})
	qp := r.qpair(host.QPairOptions{})
	if _, err := qp.Wait(0); err == nil {
		t.Error("Wait without interrupts")
	}
	if _, err := qp.InterruptFD(); err == nil {
		t.Error("InterruptFD without interrupts")
	}
}
