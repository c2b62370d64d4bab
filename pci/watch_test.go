// SPDX-License-Identifier: BSD-3-Clause

package pci

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/gospdk/gospdk/internal/uevent"
)

// fakeKernel sends uevents, and has functions.
type fakeKernel struct {
	c      chan any // uevent.Event or error
	closed chan struct{}
	once   sync.Once

	mu        sync.Mutex
	functions []Function
	listErr   error
	drained   int
}

func newFakeKernel(functions ...Function) *fakeKernel {
	return &fakeKernel{c: make(chan any), closed: make(chan struct{}), functions: functions}
}

func (k *fakeKernel) Receive() (uevent.Event, error) {
	select {
	case v := <-k.c:
		if err, ok := v.(error); ok {
			return uevent.Event{}, err
		}
		return v.(uevent.Event), nil
	case <-k.closed:
		return uevent.Event{}, os.ErrClosed
	}
}

func (k *fakeKernel) Drain() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.drained++
}

func (k *fakeKernel) Close() error {
	k.once.Do(func() { close(k.closed) })
	return nil
}

func (k *fakeKernel) list() ([]Function, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.functions, k.listErr
}

func (k *fakeKernel) have(functions ...Function) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.functions = functions
}

func (k *fakeKernel) send(action, function string, vars ...string) {
	e := uevent.Event{Action: action, DevPath: "/devices/pci0000:00/" + function, Subsystem: "pci", Vars: make(map[string]string)}
	for i := 0; i < len(vars); i += 2 {
		e.Vars[vars[i]] = vars[i+1]
	}
	k.c <- e
}

func at(bus uint8, driver string) Function {
	return Function{Address: Address{Bus: bus}, Driver: driver}
}

func startWatch(t *testing.T, k *fakeKernel) *Watcher {
	t.Helper()
	w, err := watch(t.Context(), k, k.list)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		goleak.VerifyNone(t)
	})
	return w
}

// expect reads events, while the kernel sends.
func expect(t *testing.T, w *Watcher, send func(), want ...string) {
	t.Helper()
	go send()
	for _, want := range want {
		e := <-w.C()
		got := fmt.Sprintf("%v %02x", e.Action, e.Address.Bus)
		if e.Driver != "" {
			got += " " + e.Driver
		}
		if got != want {
			t.Errorf("event %q, want %q", got, want)
		}
	}
}

func TestWatch(t *testing.T) {
	k := newFakeKernel(at(1, "nvme"), at(2, ""))
	w := startWatch(t, k)
	expect(t, w, func() {
		k.send("unbind", "0000:01:00.0")
		k.send("bind", "0000:01:00.0", "DRIVER", "vfio-pci")
		k.send("add", "0000:03:00.0")
		k.send("bind", "0000:03:00.0", "DRIVER", "nvme")
		k.send("unbind", "0000:03:00.0")
		k.send("remove", "0000:03:00.0")
		k.send("remove", "0000:02:00.0")
		k.send("remove", "0000:01:00.0") // without the unbind that kernels before 4.14 did not send
	}, "unbound 01 nvme", "bound 01 vfio-pci", "added 03", "bound 03 nvme", "unbound 03 nvme", "removed 03", "removed 02", "unbound 01 vfio-pci", "removed 01")
}

func TestWatchLeavesOut(t *testing.T) {
	k := newFakeKernel(at(1, "nvme"), at(2, ""))
	w := startWatch(t, k)
	expect(t, w, func() {
		// What the list of functions had seen already:
		k.send("add", "0000:01:00.0")
		k.send("bind", "0000:01:00.0", "DRIVER", "nvme")
		k.send("unbind", "0000:02:00.0")
		k.send("remove", "0000:09:00.0")
		k.send("unbind", "0000:09:00.0")
		// What has not happened:
		k.send("remove", "0000:01:00.0", "SYNTH_UUID", "0")
		k.send("change", "0000:01:00.0")
		// What is no function:
		k.send("add", "pci_bus")
		k.send("remove", "pci0000:01")
		k.c <- uevent.Event{Action: "remove", DevPath: "/devices/0000:01:00.0", Subsystem: "nvme"}
		k.send("bind", "0000:02:00.0", "DRIVER", "nvme")
	}, "bound 02 nvme")
}

func TestWatchLooksForWhatWasLost(t *testing.T) {
	k := newFakeKernel(at(1, "nvme"), at(2, "nvme"), at(3, ""), at(4, "nvme"))
	w := startWatch(t, k)
	k.have(at(2, "vfio-pci"), at(3, "nvme"), at(4, "nvme"), at(5, "nvme"), at(6, ""))
	expect(t, w, func() { k.c <- uevent.ErrLost },
		"unbound 01 nvme", "removed 01", "unbound 02 nvme", "bound 02 vfio-pci", "bound 03 nvme", "added 05", "bound 05 nvme", "added 06")
	k.mu.Lock()
	if k.drained != 1 {
		t.Errorf("drained %d times", k.drained)
	}
	k.listErr = errors.New("no sysfs")
	k.mu.Unlock()
	expect(t, w, func() {
		k.c <- uevent.ErrLost // which changes nothing then
		k.send("remove", "0000:06:00.0")
	}, "removed 06")
}

func TestWatchEnds(t *testing.T) {
	for name, end := range map[string]func(*Watcher, *fakeKernel, context.CancelFunc){
		"Close":   func(w *Watcher, _ *fakeKernel, _ context.CancelFunc) { w.Close() },
		"context": func(_ *Watcher, _ *fakeKernel, cancel context.CancelFunc) { cancel() },
		"error":   func(_ *Watcher, k *fakeKernel, _ context.CancelFunc) { k.c <- errors.New("broken") },
		"blocked": func(w *Watcher, k *fakeKernel, _ context.CancelFunc) {
			k.send("remove", "0000:01:00.0") // which nobody reads
			k.send("remove", "0000:02:00.0")
			w.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := newFakeKernel(at(1, ""))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w, err := watch(ctx, k, k.list)
			if err != nil {
				t.Fatal(err)
			}
			if name == "blocked" {
				// The second one is received only once the first was read.
				go func() { <-w.C() }()
			}
			end(w, k, cancel)
			for range w.C() {
				t.Error("an event")
			}
			<-k.closed
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWatchFails(t *testing.T) {
	k := newFakeKernel()
	k.listErr = errors.New("no sysfs")
	if _, err := watch(t.Context(), k, k.list); !errors.Is(err, k.listErr) {
		t.Errorf("watch: %v", err)
	}
	<-k.closed
}

// TestWatchThisMachine makes sure that a process may listen.
func TestWatchThisMachine(t *testing.T) {
	w, err := Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if _, open := <-w.C(); open {
		t.Error("an event after Close")
	}
}

func TestActionNames(t *testing.T) {
	var all []string
	for a := Added; a <= Unbound+1; a++ {
		all = append(all, a.String())
	}
	if !slices.Equal(all, []string{"added", "removed", "bound", "unbound", "unknown"}) {
		t.Errorf("actions %v", all)
	}
}

// FuzzWatch sends any events and checks that what comes out is a story that
// can be: nothing goes that has not come.
func FuzzWatch(f *testing.F) {
	f.Add([]byte{0, 4, 8, 12, 1, 5, 9, 13, 16})
	f.Add([]byte{2, 6, 3, 7, 16, 0, 4})
	f.Fuzz(func(t *testing.T, script []byte) {
		k := newFakeKernel(at(1, "nvme"))
		w := &Watcher{source: k, list: k.list, known: drivers(k.functions)}
		present, driver := map[Address]bool{{Bus: 1}: true}, map[Address]string{{Bus: 1}: "nvme"}
		for _, b := range script {
			var events []Event
			if b>>2 == 4 {
				events = w.rescan()
			} else {
				e := uevent.Event{
					Action: []string{"add", "bind", "unbind", "remove"}[b>>2&3], DevPath: fmt.Sprintf("/0000:%02x:00.0", b&3), Subsystem: "pci",
					Vars: map[string]string{"DRIVER": []string{"nvme", "vfio-pci", ""}[b>>4%3]},
				}
				events = w.changes(e)
			}
			for _, e := range events {
				a, ok := e.Address, false
				switch e.Action {
				case Added:
					ok, present[a] = !present[a], true
				case Removed:
					ok, present[a] = present[a] && driver[a] == "", false
				case Bound:
					ok, driver[a] = present[a] && driver[a] == "" && e.Driver != "", e.Driver
				case Unbound:
					ok, driver[a] = present[a] && driver[a] == e.Driver && e.Driver != "", ""
				}
				if !ok {
					t.Fatalf("event %v in %v, %v", e, present, driver)
				}
			}
		}
	})
}
