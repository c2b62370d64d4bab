// SPDX-License-Identifier: BSD-3-Clause

package bdev_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dif"
	"github.com/gospdk/gospdk/rpc"
)

// methods is a registry with the methods of the block layer.
type methods struct {
	*testing.T
	reg *bdev.Registry
	rpc *rpc.Registry
}

func newMethods(t *testing.T) *methods {
	m := &methods{t, bdev.NewRegistry(), rpc.NewRegistry()}
	m.reg.RegisterRPC(m.rpc)
	m.rpc.SetState(rpc.StateRuntime)
	t.Cleanup(func() {
		if err := m.reg.Close(soon(t)); err != nil {
			t.Error(err)
		}
	})
	return m
}

// call returns the answer as JSON reads it.
func (m *methods) call(method, params string) (any, error) {
	m.Helper()
	result, err := m.rpc.Call(soon(m.T), method, json.RawMessage(params))
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(result)
	if err != nil {
		m.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		m.Fatal(err)
	}
	return v, nil
}

// must is call of what succeeds.
func (m *methods) must(method, params string) any {
	m.Helper()
	v, err := m.call(method, params)
	if err != nil {
		m.Fatalf("%s %s: %v", method, params, err)
	}
	return v
}

// refused is call of what fails, with that code and those words.
func (m *methods) refused(method, params string, code int, words ...string) {
	m.Helper()
	v, err := m.call(method, params)
	e, ok := errors.AsType[*rpc.Error](err)
	if !ok {
		m.Errorf("%s %s = %v, %v", method, params, v, err)
		return
	}
	for _, w := range words {
		if e.Code != code || !strings.Contains(e.Message, w) {
			m.Errorf("%s %s: %d %s, want %d and %q", method, params, e.Code, e.Message, code, w)
		}
	}
}

// session is what SPDK's target answered once.
type session []struct {
	Method string
	Params map[string]any
	Result any
	Error  *rpc.Error
}

func recorded(t *testing.T) (s session) {
	t.Helper()
	text, err := os.ReadFile("testdata/spdk_tgt.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// answer returns the first recorded answer to a call of that method for which
// the parameter has that value.
func (s session) answer(t *testing.T, method, param string, value any) any {
	t.Helper()
	for _, e := range s {
		if e.Method == method && e.Result != nil && (param == "" && e.Params == nil || param != "" && e.Params[param] == value) {
			return e.Result
		}
	}
	t.Fatalf("no recorded %s with %s = %v", method, param, value)
	return nil
}

// sameShape tells where two answers differ in names or types of their
// fields; numbers, strings and the lengths of arrays may differ.
func sameShape(t *testing.T, path string, got, want any) {
	t.Helper()
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			t.Errorf("%s is %T, want an object", path, got)
			return
		}
		for name := range g {
			if _, ok := w[name]; !ok {
				t.Errorf("%s.%s is not SPDK's", path, name)
			}
		}
		for name := range w {
			if _, ok := g[name]; !ok {
				t.Errorf("%s.%s is missing", path, name)
				continue
			}
			sameShape(t, path+"."+name, g[name], w[name])
		}
	case []any:
		g, ok := got.([]any)
		if !ok || (len(g) == 0) != (len(w) == 0) {
			t.Errorf("%s is %v, want as %v", path, got, want)
			return
		}
		for i := range min(len(g), len(w)) {
			sameShape(t, path+"[]", g[i], w[i])
		}
	default:
		if g := got; jsonType(g) != jsonType(w) {
			t.Errorf("%s is %T, want %T", path, got, want)
		}
	}
}

func jsonType(v any) string {
	switch v.(type) {
	case bool:
		return "bool"
	case float64:
		return "number"
	case string:
		return "string"
	}
	return "other"
}

// shownDisk is a device that shows what the test says.
type shownDisk struct {
	*fakeDisk
	types    []string
	specific any
}

func (d *shownDisk) SupportsIOType(name string, native bool) bool {
	for _, n := range d.types {
		if n == name {
			return true
		}
	}
	return false
}
func (d *shownDisk) DriverSpecific() any { return d.specific }

// likeSPDKs are devices like those of the recorded session.
func likeSPDKs(t *testing.T) map[string]*shownDisk {
	disk := func(name, product string, types string) *shownDisk {
		d := &shownDisk{named(name), strings.Fields(types), struct{}{}}
		d.info.Product = product
		return d
	}
	all := "read write unmap flush reset write_zeroes zcopy compare abort copy"
	malloc := disk("Malloc0", "Malloc disk", all)
	malloc.info.NumBlocks = 2048
	malloc.info.UUID = uuid.MustParse("0b6d7c2e-5fd0-4c2f-9d7e-9c6b0a0b0c0d")
	malloc.info.NUMA, malloc.info.HasNUMA = -1, true
	protected := disk("Malloc1", "Malloc disk", all)
	i := &protected.info
	i.BlockSize, i.NumBlocks, i.MDSize, i.MDInterleaved = 4112, 2048, 16, true
	i.DIF, i.DIFCheck = dif.Type1, dif.RefTag|dif.Guard
	i.NUMA, i.HasNUMA = -1, true
	null := disk("Null0", "Null disk", "read write reset abort")
	null.info.BlockSize, null.info.NumBlocks, null.info.MDSize, null.info.MDInterleaved = 520, 1024, 8, true
	passthru := disk("PT0", "passthru", all)
	passthru.info.NumBlocks = 2048
	passthru.info.NUMA, passthru.info.HasNUMA = -1, true
	passthru.specific = struct {
		Passthru any `json:"passthru"`
	}{struct {
		Name string `json:"name"`
		Base string `json:"base_bdev_name"`
	}{"PT0", "Malloc0"}}
	return map[string]*shownDisk{"Malloc0": malloc, "Malloc1": protected, "Null0": null, "PT0": passthru}
}

// TestGetBdevsLikeSPDK compares each field with SPDK's answer for a device
// that is described in the same way. Random UUIDs differ.
func TestGetBdevsLikeSPDK(t *testing.T) {
	m, s := newMethods(t), recorded(t)
	disks := likeSPDKs(t)
	for _, d := range disks {
		mustRegister(t, m.reg, d)
	}
	desc, err := m.reg.Open(context.Background(), "Malloc0", bdev.Read, nil)
	if err == nil {
		err = desc.Claim(bdev.ClaimExclWrite, "passthru", 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer desc.Close()
	for name := range disks {
		var want any
		for _, e := range s.answer(t, "bdev_get_bdevs", "", nil).([]any) {
			if e.(map[string]any)["name"] == name {
				want = e
			}
		}
		got := m.must("bdev_get_bdevs", `{"name":"`+name+`"}`).([]any)[0]
		sameShape(t, name, got, want)
		g, w := got.(map[string]any), want.(map[string]any)
		for field := range w {
			if field == "uuid" || field == "aliases" {
				if name != "Malloc0" {
					continue
				}
			}
			a, _ := json.Marshal(g[field])
			b, _ := json.Marshal(w[field])
			if string(a) != string(b) {
				t.Errorf("%s.%s = %s, want %s", name, field, a, b)
			}
		}
	}
}

// TestGetBdevsFieldOrder compares the order of the fields, for eyes.
func TestGetBdevsFieldOrder(t *testing.T) {
	m := newMethods(t)
	mustRegister(t, m.reg, likeSPDKs(t)["Malloc1"])
	answer, err := m.rpc.Call(soon(t), "bdev_get_bdevs", nil)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(answer)
	at := 0
	for _, field := range []string{
		"name", "aliases", "product_name", "block_size", "num_blocks",
		"preferred_write_alignment", "preferred_write_granularity", "optimal_write_size",
		"preferred_unmap_alignment", "preferred_unmap_granularity", "uuid", "numa_id",
		"md_size", "md_interleave", "dif_type", "dif_is_head_of_md", "enabled_dif_check_types",
		"reftag", "apptag", "guard", "dif_pi_format", "assigned_rate_limits", "claimed", "zoned",
		"supported_io_types", "driver_specific",
	} {
		i := strings.Index(string(text), `"`+field+`":`)
		if i < at {
			t.Errorf("%s is not in its place in %s", field, text)
		}
		at = i
	}
}

func TestGetBdevs(t *testing.T) {
	m := newMethods(t)
	if got := m.must("bdev_get_bdevs", ``).([]any); len(got) != 0 {
		t.Errorf("no devices: %v", got)
	}
	m.refused("bdev_get_bdevs", `{"name":"None"}`, -19, "No such device", `"None"`)
	m.refused("bdev_get_bdevs", `{"name":"None","timeout":1}`, -110, "Connection timed out", `"None"`)
	m.refused("bdev_get_bdevs", `{"name":5}`, rpc.InvalidParams, "name")
	d := named("A")
	d.info.Aliases = []string{"other"}
	mustRegister(t, m.reg, d)
	e := m.must("bdev_get_bdevs", `{"name":"other","timeout":1000}`).([]any)[0].(map[string]any)
	aliases := e["aliases"].([]any)
	if e["name"] != "A" || len(aliases) != 2 || aliases[0] != e["uuid"] || aliases[1] != "other" {
		t.Errorf("%v", e)
	}
	desc, err := m.reg.Open(context.Background(), "A", bdev.Read, nil)
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	_ = m.reg.Unregister(gone, "A")
	if got := m.must("bdev_get_bdevs", ``).([]any); len(got) != 0 {
		t.Errorf("a device that is being removed is shown: %v", got)
	}
	m.refused("bdev_get_bdevs", `{"name":"A"}`, -19, "No such device")
	if err := desc.Close(); err != nil {
		t.Error(err)
	}
}

// TestGetBdevsWaits asks for a device that appears afterwards.
func TestGetBdevsWaits(t *testing.T) {
	m := newMethods(t)
	answer := make(chan any, 1)
	go func() { answer <- m.must("bdev_get_bdevs", `{"name":"A","timeout":10000}`) }()
	mustRegister(t, m.reg, named("A"))
	if got := (<-answer).([]any); len(got) != 1 {
		t.Errorf("%v", got)
	}
}

func TestZonedEntry(t *testing.T) {
	m := newMethods(t)
	d := named("Zone0")
	d.info.Zoned, d.info.ZoneSize, d.info.OptimalOpenZones = true, 1024, 4
	mustRegister(t, m.reg, d)
	got := m.must("bdev_get_bdevs", `{"name":"Zone0"}`).([]any)[0].(map[string]any)
	if got["zone_size"] != 1024.0 || got["max_open_zones"] != 0.0 || got["optimal_open_zones"] != 4.0 {
		t.Errorf("%v", got)
	}
	want := recorded(t).answer(t, "bdev_get_bdevs", "name", "Zone0").([]any)[0]
	want.(map[string]any)["driver_specific"] = map[string]any{}
	want.(map[string]any)["numa_id"] = nil
	delete(want.(map[string]any), "numa_id")
	sameShape(t, "Zone0", got, want)
}

func TestSetOptionsRPC(t *testing.T) {
	m := newMethods(t)
	m.refused("bdev_set_options", `{}`, rpc.InvalidState, "may only be called before framework is initialized")
	m.rpc.SetState(rpc.StateStartup)
	m.refused("bdev_get_bdevs", ``, rpc.InvalidState, "may only be called after framework is initialized")
	m.refused("bdev_set_options", `{"bdev_io_pool_size":100,"bdev_io_cache_size":200}`, rpc.InvalidParams,
		"Pool size 100 too small for cache size 200", "at least 400")
	m.refused("bdev_set_options", `{"bdev_io_pool_size":"x"}`, rpc.InvalidParams, "Invalid parameters", "bdev_io_pool_size")
	for _, params := range []string{``, `{"bdev_auto_examine":false,"iobuf_small_cache_size":64}`} {
		if got := m.must("bdev_set_options", params); got != true {
			t.Errorf("%v", got)
		}
	}
	want := bdev.DefaultOptions()
	want.AutoExamine, want.IobufSmallCache = false, 64
	if got := m.reg.Options(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestExamineRPC(t *testing.T) {
	m := newMethods(t)
	m.refused("bdev_examine", `{"name":"A"}`, -22, "Invalid argument", "bdev_auto_examine")
	m.refused("bdev_examine", ``, rpc.InvalidParams, "name")
	o := m.reg.Options()
	o.AutoExamine = false
	if err := m.reg.SetOptions(o); err != nil {
		t.Fatal(err)
	}
	if got := m.must("bdev_examine", `{"name":"A"}`); got != true {
		t.Errorf("%v", got)
	}
	m.refused("bdev_examine", `{"name":"A"}`, -17, "File exists", `"A"`)
	if got := m.must("bdev_wait_for_examine", ``); got != true {
		t.Errorf("%v", got)
	}
	m.refused("bdev_wait_for_examine", `{"x":1}`, rpc.InvalidParams, "requires no parameters")
}

// savingModule and savingDisk write their names into the configuration.
type savingModule struct{ Module bdev.Module }

func (m savingModule) Name() string           { return m.Module.Name() }
func (m savingModule) SaveConfig() []rpc.Call { return []rpc.Call{{Method: "module_" + m.Name()}} }

type savingExaminer struct{ savingModule }

func (savingExaminer) ExamineConfig(context.Context, bdev.Info) {}

type savingDisk struct{ *fakeDisk }

func (d savingDisk) SaveConfig() []rpc.Call { return []rpc.Call{{Method: "disk_" + d.info.Name}} }

// saved returns the configuration as text, a line a call.
func (m *methods) saved() (lines []string) {
	m.Helper()
	for _, c := range m.reg.SaveConfig() {
		text, err := json.Marshal(c)
		if err != nil {
			m.Fatal(err)
		}
		lines = append(lines, string(text))
	}
	return lines
}

func (m *methods) wantSaved(want ...string) {
	m.Helper()
	if got := strings.Join(m.saved(), "\n"); got != strings.Join(want, "\n") {
		m.Errorf("saved:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}

func TestSaveConfig(t *testing.T) {
	const wait = `{"method":"bdev_wait_for_examine"}`
	m := newMethods(t)
	m.wantSaved(`{"method":"bdev_set_options","params":{"bdev_io_pool_size":65535,"bdev_io_cache_size":256,"bdev_auto_examine":true,"iobuf_small_cache_size":128,"iobuf_large_cache_size":16}}`, wait)
	o := m.reg.Options()
	o.AutoExamine = false
	if err := m.reg.SetOptions(o); err != nil {
		t.Fatal(err)
	}
	m.must("bdev_examine", `{"name":"B"}`)
	m.reg.AddModule(savingModule{plainModule{name: "plain"}})
	m.reg.AddModule(plainModule{"silent", &recorder{}})
	m.reg.AddModule(savingExaminer{savingModule{plainModule{name: "examiner"}}})
	mustRegister(t, m.reg, savingDisk{named("A")})
	mustRegister(t, m.reg, named("Quiet"))
	mustRegister(t, m.reg, savingDisk{named("B")})
	m.wantSaved(
		`{"method":"bdev_set_options","params":{"bdev_io_pool_size":65535,"bdev_io_cache_size":256,"bdev_auto_examine":false,"iobuf_small_cache_size":128,"iobuf_large_cache_size":16}}`,
		`{"method":"bdev_examine","params":{"name":"B"}}`,
		`{"method":"module_examiner"}`, `{"method":"module_plain"}`,
		`{"method":"disk_A"}`, `{"method":"disk_B"}`, wait)
}
