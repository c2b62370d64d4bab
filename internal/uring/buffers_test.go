// SPDX-License-Identifier: BSD-3-Clause

package uring

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestBuffers(t *testing.T) {
	r := openRing(t, 4)
	b, err := r.NewBuffers(4)
	if err != nil {
		t.Skip(err) // Linux 5.19 has them
	}
	mem, err := unix.Mmap(-1, 0, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Munmap(mem); err != nil {
			t.Error(err)
		}
	}()
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	to := FD(int(f.Fd()))
	transfer := func(write bool, p []byte, place int, want int32) {
		t.Helper()
		r.Next().TransferFixed(write, to, p, place, 10, 7)
		if c := reap(t, r); c.Res != want || c.Data != 7 {
			t.Errorf("%+v, want %d", c, want)
		}
	}
	if err := b.Set(4, mem); err == nil {
		t.Error("a place beyond the table")
	}
	if err := b.Set(2, mem[:4096]); err != nil {
		t.Fatal(err)
	}
	copy(mem[100:], "registered")
	transfer(true, mem[100:110], 2, 10)
	transfer(false, mem[200:210], 2, 10)
	if got, err := os.ReadFile(f.Name()); err != nil || string(got) != "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00registered" || string(mem[200:210]) != "registered" {
		t.Errorf("file %q, memory %q, %v", got, mem[200:210], err)
	}
	transfer(true, mem[4090:4100], 2, -int32(unix.EFAULT)) // beyond what is registered
	transfer(true, mem[:10], 1, -int32(unix.EFAULT))       // an empty place
	if err := b.Clear(2); err != nil {
		t.Fatal(err)
	}
	transfer(true, mem[:10], 2, -int32(unix.EFAULT))
}
