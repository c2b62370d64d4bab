// SPDX-License-Identifier: BSD-3-Clause

package bdev_test

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/rpc"
	"github.com/gospdk/gospdk/thread"
)

// busy is a device with a user whose thread runs while the test asks.
type busy struct {
	*methods
	disk *fakeDisk
	desc *bdev.Desc
	th   *thread.Thread
	ch   *bdev.UserChannel
}

func newBusy(t *testing.T, d *fakeDisk) *busy {
	m := newMethods(t)
	mustRegister(t, m.reg, d)
	b := &busy{methods: m, disk: d, th: thread.New("busy")}
	var err error
	if b.desc, err = m.reg.Open(t.Context(), d.info.Name, bdev.Write, nil); err == nil {
		b.ch, err = b.desc.Channel(b.th)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.ch.Close(); err != nil {
			t.Error(err)
		}
		b.th.Poll()
		if err := b.desc.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// do carries one IO out.
func (b *busy) do(op bdev.Op, offset, blocks uint64) bdev.Status {
	r := newRequest(op, offset, blocks)
	b.ch.Submit(&r.IO)
	pollAll(b.th)
	return r.Status
}

// asking polls the device's thread while fn runs.
func (b *busy) asking(fn func()) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				b.th.Poll()
			}
		}
	}()
	fn()
	close(stop)
	<-stopped
}

func (b *busy) must(method, params string) (v any) {
	b.Helper()
	b.asking(func() { v = b.methods.must(method, params) })
	return v
}

func object(v any, path ...string) map[string]any {
	for _, p := range path {
		v = v.(map[string]any)[p]
	}
	return v.(map[string]any)
}

func first(v any) map[string]any { return v.([]any)[0].(map[string]any) }

func TestGetIOStat(t *testing.T) {
	d := newFake(100, bdev.OpUnmap, bdev.OpCopy)
	d.fail = func(io *bdev.IO) bdev.Status {
		switch {
		case io.Op != bdev.OpRead && io.Op != bdev.OpWrite:
			return bdev.StatusErrno(0)
		case io.Offset == 9:
			return bdev.StatusNVMe(2, 0x81)
		case io.Offset == 8:
			return bdev.StatusErrno(5)
		}
		return bdev.StatusSuccess
	}
	b := newBusy(t, d)
	b.do(bdev.OpRead, 0, 4)
	b.do(bdev.OpRead, 4, 1)
	b.do(bdev.OpWrite, 0, 3)
	b.do(bdev.OpWrite, 9, 1)
	b.do(bdev.OpWrite, 8, 1)
	b.do(bdev.OpWrite, 8, 1)
	s := recorded(t)
	answer := b.must("bdev_get_iostat", `{"names":["Fake0"]}`)
	e := first(object(answer)["bdevs"])
	want := s.answer(t, "bdev_get_iostat", "", nil)
	// Only kinds of errors that have been there are shown.
	first(object(want)["bdevs"])["io_error"] = map[string]any{"nvme_error": 1.0, "aio_error": 1.0}
	sameShape(t, "answer", answer, want)
	for field, want := range map[string]float64{
		"bytes_read": 5 * 512, "num_read_ops": 2, "bytes_written": 3 * 512, "num_write_ops": 1,
		"bytes_unmapped": 0, "num_unmap_ops": 0, "min_unmap_latency_ticks": 0,
	} {
		if e[field] != want {
			t.Errorf("%s = %v, want %v", field, e[field], want)
		}
	}
	low, high, sum := e["min_read_latency_ticks"].(float64), e["max_read_latency_ticks"].(float64), e["read_latency_ticks"].(float64)
	if low <= 0 || low > high || sum < low+high-1 || sum > low+high+1 {
		t.Errorf("latencies from %v to %v, together %v", low, high, sum)
	}
	if got := fmt.Sprint(e["io_error"]); got != "map[aio_error:2 nvme_error:1]" {
		t.Errorf("io_error = %s", got)
	}
	if a := object(answer); a["tick_rate"] != float64(bdev.TickRate()) || a["ticks"].(float64) <= 0 {
		t.Errorf("%v ticks, %v a second", a["ticks"], a["tick_rate"])
	}
	all := b.must("bdev_get_iostat", ``)
	if n := len(object(all)["bdevs"].([]any)); n != 1 {
		t.Errorf("%d devices", n)
	}
	if none := b.must("bdev_get_iostat", `{"names":[]}`); len(object(none)["bdevs"].([]any)) != 0 {
		t.Errorf("no names: %v", none)
	}
	b.refused("bdev_get_iostat", `{"names":["None"]}`, -19, "No such device", `"None"`)
	b.refused("bdev_get_iostat", `{"reset_mode":"bad"}`, rpc.InvalidParams, "reset_mode", "maxmin")
}

func TestGetIOStatPerChannel(t *testing.T) {
	b := newBusy(t, newFake(100))
	b.do(bdev.OpRead, 0, 4)
	answer := b.must("bdev_get_iostat", `{"names":["Fake0"],"per_channel":true}`)
	want := recorded(t).answer(t, "bdev_get_iostat", "per_channel", true)
	object(want)["channels"] = []any{map[string]any{}}
	channel := first(object(answer)["channels"])
	if channel["thread_id"] != float64(b.th.ID()) || channel["num_read_ops"] != 1.0 {
		t.Errorf("%v", channel)
	}
	entry := first(object(recorded(t).answer(t, "bdev_get_iostat", "", nil))["bdevs"])
	delete(entry, "name")
	entry["thread_id"] = 1.0
	object(want)["channels"] = []any{entry}
	sameShape(t, "answer", answer, want)
	b.refused("bdev_get_iostat", `{"per_channel":true}`, -22, "Invalid argument", "per_channel")
	b.refused("bdev_get_iostat", `{"names":["Fake0","Fake0"],"per_channel":true}`, -22, "Invalid argument")
}

func TestResetIOStat(t *testing.T) {
	d := newFake(100)
	d.fail = func(io *bdev.IO) bdev.Status {
		if io.Offset == 9 {
			return bdev.StatusFailed
		}
		return bdev.StatusSuccess
	}
	b := newBusy(t, d)
	entry := func() (max, ops float64, errors int) {
		e := first(object(b.must("bdev_get_iostat", ``))["bdevs"])
		return e["max_read_latency_ticks"].(float64), e["num_read_ops"].(float64), len(object(e["io_error"]))
	}
	for _, test := range []struct {
		method, params   string
		max, ops, errors bool // are left
	}{
		{"bdev_reset_iostat", `{"mode":"none"}`, true, true, true},
		{"bdev_get_iostat", `{"names":["Fake0"]}`, true, true, true},
		{"bdev_get_iostat", `{"names":["Fake0"],"reset_mode":"maxmin"}`, false, true, true},
		{"bdev_reset_iostat", `{"name":"Fake0","mode":"maxmin"}`, false, true, true},
		{"bdev_reset_iostat", `{"name":"Fake0","mode":"error"}`, true, true, false},
		{"bdev_reset_iostat", `{"name":"Fake0"}`, false, false, false},
		{"bdev_reset_iostat", ``, false, false, false},
		{"bdev_get_iostat", `{"reset_mode":"all"}`, false, false, false},
	} {
		b.do(bdev.OpRead, 0, 1)
		b.do(bdev.OpRead, 9, 1)
		answer := b.must(test.method, test.params)
		if test.method == "bdev_reset_iostat" && answer != true {
			t.Errorf("%s %s = %v", test.method, test.params, answer)
		}
		max, ops, errors := entry()
		if (max > 0) != test.max || (ops > 0) != test.ops || (errors > 0) != test.errors {
			t.Errorf("%s %s leaves %v ticks, %v operations, %d kinds of errors", test.method, test.params, max, ops, errors)
		}
	}
	b.refused("bdev_reset_iostat", `{"name":"None"}`, -19, "No such device")
	b.refused("bdev_reset_iostat", `{"mode":"bad"}`, rpc.InvalidParams, "mode")
}

func TestQDSampling(t *testing.T) {
	d := newFake(100)
	d.manual = true
	b := newBusy(t, d)
	r := newRequest(bdev.OpRead, 0, 1)
	b.ch.Submit(&r.IO)
	if got := b.must("bdev_set_qd_sampling_period", `{"name":"Fake0","period":1000}`); got != true {
		t.Errorf("%v", got)
	}
	want := recorded(t)
	deadline := time.Now().Add(10 * time.Second)
	for {
		answer := b.must("bdev_get_iostat", `{"names":["Fake0"]}`)
		sameShape(t, "answer", answer, want[len(want)-lastIOStat(t, want)].Result)
		e := first(object(answer)["bdevs"])
		if e["queue_depth_polling_period"] != 1000.0 {
			t.Fatalf("%v", e)
		}
		if e["queue_depth"] == 1.0 && e["io_time"].(float64) >= 1000 && e["weighted_io_time"] == e["io_time"] {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no sample: %v", e)
		}
	}
	b.must("bdev_set_qd_sampling_period", `{"name":"Fake0","period":0}`)
	if _, ok := first(object(b.must("bdev_get_iostat", ``))["bdevs"])["queue_depth"]; ok {
		t.Error("the queue depth is shown though it is not sampled")
	}
	b.refused("bdev_set_qd_sampling_period", `{"name":"None","period":1}`, -19, "No such device")
	b.refused("bdev_set_qd_sampling_period", `{"name":"Fake0"}`, rpc.InvalidParams, "period")
	d.chans[0].finish(0)
	pollAll(b.th)
}

// lastIOStat returns how far from the end the recorded answer with a queue
// depth is.
func lastIOStat(t *testing.T, s session) int {
	for i := range s {
		if e := s[len(s)-1-i]; e.Method == "bdev_get_iostat" && e.Result != nil {
			return i + 1
		}
	}
	t.Fatal("no recorded bdev_get_iostat")
	return 0
}

func TestQoSRPC(t *testing.T) {
	b := newBusy(t, newFake(100))
	b.refused("bdev_set_qos_limit", `{"name":"Fake0"}`, -22, "No rate limits specified")
	b.refused("bdev_set_qos_limit", `{"name":"None","rw_ios_per_sec":1000}`, -19, "No such device")
	b.refused("bdev_set_qos_limit", `{"name":"Fake0","rw_ios_per_sec":18446744073709551614}`, rpc.InvalidParams,
		"Failed to configure rate limit: Invalid argument", "rw_ios_per_sec")
	for _, test := range []struct{ params, want, saved string }{
		{`{"name":"Fake0","rw_ios_per_sec":1500}`, `map[r_mbytes_per_sec:0 rw_ios_per_sec:2000 rw_mbytes_per_sec:0 w_mbytes_per_sec:0]`,
			`{"method":"bdev_set_qos_limit","params":{"name":"Fake0","rw_ios_per_sec":2000}}`},
		{`{"name":"Fake0","rw_mbytes_per_sec":100,"r_mbytes_per_sec":50,"w_mbytes_per_sec":60}`,
			`map[r_mbytes_per_sec:50 rw_ios_per_sec:2000 rw_mbytes_per_sec:100 w_mbytes_per_sec:60]`,
			`{"method":"bdev_set_qos_limit","params":{"name":"Fake0","rw_ios_per_sec":2000,"rw_mbytes_per_sec":100,"r_mbytes_per_sec":50,"w_mbytes_per_sec":60}}`},
		{`{"name":"Fake0","rw_ios_per_sec":0,"rw_mbytes_per_sec":0,"r_mbytes_per_sec":0,"w_mbytes_per_sec":0}`,
			`map[r_mbytes_per_sec:0 rw_ios_per_sec:0 rw_mbytes_per_sec:0 w_mbytes_per_sec:0]`, ``},
	} {
		if got := b.must("bdev_set_qos_limit", test.params); got != true {
			t.Errorf("%s = %v", test.params, got)
		}
		e := first(b.must("bdev_get_bdevs", `{"name":"Fake0"}`))
		if got := fmt.Sprint(e["assigned_rate_limits"]); got != test.want {
			t.Errorf("%s: %s, want %s", test.params, got, test.want)
		}
		lines := b.saved()
		if got := append(lines[1:len(lines)-1], "")[0]; got != test.saved {
			t.Errorf("%s: saved %s, want %s", test.params, got, test.saved)
		}
	}
}

func TestHistogramRPC(t *testing.T) {
	b := newBusy(t, newFake(100))
	b.refused("bdev_get_histogram", `{"name":"Fake0"}`, -12, "Cannot allocate memory", "bdev_enable_histogram")
	b.refused("bdev_get_histogram", `{"name":"None"}`, -19, "No such device")
	b.refused("bdev_enable_histogram", `{"name":"None","enable":true}`, -19, "No such device")
	b.refused("bdev_enable_histogram", `{"name":"Fake0"}`, rpc.InvalidParams, "enable")
	b.refused("bdev_enable_histogram", `{"name":"Fake0","enable":true,"opc":"rd"}`, rpc.InternalError, "Invalid Io type", "write_zeroes")
	b.refused("bdev_enable_histogram", `{"name":"Fake0","enable":true,"min_nsec":10,"max_nsec":5}`, -22, "Invalid argument", "min_nsec")
	if got := b.must("bdev_enable_histogram", `{"name":"Fake0","enable":true,"opc":"read","granularity":2,"min_nsec":1000,"max_nsec":1000000}`); got != true {
		t.Errorf("%v", got)
	}
	for range 3 {
		b.do(bdev.OpRead, 0, 1)
	}
	b.do(bdev.OpWrite, 0, 1)
	answer := b.must("bdev_get_histogram", `{"name":"Fake0"}`)
	sameShape(t, "histogram", answer, recorded(t).answer(t, "bdev_get_histogram", "name", "Null0"))
	h := object(answer)
	raw, err := base64.StdEncoding.DecodeString(h["histogram"].(string))
	if err != nil {
		t.Fatal(err)
	}
	if buckets := (h["max_range"].(float64) - h["min_range"].(float64) + 1) * 4; float64(len(raw)) != 8*buckets || h["granularity"] != 2.0 {
		t.Errorf("%d bytes, want %v buckets", len(raw), buckets)
	}
	var sum uint64
	for i := 0; i < len(raw); i += 8 {
		sum += binary.LittleEndian.Uint64(raw[i:])
	}
	if sum != 3 || h["tsc_rate"] != float64(bdev.TickRate()) {
		t.Errorf("%d latencies, want 3; %v ticks a second", sum, h["tsc_rate"])
	}
	got := b.must("bdev_get_histogram_borders", `{"name":"Fake0","borders":[1,10,18446744073709551615]}`)
	counts := object(got)["borders_count"].([]any)
	if len(counts) != 4 || counts[2] != 3.0 || counts[0].(float64) > counts[1].(float64) || counts[1].(float64) > 3 {
		t.Errorf("%v", counts)
	}
	b.refused("bdev_get_histogram_borders", `{"name":"Fake0"}`, rpc.InvalidParams, "borders")
	b.refused("bdev_get_histogram_borders", `{"name":"Fake0","borders":[]}`, rpc.InvalidParams, "borders")
	b.refused("bdev_get_histogram_borders", `{"name":"None","borders":[1]}`, -19, "No such device")
}

func TestHistogramSaved(t *testing.T) {
	b := newBusy(t, newFake(100))
	for _, test := range []struct{ params, want string }{
		{`{"name":"Fake0","enable":true}`, `{"method":"bdev_enable_histogram","params":{"name":"Fake0","enable":true}}`},
		{`{"name":"Fake0","enable":true,"opc":"write_zeroes","granularity":3,"min_nsec":5,"max_nsec":500000}`,
			`{"method":"bdev_enable_histogram","params":{"name":"Fake0","enable":true,"opc":"write_zeroes","granularity":3,"min_nsec":5,"max_nsec":500000}}`},
		{`{"name":"Fake0","enable":false}`, ``},
	} {
		b.must("bdev_enable_histogram", test.params)
		lines := b.saved()
		if got := append(lines[1:len(lines)-1], "")[0]; got != test.want {
			t.Errorf("%s: saved %s, want %s", test.params, got, test.want)
		}
	}
}

// TestMethodsSettle shows that a method is answered when the devices are
// there that waited for the one it has made.
func TestMethodsSettle(t *testing.T) {
	m := newMethods(t)
	m.reg.AddModule(examiner{plainModule: plainModule{"stack", &recorder{}}, config: func(_ context.Context, info bdev.Info) {
		if info.Name == "A" {
			mustRegister(t, m.reg, named("onA"))
		}
	}})
	rpc.Register(m.rpc, "make", func(ctx context.Context, _ struct{}) (rpc.True, error) {
		return true, m.reg.Register(ctx, named("A"))
	})
	m.must("make", ``)
	if n := len(m.must("bdev_get_bdevs", ``).([]any)); n != 2 {
		t.Errorf("%d devices, want 2", n)
	}
}
