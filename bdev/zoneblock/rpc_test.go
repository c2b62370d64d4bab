// SPDX-License-Identifier: BSD-3-Clause

package zoneblock

import (
	"testing"

	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/internal/vbdev/vbdevtest"
)

// SPDK v26.09-pre answers with these codes and words.
func TestMethods(t *testing.T) {
	type reply = vbdevtest.Answer
	r := newRig(t)
	r.Malloc(malloc.Config{Name: "M0", NumBlocks: 8192})
	r.Malloc(malloc.Config{Name: "X", NumBlocks: 8192})
	m := r.Methods(r.m)
	const create, remove = "bdev_zone_block_create", "bdev_zone_block_delete"
	failed := func(params, words string) reply {
		return reply{Method: create, Params: params, Code: -32603, Words: []string{"Failed to create block zoned vbdev: " + words}}
	}
	m.Session(
		failed(`{"name":"Z0","base_bdev":"M0","zone_capacity":0,"optimal_open_zones":1}`, "Invalid argument: zone_capacity 0"),
		failed(`{"name":"Z0","base_bdev":"M0","zone_capacity":1000,"optimal_open_zones":0}`, "Invalid argument: optimal_open_zones 0"),
		reply{Method: create, Params: `{"name":"Z0","base_bdev":"M0","zone_capacity":1000,"optimal_open_zones":2}`, Result: `"Z0"`},
		failed(`{"name":"Z1","base_bdev":"M0","zone_capacity":1000,"optimal_open_zones":2}`, "File exists"),
		failed(`{"name":"Z0","base_bdev":"X","zone_capacity":1000,"optimal_open_zones":2}`, "File exists"),
		failed(`{"name":"Z3","base_bdev":"Z0","zone_capacity":100,"optimal_open_zones":2}`, "File exists"),
		reply{Method: create, Params: `{"name":"Z4","base_bdev":"later","zone_capacity":100,"optimal_open_zones":2}`, Result: `"Z4"`},
		reply{Method: create, Params: `{"name":"Z5","zone_capacity":100,"optimal_open_zones":2}`, Code: -32602, Words: []string{"base_bdev"}},
	)
	want := `[{"method":"bdev_zone_block_create","params":{"base_bdev":"M0","name":"Z0","zone_capacity":1000,"optimal_open_zones":2}}]`
	if got := m.Saved(r.m); got != want {
		t.Errorf("saved %s, want %s", got, want)
	}
	m.Session(
		reply{Method: remove, Params: `{"name":"Z4"}`, Code: -19, Words: []string{"No such device", "later"}},
		reply{Method: remove, Params: `{"name":"M0"}`, Code: -19, Words: []string{"No such device"}},
		reply{Method: remove, Params: `{"name":"Z0"}`, Result: "true"},
		reply{Method: remove, Params: `{"name":"Z0"}`, Code: -19, Words: []string{"No such device"}},
	)
}
