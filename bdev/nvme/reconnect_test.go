// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/malloc"
	spec "github.com/gospdk/gospdk/nvme"
)

// TestReconnect takes the target off its address for a while, and for good.
func TestReconnect(t *testing.T) {
	eachKind(t, func(t *testing.T, kind spec.TransportType) {
		g := newRig(t, kind, malloc.Config{Name: "d", NumBlocks: 4096, BlockSize: blockSize})
		m := newModule(t)
		m.second = 5 * time.Millisecond
		ctx := context.Background()
		_, err := m.Attach(ctx, CtrlrConfig{Name: "N", Trid: g.trid(), Reconnect: Reconnect{LossTimeout: 4000, Delay: 1, FastIOFail: 4}})
		must(t, err)
		desc, err := m.reg.Open(ctx, "Nn1", bdev.Write, nil)
		must(t, err)
		io := desc.Blocking()
		data := make([]byte, 8*blockSize)
		for i := range data {
			data[i] = byte(i)
		}
		_, err = io.WriteAtContext(ctx, data, 0)
		must(t, err)
		state := func() state { paths, _ := m.lookup("N"); return paths[0].getState() }
		g.stop()
		eventually(t, "an attempt to connect", func() bool { return state() == stateDelayed })
		// After a while IO fails instead of waiting.
		got := make([]byte, len(data))
		if _, err := io.ReadAtContext(ctx, got, 0); !errors.Is(err, syscall.ENXIO) {
			t.Errorf("read without a target: %v", err)
		}
		g.start()
		eventually(t, "the controller to come back", func() bool { return state() == stateEnabled })
		_, err = io.ReadAtContext(ctx, got, 0)
		must(t, err)
		if string(got) != string(data) {
			t.Error("the data are not what was written")
		}
		must(t, errors.Join(io.Close(), desc.Close()))
	})
}

// TestLossTimeout has the devices go after a time without a target.
func TestLossTimeout(t *testing.T) {
	g := newRig(t, spec.TrtypeTCP, malloc.Config{Name: "d", NumBlocks: 4096, BlockSize: blockSize})
	m := newModule(t)
	m.second = 5 * time.Millisecond
	_, err := m.Attach(context.Background(), CtrlrConfig{Name: "N", Trid: g.trid(), Reconnect: Reconnect{LossTimeout: 10, Delay: 1}})
	must(t, err)
	g.stop()
	awaitNames(t, m)
	eventually(t, "the controller to go", func() bool { return len(m.all()) == 0 })
}

// TestSilence has a network that says nothing, which only Keep Alive finds.
func TestSilence(t *testing.T) {
	t.Parallel() // it is mostly waiting: targets count in tens of seconds
	o := patient()
	p := newTwoPaths(t, o)
	p.multipath = true
	p.attach(0, multipathMode)
	p.attach(1, multipathMode)
	p.open(1)
	p.await(100)
	p.nets[0].Stall(true)
	p.await(10000) // by the other path
	p.nets[0].Cut(true)
	p.nets[0].Stall(false)
	p.await(100)
	p.close()
}

// TestNamespaces has namespaces come, grow and go.
func TestNamespaces(t *testing.T) {
	ctx := context.Background()
	g := newRig(t, spec.TrtypeTCP, malloc.Config{Name: "d", NumBlocks: 4096, BlockSize: blockSize})
	m := newModule(t)
	_, err := m.Attach(ctx, CtrlrConfig{Name: "N", Trid: g.trid()})
	must(t, err)
	g.addDisk(malloc.Config{Name: "e", NumBlocks: 2048, BlockSize: blockSize})
	awaitNames(t, m, "Nn1", "Nn2")
	must(t, g.reg.Resize("e", 3072))
	eventually(t, "the new size", func() bool {
		i, err := m.reg.Get("Nn2")
		return err == nil && i.NumBlocks == 3072
	})
	must(t, g.sub.RemoveNamespace(ctx, 1))
	awaitNames(t, m, "Nn2")
}
