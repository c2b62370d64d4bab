// SPDX-License-Identifier: BSD-3-Clause

package raid

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/internal/vbdev/vbdevtest"
)

// methods are those of the module on a registry with M0 (4 MiB, known UUID)
// and Big, which has larger blocks.
func methods(t *testing.T) (*vbdevtest.Methods, *Module) {
	r := vbdevtest.New(t)
	m := NewModule(r.Reg)
	r.Reg.AddModule(m)
	r.Malloc(malloc.Config{Name: "M0", NumBlocks: 8192, UUID: baseUUID(1)})
	r.Malloc(malloc.Config{Name: "Big", NumBlocks: 8192, BlockSize: 4096})
	return r.Methods(m), m
}

type reply = vbdevtest.Answer

// SPDK v26.09-pre answers with these codes and words.
func TestErrorsOfMethods(t *testing.T) {
	m, _ := methods(t)
	create := func(params string, code int, words ...string) reply {
		return reply{Method: "bdev_raid_create", Params: params, Code: code, Words: words}
	}
	m.Session(
		reply{Method: "bdev_raid_create", Params: `{"name":"R0","raid_level":"0","base_bdevs":["later"],"strip_size_kb":64}`, Result: "true"},
		create(`{"name":"R0","raid_level":"raid0","base_bdevs":["X"],"strip_size_kb":64}`, -17, "Failed to create RAID bdev R0: File exists"),
		create(`{"name":"R","raid_level":"raid0","base_bdevs":["X"],"strip_size_kb":63}`, -22, "Failed to create RAID bdev R: Invalid argument", "strip_size_kb 63"),
		create(`{"name":"R","raid_level":"raid0","base_bdevs":["X"]}`, -22, "Invalid argument"),
		create(`{"name":"R","raid_level":"raid0","base_bdevs":[],"strip_size_kb":64}`, -22, "Invalid argument", "base_bdevs"),
		create(`{"name":"R","raid_level":"raid0","base_bdevs":[""],"strip_size_kb":64}`, -22, "The base bdev name cannot be empty: Invalid argument"),
		create(`{"name":"R","raid_level":"raid1","base_bdevs":["X","Y"]}`, -22, "Failed to create RAID bdev R: Invalid argument", "not supported yet"),
		create(`{"name":"R","raid_level":"5f","base_bdevs":["X","Y"],"strip_size_kb":4}`, -22, "raid5f is not supported yet"),
		create(`{"name":"`+strings.Repeat("a", 64)+`","raid_level":"raid0","base_bdevs":["X"],"strip_size_kb":64}`, -22, "Invalid argument"),
		create(`{"name":"R","raid_level":"raid0","base_bdevs":["M0","M0"],"strip_size_kb":64}`, -1, "Failed to create RAID bdev R: Operation not permitted"),
		create(`{"name":"R","raid_level":"raid0","base_bdevs":["M0","Big"],"strip_size_kb":64}`, -22, "Invalid argument", "4096"),
		create(`{"name":"R","raid_level":"raid6","base_bdevs":["X"],"strip_size_kb":64}`, -32602, "raid_level", "raid6", "concat"),
		create(`{"name":"R","raid_level":"raid0","strip_size_kb":64}`, -32602, "base_bdevs"),
		reply{Method: "bdev_raid_get_bdevs", Params: `{"category":"foo"}`, Code: -32602, Words: []string{"category", "foo", "configuring"}},
		reply{Method: "bdev_raid_get_bdevs", Code: -32602, Words: []string{"category"}},
		reply{Method: "bdev_raid_delete", Params: `{"name":"nope"}`, Code: -19, Words: []string{"raid bdev nope not found"}},
		reply{Method: "bdev_raid_add_base_bdev", Params: `{"raid_bdev":"R0","base_bdev":"Z"}`, Code: -22, Words: []string{"Failed to add base bdev Z to RAID bdev R0: Invalid argument"}},
		reply{Method: "bdev_raid_add_base_bdev", Params: `{"raid_bdev":"nope","base_bdev":"Z"}`, Code: -19, Words: []string{"raid bdev nope is not found in config"}},
		reply{Method: "bdev_raid_remove_base_bdev", Params: `{"name":"nope"}`, Code: -19, Words: []string{"Failed to remove base bdev from raid bdev"}},
		reply{Method: "bdev_raid_remove_base_bdev", Params: `{"name":"M0"}`, Code: -19, Words: []string{"Failed to remove base bdev from raid bdev"}},
		reply{Method: "bdev_raid_set_options", Params: `{"process_window_size_kb":0}`, Code: -22, Words: []string{"Invalid argument"}},
		reply{Method: "bdev_raid_delete", Params: `{"name":"R0"}`, Result: "true"},
	)
}

func TestSession(t *testing.T) {
	m, mod := methods(t)
	const id = "11111111-2222-4333-8444-00000000000b"
	array := func(state string, discovered, operational int, first, second string) string {
		return fmt.Sprintf(`[{"name":"R","uuid":%q,"strip_size_kb":64,"state":%q,"raid_level":"concat","superblock":false,"num_base_bdevs":2,`+
			`"num_base_bdevs_discovered":%d,"num_base_bdevs_operational":%d,"base_bdevs_list":[%s,%s]}]`, id, state, discovered, operational, first, second)
	}
	base := func(name, id string, configured bool, size int) string {
		return fmt.Sprintf(`{"name":%s,"uuid":%q,"is_configured":%t,"data_offset":0,"data_size":%d}`, name, id, configured, size)
	}
	const none = "00000000-0000-0000-0000-000000000000"
	m0 := base(`"M0"`, baseUUID(1).String(), true, 8192)
	m.Session(
		reply{Method: "bdev_raid_create", Params: `{"name":"R","raid_level":"concat","base_bdevs":["M0","X"],"strip_size_kb":64,"uuid":"` + id + `"}`, Result: "true"},
		reply{Method: "bdev_raid_get_bdevs", Params: `{"category":"configuring"}`, Result: array("configuring", 1, 2, m0, base(`"X"`, none, false, 0))},
		reply{Method: "bdev_raid_get_bdevs", Params: `{"category":"online"}`, Result: "[]"},
	)
	m.Malloc(malloc.Config{Name: "X", NumBlocks: 4096, UUID: baseUUID(2)})
	online := array("online", 2, 2, m0, base(`"X"`, baseUUID(2).String(), true, 4096))
	m.Session(
		reply{Method: "bdev_raid_get_bdevs", Params: `{"category":"all"}`, Result: online},
		reply{Method: "bdev_raid_get_bdevs", Params: `{"category":"online"}`, Result: online},
		reply{Method: "bdev_raid_set_options", Params: `{"process_max_bandwidth_mb_sec":7}`, Result: "true"},
	)
	want := `[{"method":"bdev_raid_set_options","params":{"process_window_size_kb":1024,"process_max_bandwidth_mb_sec":7}}]`
	if got := m.Saved(mod); got != want {
		t.Errorf("saved options %s, want %s", got, want)
	}
	want = `[{"method":"bdev_raid_create","params":{"name":"R","uuid":"` + id + `","strip_size_kb":64,"raid_level":"concat","base_bdevs":["M0","X"]}}]`
	if got := m.Saved(mod.arrays[0].disk); got != want {
		t.Errorf("saved array %s, want %s", got, want)
	}
	m.Session(
		reply{Method: "bdev_raid_remove_base_bdev", Params: `{"name":"M0"}`, Result: "true"},
		reply{Method: "bdev_raid_get_bdevs", Params: `{"category":"offline"}`,
			Result: array("offline", 1, 1, base("null", none, false, 8192), base(`"X"`, baseUUID(2).String(), true, 4096))},
		reply{Method: "bdev_raid_remove_base_bdev", Params: `{"name":"M0"}`, Code: -19},
		reply{Method: "bdev_raid_delete", Params: `{"name":"R"}`, Result: "true"},
		reply{Method: "bdev_raid_create", Params: `{"name":"S","raid_level":"raid0","base_bdevs":["M0","X"],"strip_size_kb":64,"superblock":true}`, Result: "true"},
	)
	if got := m.Saved(mod.arrays[0].disk); got != "null" && got != "[]" {
		t.Errorf("an array with superblocks saves %s", got)
	}
	m.Session(
		reply{Method: "bdev_raid_delete", Params: `{"name":"S"}`, Result: "true"},
		reply{Method: "bdev_raid_create", Params: `{"name":"S","raid_level":"raid0","base_bdevs":["M0","X"],"strip_size_kb":64,"superblock":true}`,
			Code: -17, Words: []string{"Failed to create RAID bdev S: File exists"}},
	)
}
