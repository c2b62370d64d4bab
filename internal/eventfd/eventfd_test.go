// SPDX-License-Identifier: BSD-3-Clause

package eventfd

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestWait(t *testing.T) {
	f, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if ok, err := f.Wait(0); ok || err != nil {
		t.Fatalf("Wait of a new eventfd = %v, %v", ok, err)
	}
	signal := func() {
		if _, err := unix.Write(int(f), []byte{1, 0, 0, 0, 0, 0, 0, 0}); err != nil {
			t.Error(err)
		}
	}
	signal()
	signal()
	if ok, err := f.Wait(0); !ok || err != nil {
		t.Fatalf("Wait of a signalled eventfd = %v, %v", ok, err)
	}
	if ok, _ := f.Wait(time.Millisecond); ok {
		t.Error("Wait did not clear it")
	}
	go signal()
	if ok, err := f.Wait(-1); !ok || err != nil {
		t.Errorf("Wait without end = %v, %v", ok, err)
	}
	signal()
	f.Clear()
	if ok, _ := f.Wait(0); ok {
		t.Error("Clear did not clear it")
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Wait(0); err != nil {
		t.Log(err) // POLLNVAL: never reported as an event that was there
	}
}
