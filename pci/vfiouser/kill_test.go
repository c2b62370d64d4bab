// SPDX-License-Identifier: BSD-3-Clause

package vfiouser_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/vfiotest"
	"github.com/gospdk/gospdk/pci/vfiouser"
	"github.com/gospdk/gospdk/vfiouser/server"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("GOSPDK_TEST_SERVE"); path != "" {
		fmt.Fprintln(os.Stderr, serveUntilKilled(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// serveUntilKilled is what the test program does instead of tests when it is
// run by startHelper: it is a server in a process of its own.
func serveUntilKilled(path string) error {
	d, err := vfiotest.NewDevice()
	if err != nil {
		return err
	}
	l, err := server.Listen(path, server.Options{})
	if err != nil {
		return err
	}
	fmt.Println("serving")
	return l.Serve(d)
}

func startHelper(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "GOSPDK_TEST_SERVE="+path)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if s := bufio.NewScanner(out); !s.Scan() || s.Text() != "serving" {
		t.Fatalf("server says %q", s.Text())
	}
	return cmd
}

// TestKilledServer kills a server twice. Each time the client is told, and
// the next server takes the place at once.
func TestKilledServer(t *testing.T) {
	path := t.TempDir() + "/s"
	for range 2 {
		cmd := startHelper(t, path)
		d := open(t, path, vfiouser.Options{})
		b := bar0(t, d)
		efd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(efd)
		if err := d.SetInterrupts([]int{efd}); err != nil {
			t.Fatal(err)
		}
		if v, err := b.Read64(vfiotest.RegID); v != vfiotest.IDValue || err != nil {
			t.Errorf("register %#x, %v", v, err)
		}
		if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if !signalled(efd, 1000) {
			t.Error("client was not told within a second")
		}
		if !d.Removed() {
			t.Error("device is not removed")
		}
		if err := b.Write32(vfiotest.Doorbells, 1); err == nil {
			t.Error("store to a device that has gone succeeded")
		}
		d.Close()
	}
}

func BenchmarkRegisterRead(b *testing.B) {
	dir, _ := vfiotest.Serve(b, vfiotest.New(b))
	bar := benchBAR(b, dir, vfiouser.Options{})
	for b.Loop() {
		if _, err := bar.Read32(vfiotest.RegID); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDoorbellEventFD(b *testing.B) {
	dir, _ := vfiotest.Serve(b, vfiotest.New(b))
	bar := benchBAR(b, dir, vfiouser.Options{})
	for b.Loop() {
		if err := bar.Write32(vfiotest.Doorbells, 1); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDoorbellStore(b *testing.B) {
	dir, _ := vfiotest.Serve(b, vfiotest.New(b))
	bar := benchBAR(b, dir, vfiouser.Options{NoIOEventFDs: true})
	for b.Loop() {
		if err := bar.Write32(vfiotest.Doorbells, 1); err != nil {
			b.Fatal(err)
		}
	}
}
