// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gospdk/gospdk/internal/testvm/wire"
)

// fakeAgent answers requests with the replies that answer returns.
func fakeAgent(t *testing.T, answer func(wire.Request) []wire.Reply) (vm *VM, hangUp func()) {
	t.Helper()
	here, there := net.Pipe()
	go func() {
		out := wire.NewWriter(there)
		for in := wire.NewReader[wire.Request](there); ; {
			r, err := in.Next()
			if err != nil {
				return
			}
			for _, reply := range answer(r) {
				reply.ID = r.ID
				if out.Write(reply) != nil {
					return
				}
			}
		}
	}()
	vm = &VM{agent: newClient(here)}
	t.Cleanup(func() { there.Close(); vm.agent.close(errors.New("the test is over")) })
	return vm, func() { there.Close() }
}

func TestClient(t *testing.T) {
	var files = make(map[string][]byte)
	vm, hangUp := fakeAgent(t, func(r wire.Request) []wire.Reply {
		switch r.Op {
		case wire.Run:
			return []wire.Reply{{Stream: wire.Stdout, Data: []byte("out ")}, {Stream: wire.Stderr, Data: []byte("err")},
				{Stream: wire.Stdout, Data: []byte(strings.Join(r.Args, " "))}, {Done: true, Code: 7}}
		case wire.Write:
			if !r.Append {
				files[r.Path] = nil
			}
			files[r.Path] = append(files[r.Path], r.Data...)
			return []wire.Reply{{Done: true}}
		case wire.Read:
			return []wire.Reply{{Stream: wire.Stdout, Data: files[r.Path]}, {Done: true}}
		case wire.Ping:
			return []wire.Reply{{Done: true, Err: "not now"}}
		}
		return nil // no answer
	})
	if r := vm.Run(t, "a", "b"); r != (Result{"out a b", "err", 7}) {
		t.Errorf("Run = %+v", r)
	}
	for _, size := range []int{0, 1, 256 << 10, 700 << 10} {
		vm.WriteFile(t, "/x", []byte(strings.Repeat("y", size)), 0o600)
		if got := vm.ReadFile(t, "/x"); len(got) != size {
			t.Errorf("%d bytes were written, %d read", size, len(got))
		}
	}
	if err := vm.agent.ping(time.Minute); err == nil || err.Error() != "not now" {
		t.Errorf("the agent's error is %v", err)
	}
	if _, err := vm.agent.do(wire.Request{Op: wire.Signal}, time.Millisecond); err == nil || !strings.Contains(err.Error(), "no answer") {
		t.Errorf("without an answer: %v", err)
	}

	// A reset ends what is under way, and nothing else.
	x, err := vm.agent.start(wire.Request{Op: wire.Signal})
	if err != nil {
		t.Fatal(err)
	}
	vm.agent.forget(errors.New("reset"))
	if err := x.wait(time.Minute); err == nil || err.Error() != "reset" {
		t.Errorf("after a reset: %v", err)
	}
	if r := vm.Run(t, "c"); r.Code != 7 {
		t.Errorf("after a reset Run = %+v", r)
	}
	if x, err = vm.agent.start(wire.Request{Op: wire.Signal}); err != nil {
		t.Fatal(err)
	}
	hangUp()
	if err := x.wait(time.Minute); err == nil || !strings.Contains(err.Error(), "QEMU has ended") {
		t.Errorf("after the end: %v", err)
	}
	if _, err := vm.agent.start(wire.Request{Op: wire.Ping}); err == nil {
		t.Error("a request was sent after the end")
	}
}

func TestWaitOutput(t *testing.T) {
	vm, _ := fakeAgent(t, func(r wire.Request) []wire.Reply {
		if r.Op != wire.Run {
			return nil
		}
		return []wire.Reply{{Stream: wire.Stdout, Data: []byte("rea")}, {Stream: wire.Stdout, Data: []byte("dy 5\n")}}
	})
	p := vm.Go(t, "x")
	if m := p.WaitOutput(t, `ready \d`, time.Minute); m != "ready 5" {
		t.Errorf("WaitOutput = %q", m)
	}
	if p.Output() != "ready 5\n" {
		t.Errorf("Output = %q", p.Output())
	}
	select {
	case <-p.Done():
		t.Error("the program has ended")
	default:
	}
}

func TestConsolePanic(t *testing.T) {
	text := "boot\n[    1.2] ---[ end Kernel panic - not syncing: oops ]---\n"
	for cut := range len(text) {
		c, told := newConsole(), make(chan struct{}, 2)
		c.onPanic(func() { told <- struct{}{} })
		for _, piece := range []string{text[:cut], text[cut:]} {
			if _, err := c.Write([]byte(piece)); err != nil {
				t.Fatal(err)
			}
		}
		select {
		case <-told:
		case <-time.After(time.Minute):
			t.Fatalf("cut at %d, the panic is not seen", cut)
		}
		if c.String() != text {
			t.Fatalf("the console holds %q", c.String())
		}
	}
	if got := tail("a\nb\nc\nd", 2); got != "c\nd" {
		t.Errorf("tail = %q", got)
	}
}

func TestWanted(t *testing.T) {
	for _, tt := range []struct {
		env, run       string
		must, wantsOne bool
	}{{"", "", false, false}, {"", "TestX", false, true}, {"0", "TestX", false, false}, {"1", "", false, true}, {"required", "", true, true}, {"yes", "", false, false}} {
		required, err := wanted(tt.env, tt.run)
		if required != tt.must || (err == nil) != tt.wantsOne {
			t.Errorf("GOSPDK_VM=%q -run=%q: %v, %v", tt.env, tt.run, required, err)
		}
	}
}
