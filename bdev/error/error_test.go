// SPDX-License-Identifier: BSD-3-Clause

package error

import (
	"bytes"
	"testing"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/bdevtest"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/internal/vbdev/vbdevtest"
)

func TestConformance(t *testing.T) {
	bdevtest.Run(t, func(t *testing.T) (bdev.Device, func()) {
		r := vbdevtest.New(t)
		r.Malloc(malloc.Config{Name: "Base", NumBlocks: 4096})
		d, err := newDisk(r.Ctx, NewModule(r.Reg), &plan{Name: "EE_Base", Base: "Base"})
		r.Must(err)
		d.base.Ready()
		return d, func() {}
	})
}

func newRig(t *testing.T) (*Module, *vbdevtest.Rig) {
	r := vbdevtest.New(t)
	r.Malloc(malloc.Config{Name: "Base", NumBlocks: 4096})
	m := NewModule(r.Reg)
	r.Reg.AddModule(m)
	_, err := m.Create(r.Ctx, "Base", uuid.Nil)
	r.Must(err)
	return m, r
}

func io(op bdev.Op, p []byte) *bdev.IO {
	i := &bdev.IO{Op: op, Blocks: 1}
	if p != nil {
		i.Iov = [][]byte{p[:100], p[100:]}
	}
	return i
}

func TestFailuresAreCounted(t *testing.T) {
	m, r := newRig(t)
	u := r.User("EE_Base")
	r.Must(m.Inject("EE_Base", []bdev.Op{bdev.OpRead}, Injection{Kind: Failure, Count: 2}))
	r.Must(m.Inject("EE_Base", []bdev.Op{bdev.OpWrite}, Injection{Kind: NVMeFailure, Count: 1, SCT: 2, SC: 0x81}))
	p := make([]byte, 512)
	for i, want := range []bdev.Status{bdev.StatusFailed, bdev.StatusFailed, bdev.StatusSuccess} {
		if s := u.Do(io(bdev.OpRead, p)); s != want {
			t.Errorf("read %d: %v", i, s)
		}
	}
	for i, want := range []bdev.Status{bdev.StatusNVMe(2, 0x81), bdev.StatusSuccess} {
		if s := u.Do(io(bdev.OpWrite, p)); s != want {
			t.Errorf("write %d: %v", i, s)
		}
	}
	r.Must(m.Inject("EE_Base", []bdev.Op{bdev.OpUnmap, bdev.OpFlush}, Injection{Kind: Failure, Count: 9}))
	if s := u.Do(io(bdev.OpUnmap, nil)); s != bdev.StatusFailed {
		t.Errorf("unmap: %v", s)
	}
	r.Must(m.Clear("EE_Base"))
	if s := u.Do(io(bdev.OpFlush, nil)); s != bdev.StatusSuccess {
		t.Errorf("flush: %v", s)
	}
	// The block layer repeats what fails for lack of memory.
	r.Must(m.Inject("EE_Base", []bdev.Op{bdev.OpRead}, Injection{Kind: NoMemory, Count: 3}))
	if s := u.Do(io(bdev.OpRead, p)); s != bdev.StatusSuccess {
		t.Errorf("read without memory: %v", s)
	}
	// Only while others are under way.
	r.Must(m.Inject("EE_Base", []bdev.Op{bdev.OpRead}, Injection{Kind: Failure, Count: 1, QueueDepth: 1}))
	if s := u.Do(io(bdev.OpRead, p)); s != bdev.StatusSuccess {
		t.Errorf("read alone: %v", s)
	}
}

func TestDataChangeOnTheirWay(t *testing.T) {
	m, r := newRig(t)
	u := r.User("EE_Base")
	p := bytes.Repeat([]byte{0x11}, 512)
	r.Must(m.Inject("EE_Base", []bdev.Op{bdev.OpWrite}, Injection{Kind: CorruptData, Count: 1, Offset: 300, Value: 0x0f}))
	if s := u.Do(io(bdev.OpWrite, p)); s != bdev.StatusSuccess || p[300] != 0x11 {
		t.Errorf("write: %v, the user's buffer has %#x", s, p[300])
	}
	if got := r.Read("Base", 0, 512); got[300] != 0x1e || got[299] != 0x11 {
		t.Errorf("the base has %#x", got[299:301])
	}
	r.Must(m.Inject("EE_Base", []bdev.Op{bdev.OpRead}, Injection{Kind: CorruptData, Count: 1, Offset: 5, Value: 1}))
	for i, want := range []byte{0x10, 0x11} {
		if s := u.Do(io(bdev.OpRead, p)); s != bdev.StatusSuccess || p[5] != want || p[300] != 0x1e {
			t.Errorf("read %d: %v, %#x and %#x", i, s, p[5], p[300])
		}
	}
	if err := m.Inject("EE_Base", []bdev.Op{bdev.OpRead}, Injection{Kind: CorruptData, Count: 1}); err == nil {
		t.Error("a value that changes nothing was taken")
	}
}

// hung submits a read that hangs.
type hung struct {
	io   bdev.IO
	done bool
}

func (h *hung) Complete(*bdev.IO) { h.done = true }

func TestPendingHangsUntilResumedAbortedOrReset(t *testing.T) {
	m, r := newRig(t)
	u := r.User("EE_Base")
	hang := func() *hung {
		r.Must(m.Inject("EE_Base", []bdev.Op{bdev.OpRead}, Injection{Kind: Pending, Count: 1}))
		h := new(hung)
		h.io = *io(bdev.OpRead, make([]byte, 512))
		h.io.Done = h
		u.Ch.Submit(&h.io)
		for range 5 {
			u.Thread.Poll()
		}
		if h.done {
			t.Fatal("it does not hang")
		}
		return h
	}
	resumed := hang()
	answer := make(chan error)
	go func() { answer <- m.Resume(r.Ctx, "EE_Base") }()
	r.Until("the resumed read", func() bool { u.Thread.Poll(); return resumed.done })
	var err error
	r.Until("the answer", func() bool {
		u.Thread.Poll()
		select {
		case err = <-answer:
			return true
		default:
			return false
		}
	})
	if err != nil || resumed.io.Status != bdev.StatusSuccess {
		t.Errorf("resumed: %v, %v", err, resumed.io.Status)
	}
	aborted := hang()
	if s := u.Do(&bdev.IO{Op: bdev.OpAbort, Target: &aborted.io}); s != bdev.StatusSuccess || aborted.io.Status != bdev.StatusAborted {
		t.Errorf("abort %v, aborted %v", s, aborted.io.Status)
	}
	reset := hang()
	if s := u.Do(&bdev.IO{Op: bdev.OpReset}); s != bdev.StatusSuccess || !reset.done || reset.io.Status != bdev.StatusAborted {
		t.Errorf("reset %v, ended by it %v", s, reset.io.Status)
	}
}

func TestMethods(t *testing.T) {
	r := vbdevtest.New(t)
	m := NewModule(r.Reg)
	r.Reg.AddModule(m)
	rpc := r.Methods(m)
	rpc.Session(
		vbdevtest.Answer{Method: "bdev_error_create", Params: `{"base_name":"Base","uuid":"11111111-2222-4333-8444-555555555555"}`, Result: `true`},
		vbdevtest.Answer{Method: "bdev_error_create", Params: `{"base_name":"Base"}`, Code: -17, Words: []string{"File exists"}},
		vbdevtest.Answer{Method: "bdev_error_inject_error", Params: `{"name":"EE_Base","io_type":"read","error_type":"failure"}`, Code: -19, Words: []string{"No such device"}},
	)
	r.Malloc(malloc.Config{Name: "Base", NumBlocks: 4096})
	info, err := r.Reg.Get("EE_Base")
	r.Must(err)
	if info.UUID.String() != "11111111-2222-4333-8444-555555555555" {
		t.Errorf("UUID %v", info.UUID)
	}
	rpc.Session(
		vbdevtest.Answer{Method: "bdev_error_inject_error", Params: `{"name":"EE_Base","io_type":"read","error_type":"failure"}`, Result: "true"},
		vbdevtest.Answer{Method: "bdev_error_inject_error", Params: `{"name":"EE_Base","io_type":"all","error_type":"nvme_failure","nvme_sct":8}`, Code: -32602, Words: []string{"nvme_sct"}},
		vbdevtest.Answer{Method: "bdev_error_inject_error", Params: `{"name":"EE_Base","io_type":"all","error_type":"nvme_failure"}`, Code: -22, Words: []string{"nvme_sct or nvme_sc should be specified"}},
		vbdevtest.Answer{Method: "bdev_error_inject_error", Params: `{"name":"EE_Base","io_type":"copy","error_type":"failure"}`, Code: -32602, Words: []string{"io_type", "unmap"}},
		vbdevtest.Answer{Method: "bdev_error_inject_error", Params: `{"name":"EE_Base","io_type":"read","error_type":"corrupt_data","corrupt_offset":1}`, Code: -22, Words: []string{"corrupt_value 0"}},
		vbdevtest.Answer{Method: "bdev_error_inject_error", Params: `{"name":"EE_Base","io_type":"clear","error_type":"failure"}`, Result: "true"},
		vbdevtest.Answer{Method: "bdev_error_resume_pending", Params: `{"name":"EE_Base"}`, Result: "true"},
		vbdevtest.Answer{Method: "bdev_error_resume_pending", Params: `{"name":"EE_Other"}`, Code: -19, Words: []string{"No such device"}},
	)
	if got := rpc.Saved(m); got != `[{"method":"bdev_error_create","params":{"base_name":"Base","uuid":"11111111-2222-4333-8444-555555555555"}}]` {
		t.Errorf("saved %s", got)
	}
	rpc.Session(
		vbdevtest.Answer{Method: "bdev_error_delete", Params: `{"name":"EE_Base"}`, Result: "true"},
		vbdevtest.Answer{Method: "bdev_error_delete", Params: `{"name":"EE_Base"}`, Code: -19, Words: []string{"No such device"}},
	)
	if got := rpc.Saved(m); got != `null` {
		t.Errorf("saved %s", got)
	}
}
