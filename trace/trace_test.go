// SPDX-License-Identifier: BSD-3-Clause

package trace

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gospdk/gospdk/rpc"
)

// start traces to a file of the test's.
func start(t testing.TB, entries int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "trace")
	if err := Start(path, entries); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { Stop() })
	return path
}

func read(t testing.TB, path string) []Record {
	t.Helper()
	all, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// SPDK's application on core 1 has a file of 3401768 bytes: all sections, two
// offsets of rings, and a ring of 32768 entries.
func TestLayoutIsSPDKs(t *testing.T) {
	if got := ringsAt - 8*maxRings + 8*2 + ringSize(32768); got != 3401768 {
		t.Errorf("a file like SPDK's has %d bytes, not 3401768", got)
	}
	if offPointRelated+2*16 != pointSize || numSections != 7 || sectionRings != 6 {
		t.Error("sizes do not add up")
	}
}

func TestRecords(t *testing.T) {
	path := start(t, 16)
	disk, host := NewOwner(OwnerBdev, "Malloc0"), NewOwner(OwnerNVMfTCP, "127.0.0.1:1234")
	one, two := NewRing("first thread of them"), NewRing("two")
	one.Record(TCPNew, host, 0, 0xaaaa, 3)
	two.Record(BdevIOStart, disk, 8, 0xbbbb, 1, 0xaaaa, 1<<40+5, 0x1_0000_0007)
	two.Record(BdevIODone, disk, 0, 0xbbbb, 0xaaaa, 6)
	two.Record(BdevIOStart, disk, 9, 0xbbbb, 1, 0xaaaa, 7, 8)
	two.Record(BdevIODone, disk, 0, 0xcccc, 0xaaaa, 6) // of what had begun before
	one.Record(TCPReadDone, host, 72, 0)
	one.Record(TCPNew, host, 0, 1) // without its argument
	var got []string
	for _, r := range read(t, path) {
		b, err := json.Marshal(r.Args)
		if err != nil {
			t.Fatal(err)
		}
		age := "old"
		if r.Age < 0 {
			age = "new"
		}
		got = append(got, strings.Join([]string{r.Thread, r.Point, r.Owner, r.Object, age, string(b)}, " "))
	}
	want := []string{
		`first thread of TCP_REQ_NEW 127.0.0.1:1234 r0 new [{"Name":"qd","Value":3,"Text":"","Pointer":false}]`,
		`two BDEV_IO_START Malloc0 i0 new [{"Name":"type","Value":1,"Text":"","Pointer":false},{"Name":"ctx","Value":43690,"Text":"","Pointer":true},{"Name":"offset","Value":1099511627781,"Text":"","Pointer":false},{"Name":"qd","Value":7,"Text":"","Pointer":false}]`,
		`two BDEV_IO_DONE Malloc0 i0 old [{"Name":"ctx","Value":43690,"Text":"","Pointer":true},{"Name":"qd","Value":6,"Text":"","Pointer":false}]`,
		`two BDEV_IO_START Malloc0 i1 new [{"Name":"type","Value":1,"Text":"","Pointer":false},{"Name":"ctx","Value":43690,"Text":"","Pointer":true},{"Name":"offset","Value":7,"Text":"","Pointer":false},{"Name":"qd","Value":8,"Text":"","Pointer":false}]`,
		`two BDEV_IO_DONE Malloc0 i2 new [{"Name":"ctx","Value":43690,"Text":"","Pointer":true},{"Name":"qd","Value":6,"Text":"","Pointer":false}]`,
		`first thread of TCP_READ_DONE 127.0.0.1:1234  new null`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if all := read(t, path); all[1].Size != 8 || all[5].Size != 72 {
		t.Errorf("sizes %d and %d", all[1].Size, all[5].Size)
	}
}

// A ring that has gone round has the last records, and none of which a part
// has been overwritten.
func TestRingGoesRound(t *testing.T) {
	path := start(t, 8)
	r := NewRing("t")
	for i := range uint64(20) {
		r.Record(BdevIOStart, Owner{}, uint32(i), i+1, 1, 2, i, 4) // two entries
		r.Record(BdevChannelCreate, Owner{}, uint32(i), 0, i)
	}
	var sizes []uint32
	for _, r := range read(t, path) {
		sizes = append(sizes, r.Size)
		if r.Point == "BDEV_IO_START" && r.Args[2].Value != uint64(r.Size) {
			t.Errorf("record %+v", r)
		}
	}
	if len(sizes) != 5 || sizes[0] != 17 || sizes[4] != 19 {
		t.Errorf("records %v", sizes)
	}
	if err := clearAll(); err != nil {
		t.Fatal(err)
	}
	r.Record(BdevChannelCreate, Owner{}, 99, 0, 1)
	if all := read(t, path); len(all) != 1 || all[0].Size != 99 {
		t.Errorf("after clearing: %+v", all)
	}
}

func TestRingsAndOwnersComeAgain(t *testing.T) {
	path := start(t, 4)
	first := NewRing("first")
	first.Record(TCPReadDone, Owner{}, 1, 0)
	first.Release()
	if second := NewRing("second"); second != first {
		t.Error("a ring that is free was not taken")
	}
	if all := read(t, path); len(all) != 1 || all[0].Thread != "second" {
		t.Errorf("%+v", all)
	}
	for range maxRings + 2 {
		NewRing("more").Record(TCPReadDone, Owner{}, 1, 0)
	}
	if all := read(t, path); len(all) != maxRings {
		t.Errorf("%d records of %d rings", len(all), maxRings)
	}
	ids := map[uint16]bool{}
	for range maxOwners - 1 {
		ids[NewOwner(OwnerBdev, "d").id] = true
	}
	if len(ids) != maxOwners-1 || ids[0] {
		t.Errorf("%d owners, nobody %v", len(ids), ids[0])
	}
	if o := NewOwner(OwnerBdev, "one too many"); o.id != 0 {
		t.Errorf("owner %d is there twice", o.id)
	}
	Owner{current.Load(), 7}.Release()
	if o := NewOwner(OwnerBdev, "again"); o.id != 7 {
		t.Errorf("owner %d, want 7", o.id)
	}
}

func TestEnableAs(t *testing.T) {
	for spec, want := range map[string]string{
		"bdev":                               "3:ffffffffffffffff",
		"0x28":                               "3:ffffffffffffffff 5:ffffffffffffffff",
		"bdev:0x1,thread":                    "3:1 10:ffffffffffffffff",
		"8:2":                                "3:2",
		"nvmf_tcp:tcp_req_new+TCP_QP_CREATE": "5:20001",
		"all":                                "3:ffffffffffffffff 5:ffffffffffffffff 10:ffffffffffffffff",
		"ftl":                                `tracepoint group "ftl": there are bdev, nvmf_tcp, thread, and all`,
		"0x40000":                            "has no group",
		"all:1":                              "several groups",
		"bdev:NOTHING":                       `no tracepoint "NOTHING" in group bdev`,
	} {
		start(t, 4)
		var got []string
		if err := EnableAs(spec); err != nil {
			got = append(got, err.Error())
		} else {
			for i := range masks {
				if m := masks[i].Load(); m != 0 {
					got = append(got, strings.Replace(hex(uint64(i))+":"+hex(m), "0xa", "10", 1))
				}
			}
		}
		if all := strings.ReplaceAll(strings.Join(got, " "), "0x", ""); !strings.Contains(all, strings.ReplaceAll(want, "0x", "")) {
			t.Errorf("%s: %s, want %s", spec, all, want)
		}
		Stop()
		if BdevIOStart.On() {
			t.Fatal("on after the end")
		}
	}
	if err := EnableAs("bdev"); err == nil || BdevIOStart.On() {
		t.Errorf("without a trace: %v", err)
	}
}

func TestRPC(t *testing.T) {
	path := start(t, 4)
	m := rpc.NewRegistry()
	RegisterRPC(m)
	m.SetState(rpc.StateRuntime)
	for _, test := range [][3]string{
		{"trace_set_tpoint_mask", `{"name":"bdev","tpoint_mask":5}`, "true"},
		{"trace_clear_tpoint_mask", `{"name":"bdev","tpoint_mask":4}`, "true"},
		{"trace_get_info", "null", `{"bdev":{"mask":"0x8","tpoint_mask":"0x1"},"nvmf_tcp":{"mask":"0x20","tpoint_mask":"0x0"},"thread":{"mask":"0x400","tpoint_mask":"0x0"},"tpoint_group_mask":"0x8","tpoint_shm_path":"` + path + `"}`},
		{"trace_get_tpoint_group_mask", "null", `"bdev":{"enabled":true,"mask":"0x8","tpoint_mask":"0x1","tpoints":[{"name":"BDEV_IO_START","tpoint_id":0,"enabled":true},{"name":"BDEV_IO_DONE","tpoint_id":1,"enabled":false}`},
		{"trace_get_tpoint_group_mask", "null", `"tpoint_group_mask":"0x8"`},
		{"trace_enable_tpoint_group", `{"name":"thread"}`, "true"},
		{"trace_disable_tpoint_group", `{"name":"bdev"}`, "true"},
		{"trace_get_info", "null", `"tpoint_group_mask":"0x400"`},
		{"trace_enable_tpoint_group", `{"name":"ftl"}`, `"code":-32602`},
		{"trace_set_tpoint_mask", `{"name":"all","tpoint_mask":1}`, "one group, not all"},
		{"trace_clear", "null", "true"},
	} {
		result, err := m.Call(context.Background(), test[0], json.RawMessage(test[1]))
		var answer any = result
		if err != nil {
			answer = err
		}
		if got, _ := json.Marshal(answer); !strings.Contains(string(got), test[2]) {
			t.Errorf("%s %s answered %s, want %s", test[0], test[1], got, test[2])
		}
	}
	f, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := binary.NativeEndian.Uint64(f[offsets[sectionMasks]+sectionHead+8*groupThread:]); got != ^uint64(0) {
		t.Errorf("the file has the mask %#x for threads", got)
	}
	Stop()
	if info, err := rpcInfo(context.Background(), struct{}{}); err != nil || info["tpoint_shm_path"] != "" || info["tpoint_group_mask"] != "0x0" {
		t.Errorf("without a trace: %v, %v", info, err)
	}
	for method, params := range map[string]string{"trace_clear": "null", "trace_enable_tpoint_group": `{"name":"bdev"}`, "trace_set_tpoint_mask": `{"name":"bdev","tpoint_mask":1}`} {
		_, err := m.Call(context.Background(), method, json.RawMessage(params))
		if got, _ := json.Marshal(err); !strings.Contains(string(got), `"code":-19`) {
			t.Errorf("%s without a trace: %s", method, got)
		}
	}
}

// What was recorded stays after the end; what was not does not.
func TestFileStays(t *testing.T) {
	path := start(t, 4)
	r := NewRing("t")
	r.Record(TCPReadDone, Owner{}, 1, 0)
	if left, err := Stop(); left != path || err != nil {
		t.Errorf("left %q, %v", left, err)
	}
	r.Record(TCPReadDone, Owner{}, 2, 0) // goes nowhere
	r.Release()
	if all := read(t, path); len(all) != 1 {
		t.Errorf("%+v", all)
	}
	if path = start(t, 4); true {
		Stop()
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("a file without records is there: %v", err)
	}
	for _, n := range []int{0, 1, 3} {
		if err := Start(path, n); err == nil {
			t.Errorf("%d entries", n)
		}
	}
}

// One process at a time records to a file, and what a process that was killed
// leaves is removed if there is nothing in it.
func TestFilesOfOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace")
	other, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := syscall.Flock(int(other.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if err := Start(path, 4); err == nil || !strings.Contains(err.Error(), "another process records to it") {
		t.Errorf("a file of another process: %v", err)
	}
	name := fmt.Sprintf("gospdk-trace-test-%d", os.Getpid())
	at := func(i int) string { return Path(name, -1, i) }
	for i := range 3 {
		t.Cleanup(func() { os.Remove(at(i)) })
	}
	keep := func(i int, record bool) {
		t.Helper()
		if err := Start(at(i), 4); err != nil {
			t.Fatal(err)
		}
		if record {
			NewRing("t").Record(TCPReadDone, Owner{}, 1, 0)
		}
		b, err := os.ReadFile(at(i))
		if err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			return
		}
		if _, err := Stop(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at(i), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	keep(0, false) // as a process leaves it that is killed
	keep(1, true)
	keep(2, false) // in use
	defer Stop()
	RemoveUnused(name)
	for i, want := range []bool{false, true, true} {
		if _, err := os.Stat(at(i)); (err == nil) != want {
			t.Errorf("file %d: %v, want it to stay: %t", i, err, want)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	start(t, 64)
	r := NewRing("t")
	if n := testing.AllocsPerRun(100, func() {
		r.Record(BdevIOStart, Owner{}, 1, ID(t), 1, 2, 3, 4)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzParse gives Parse what is no file, or one with mistakes.
func FuzzParse(f *testing.F) {
	path := start(f, 4)
	r := NewRing("t")
	r.Record(BdevIOStart, NewOwner(OwnerBdev, "d"), 1, 1, 1, 2, 3, 4)
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	whole = whole[:ringsAt+ringSize(4)]
	at := func(section int) uint64 { return uint64(offsets[section]) }
	f.Add(at(sectionMain), uint64(0), uint32(len(whole)))
	f.Add(at(sectionOwner), ^uint64(0), uint32(len(whole)))
	f.Add(at(sectionRings)+sectionHead, uint64(len(whole)), uint32(len(whole)))
	f.Add(uint64(ringsAt)+offRingNext, ^uint64(0), uint32(len(whole)))
	f.Add(uint64(ringsAt)+offRingEntries, uint64(1)<<40, uint32(len(whole)))
	f.Add(uint64(offSections), ^uint64(0), uint32(100))
	f.Fuzz(func(t *testing.T, off, value uint64, size uint32) {
		b := append([]byte(nil), whole[:min(int(size), len(whole))]...)
		if off < uint64(len(b)) && len(b)-int(off) >= 8 {
			binary.NativeEndian.PutUint64(b[off:], value)
		}
		Parse(b)
	})
}

func BenchmarkOff(b *testing.B) {
	n := 0
	for b.Loop() {
		if BdevIOStart.On() {
			n++
		}
	}
}

func BenchmarkRecord(b *testing.B) {
	start(b, DefaultEntries)
	r := NewRing("t")
	for b.Loop() {
		r.Record(BdevIOStart, Owner{}, 1, 1, 1, 2, 3, 4)
	}
}
