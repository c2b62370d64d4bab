// SPDX-License-Identifier: BSD-3-Clause

package server_test

import (
	"encoding/binary"
	"math"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/vfiotest"
	"github.com/gospdk/gospdk/vfiouser"
)

// A client that makes its eventfd blocking after it gave it, and fills the
// counter, must not hold up the thread that signals.
func TestFullEventFDDoesNotBlock(t *testing.T) {
	dev := vfiotest.New(t)
	dir, _ := vfiotest.Serve(t, dev)
	c := attach(t, dir)
	fd := eventfd(t)
	const flags = vfiouser.IRQSetDataEventFD | vfiouser.IRQSetActionTrigger
	if errno := c.command(vfiouser.CmdDeviceSetIRQs, irqSet(flags, vfiouser.IRQMSIX, 0, 1), fd); errno != 0 {
		t.Fatal(errno)
	}
	if err := unix.SetNonblock(fd, false); err != nil {
		t.Fatal(err)
	}
	full := binary.NativeEndian.AppendUint64(nil, math.MaxUint64-1)
	if _, err := unix.Write(fd, full); err != nil {
		t.Fatal(err)
	}
	dev.Conn().TriggerIRQ(vfiouser.IRQMSIX, 0) // returns, or the test times out
	got := make([]byte, 8)
	if _, err := unix.Read(fd, got); err != nil || binary.NativeEndian.Uint64(got) != math.MaxUint64-1 {
		t.Errorf("counter %#x, %v", got, err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	dev.Conn().TriggerIRQ(vfiouser.IRQMSIX, 0)
	if fired(t, fd) != 1 {
		t.Error("an empty eventfd did not fire")
	}
}
