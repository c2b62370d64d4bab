// SPDX-License-Identifier: BSD-3-Clause

package server_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gospdk/gospdk/internal/vfiotest"
	"github.com/gospdk/gospdk/vfiouser"
)

// TestTriggerWhileSetting signals vectors while the client changes them. No
// signal goes to a descriptor that is not the client's, and none is lost on
// a vector that was pending when it was unmasked.
func TestTriggerWhileSetting(t *testing.T) {
	dev := vfiotest.New(t)
	dir, _ := vfiotest.Serve(t, dev)
	c := attach(t, dir)
	conn := dev.Conn()
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for !stop.Load() {
				conn.TriggerIRQ(vfiouser.IRQMSIX, 0)
				runtime.Gosched() // or the server gets no processor
			}
		})
	}
	const trigger, none = vfiouser.IRQSetActionTrigger, vfiouser.IRQSetDataNone
	e := eventfd(t)
	for range 50 {
		for _, p := range [][]byte{
			irqSet(vfiouser.IRQSetDataEventFD|trigger, vfiouser.IRQMSIX, 0, 1),
			irqSet(none|vfiouser.IRQSetActionMask, vfiouser.IRQMSIX, 0, 1),
			irqSet(none|vfiouser.IRQSetActionUnmask, vfiouser.IRQMSIX, 0, 1),
			irqSet(none|trigger, vfiouser.IRQMSIX, 0, 0),
		} {
			if errno := c.command(vfiouser.CmdDeviceSetIRQs, p); errno != 0 {
				t.Fatal(errno)
			}
		}
		if errno := c.command(vfiouser.CmdDeviceSetIRQs, irqSet(vfiouser.IRQSetDataEventFD|trigger, vfiouser.IRQMSIX, 0, 1), e); errno != 0 {
			t.Fatal(errno)
		}
	}
	stop.Store(true)
	wg.Wait()
	fired(t, e)
	for range 100 {
		c.command(vfiouser.CmdDeviceSetIRQs, irqSet(none|vfiouser.IRQSetActionMask, vfiouser.IRQMSIX, 0, 1))
		wg.Go(func() { conn.TriggerIRQ(vfiouser.IRQMSIX, 0) })
		c.command(vfiouser.CmdDeviceSetIRQs, irqSet(none|vfiouser.IRQSetActionUnmask, vfiouser.IRQMSIX, 0, 1))
		wg.Wait()
		if n := fired(t, e); n != 1 {
			t.Fatalf("fired %d times for one trigger", n)
		}
	}
}
