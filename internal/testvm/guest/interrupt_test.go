// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"testing"
	"time"

	"github.com/gospdk/gospdk/nvme/host"
)

// sleepFor waits for a command without polling: it looks at the queue only
// after an interrupt.
func (q *queue) sleepFor(c *command) {
	q.Helper()
	for !c.ended {
		ok, err := q.QPair.Wait(patience)
		q.must(err)
		if !ok {
			q.Fatalf("no interrupt within %v", patience)
		}
		_, err = q.ProcessCompletions(0)
		q.must(err)
	}
	if s := c.Status(); s.IsError() {
		q.Fatal(s)
	}
}

// TestInterrupts sleeps between a command and its completion: by MSI-X through
// VFIO, by the interrupt pin, of which there is one, through UIO.
func TestInterrupts(t *testing.T) {
	r := connect(t, "nvm", host.Options{Interrupts: true})
	ns := r.namespace(1)
	want := 2
	if *driver == driverUIO {
		want = 1
	}
	if n := int(r.ctrlr.NumIOQueues()); n < want || *driver == driverUIO && n != 1 {
		t.Fatalf("%d I/O queues can have interrupts, want %d", n, want)
	}
	var queues []*queue
	for range want {
		queues = append(queues, r.queue(host.QPairOptions{}))
	}
	buf := buffer(t, 8192)
	for round := range 200 {
		for i, q := range queues {
			lba := uint64(round*16 + i*8)
			off := lba * uint64(ns.BlockSize())
			p := buf[i*4096:][:4096]
			count := uint32(4096 / ns.BlockSize())
			fill(p, off, uint64(round))
			c := newCommand()
			r.must(q.Write(ns, &c.Request, p, lba, count, 0))
			q.sleepFor(c)
			clear(p)
			c = newCommand()
			r.must(q.Read(ns, &c.Request, p, lba, count, 0))
			q.sleepFor(c)
			check(t, "read after an interrupt", p, off, uint64(round))
		}
	}
	for _, q := range queues { // nobody is woken for nothing for ever
		q.ClearInterrupt()
		for n := 0; ; n++ {
			ok, err := q.QPair.Wait(20 * time.Millisecond)
			r.must(err)
			if !ok {
				break
			}
			if n > 100 {
				t.Fatal("an idle queue pair goes on interrupting")
			}
		}
	}
}
