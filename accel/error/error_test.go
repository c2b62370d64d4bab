// SPDX-License-Identifier: BSD-3-Clause

package accelerror_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"syscall"
	"testing"

	"github.com/gospdk/gospdk/accel"
	accelerror "github.com/gospdk/gospdk/accel/error"
	"github.com/gospdk/gospdk/accel/software"
	"github.com/gospdk/gospdk/rpc"
	"github.com/gospdk/gospdk/thread"
)

// rig is a framework whose crc32c goes through the error module.
type rig struct {
	t  *testing.T
	f  *accel.Framework
	m  *accelerror.Module
	th *thread.Thread
	c  *accel.Channel
}

func newRig(t *testing.T) *rig {
	t.Helper()
	sw := software.New()
	r := &rig{t: t, f: accel.New(), m: accelerror.New(sw), th: thread.New("test")}
	r.th.Poll()
	for _, m := range []accel.Module{r.m, sw} {
		if err := r.f.AddModule(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.f.AssignOp(accel.OpCRC32C, "error"); err != nil {
		t.Fatal(err)
	}
	if err := r.f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var err error
	if r.c, err = r.f.Channel(r.th); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.c.Close(); err != nil {
			t.Error(err)
		}
		r.th.Poll()
		if err := r.f.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *rig) inject(in accelerror.Injection) {
	r.t.Helper()
	if err := r.m.Inject(r.t.Context(), in); err != nil {
		r.t.Fatal(err)
	}
}

type counter struct{ n int }

func (c *counter) Complete(*accel.Task)             { c.n++ }
func (c *counter) CompleteSequence(*accel.Sequence) { c.n++ }

// crc is CRC-32C of "123456789" as the framework gives it.
const crc = 0xffffffff &^ 0xe3069283

// try runs crc32c and tells what came of it: "ok", "corrupt" or the errno.
func (r *rig) try() string {
	r.t.Helper()
	done := new(counter)
	task := accel.Task{Op: accel.OpCRC32C, Src: [][]byte{[]byte("123456789")}, Done: done}
	r.c.Submit(&task)
	for range 3 {
		r.th.Poll()
	}
	switch {
	case done.n != 1 || task.Done != accel.Completer(done):
		r.t.Fatalf("completed %d times", done.n)
	case task.Status != 0:
		return task.Status.Error()
	case task.CRC == crc:
		return "ok"
	case task.CRC == crc+1:
		return "corrupt"
	}
	return "nothing done"
}

func (r *rig) tries(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = r.try()
	}
	return strings.Join(all, ", ")
}

func TestInject(t *testing.T) {
	eio := syscall.EIO.Error()
	for _, test := range []struct {
		name string
		in   accelerror.Injection
		want string
	}{
		{"nothing", accelerror.Injection{Op: accel.OpCRC32C}, "ok, ok, ok, ok, ok"},
		{"corrupt each", accelerror.Injection{Op: accel.OpCRC32C, Kind: accelerror.Corrupt, Count: math.MaxUint64}, "corrupt, corrupt, corrupt, corrupt, corrupt"},
		{"corrupt two", accelerror.Injection{Op: accel.OpCRC32C, Kind: accelerror.Corrupt, Count: 2}, "corrupt, corrupt, ok, ok, ok"},
		{"fail every other", accelerror.Injection{Op: accel.OpCRC32C, Kind: accelerror.Failure, Count: 2, Interval: 2, Errcode: -5}, "ok, " + eio + ", ok, " + eio + ", ok"},
		{"fail, not negated", accelerror.Injection{Op: accel.OpCRC32C, Kind: accelerror.Failure, Count: 1, Errcode: 5}, eio + ", ok, ok, ok, ok"},
		{"fail without an error", accelerror.Injection{Op: accel.OpCRC32C, Kind: accelerror.Failure, Count: 1}, "nothing done, ok, ok, ok, ok"},
		{"a count of none", accelerror.Injection{Op: accel.OpCRC32C, Kind: accelerror.Failure, Errcode: -5}, "ok, ok, ok, ok, ok"},
	} {
		r := newRig(t)
		r.inject(accelerror.Injection{Op: accel.OpCRC32C, Kind: accelerror.Corrupt, Count: math.MaxUint64, Interval: 3})
		r.try()
		r.inject(test.in)
		if got := r.tries(5); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
		r.inject(accelerror.Injection{Op: accel.OpCRC32C, Kind: accelerror.Disable})
		if got := r.tries(3); got != "ok, ok, ok" || len(r.m.Injections()) != 0 {
			t.Errorf("%s, disabled: %s, %v", test.name, got, r.m.Injections())
		}
	}
}

// TestLaterChannel sees that a channel which is opened afterwards injects too,
// and counts for itself.
func TestLaterChannel(t *testing.T) {
	r := newRig(t)
	r.inject(accelerror.Injection{Op: accel.OpCRC32C, Kind: accelerror.Corrupt, Count: 1})
	if got := r.tries(2); got != "corrupt, ok" {
		t.Error(got)
	}
	r2 := &rig{t: t, f: r.f, th: thread.New("second")}
	var err error
	if r2.c, err = r.f.Channel(r2.th); err != nil {
		t.Fatal(err)
	}
	if got := r2.tries(2); got != "corrupt, ok" {
		t.Error(got)
	}
	if err := r2.c.Close(); err != nil {
		t.Error(err)
	}
	r2.th.Poll()
}

// TestSequence fails and corrupts a step of a sequence.
func TestSequence(t *testing.T) {
	r := newRig(t)
	step := accel.Task{Op: accel.OpCRC32C, Src: [][]byte{[]byte("123456789")}}
	after := accel.Task{Op: accel.OpFill, Dst: [][]byte{make([]byte, 8)}, Fill: 7}
	var seq accel.Sequence
	done := new(counter)
	run := func() {
		seq.Append(r.c, &step)
		seq.Append(r.c, &after)
		seq.Finish(r.c, done)
		for range 3 {
			r.th.Poll()
		}
	}
	r.inject(accelerror.Injection{Op: accel.OpCRC32C, Kind: accelerror.Corrupt, Count: 1})
	if run(); done.n != 1 || seq.Status != 0 || step.CRC != crc+1 || step.Done != nil {
		t.Errorf("corrupt: %d completions, %v, CRC %#x", done.n, seq.Status, step.CRC)
	}
	r.inject(accelerror.Injection{Op: accel.OpCRC32C, Kind: accelerror.Failure, Count: 1, Errcode: -28})
	if run(); done.n != 2 || seq.Status != syscall.ENOSPC || step.Status != syscall.ENOSPC || after.Status != syscall.ECANCELED {
		t.Errorf("failure: %d completions, %v, steps %v and %v", done.n, seq.Status, step.Status, after.Status)
	}
}

func TestRPC(t *testing.T) {
	r := newRig(t)
	reg := rpc.NewRegistry()
	r.f.RegisterRPC(reg)
	reg.SetState(rpc.StateRuntime)
	call := func(params string) (string, *rpc.Error) {
		result, rerr := reg.Call(t.Context(), "accel_error_inject_error", json.RawMessage(params))
		err, _ := errors.AsType[*rpc.Error](rerr)
		b, jerr := json.Marshal(result)
		if jerr != nil {
			t.Fatal(jerr)
		}
		return string(b), err
	}
	if got, err := call(`{"opcode":"crc32c","type":"failure","count":2,"interval":3,"errcode":-5}`); err != nil || got != "true" {
		t.Fatal(got, err)
	}
	saved, err := json.Marshal(r.f.SaveConfig())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"method":"accel_error_inject_error","params":{"opcode":"crc32c","type":"failure","count":2,"interval":3,"errcode":-5}},` +
		`{"method":"accel_assign_opc","params":{"opname":"crc32c","module":"error"}}`
	if !strings.Contains(string(saved), want) {
		t.Errorf("saved %s", saved)
	}
	if got, err := call(`{"opcode":"crc32c","type":"corrupt"}`); err != nil || got != "true" || r.tries(3) != "corrupt, corrupt, corrupt" {
		t.Error(got, err)
	}
	if _, err := call(`{"opcode":"copy","type":"corrupt"}`); err == nil || err.Code != -22 || !strings.HasPrefix(err.Message, "Invalid argument") {
		t.Errorf("copy: %+v", err)
	}
	if _, err := call(`{"opcode":"crc32c","type":"explode"}`); err == nil || err.Code != rpc.InvalidParams || !strings.Contains(err.Message, "type") {
		t.Errorf("explode: %+v", err)
	}
}
