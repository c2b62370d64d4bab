// SPDX-License-Identifier: BSD-3-Clause

package crypto

import (
	"slices"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/internal/vbdev/vbdevtest"
)

// The codes and words are those of SPDK v26.09-pre.
func TestMethods(t *testing.T) {
	type reply = vbdevtest.Answer
	r := newRig(t)
	r.Malloc(malloc.Config{Name: "M0", NumBlocks: 256})
	r.Malloc(malloc.Config{Name: "M1", NumBlocks: 256})
	m := r.Methods(r.m, r.accel)
	const create, remove = "bdev_crypto_create", "bdev_crypto_delete"
	m.Session(
		reply{Method: create, Params: `{"name":"C0","base_bdev_name":"M0","key_name":"nokey"}`, Code: -32602, Words: []string{"Key was not found", "nokey"}},
		reply{Method: create, Params: `{"name":"C0","base_bdev_name":"M0"}`, Code: -32603, Words: []string{"No key was found"}},
		reply{Method: create, Params: `{"name":"C0","base_bdev_name":"M0","key":"123"}`, Code: -32603, Words: []string{"No key was found"}},
		reply{Method: create, Params: `{"name":"C0","base_bdev_name":"M0","key":"` + hexKey + `","cipher":"ROT13"}`, Code: -32603, Words: []string{"No key was found", "ROT13"}},
		reply{Method: create, Params: `{"base_bdev_name":"M0","key_name":"nokey"}`, Code: -32602, Words: []string{"name"}},

		reply{Method: create, Params: `{"name":"C0","base_bdev_name":"M0","key":"` + hexKey + `","crypto_pmd":"crypto_aesni_mb"}`, Result: `"C0"`},
		reply{Method: create, Params: `{"name":"C0","base_bdev_name":"M1","key":"` + hexKey + `"}`, Code: -17, Words: []string{"File exists"}},
		reply{Method: create, Params: `{"name":"C1","base_bdev_name":"M0","key":"` + hexKey + `"}`, Code: -1, Words: []string{"Operation not permitted"}},
		reply{Method: create, Params: `{"name":"C2","base_bdev_name":"M1","cipher":"AES_XTS","key":"` + hexKey + `","key2":"` + hexKey2 + `"}`, Result: `"C2"`},
	)
	if got := r.keyNames(); !slices.Equal(got, []string{"C0_AES_CBC", "C2_AES_XTS"}) {
		t.Errorf("keys %v", got)
	}
	saved := m.Saved(r.m)
	want := `[{"method":"bdev_crypto_create","params":{"base_bdev_name":"M0","name":"C0","key_name":"C0_AES_CBC"}},` +
		`{"method":"bdev_crypto_create","params":{"base_bdev_name":"M1","name":"C2","key_name":"C2_AES_XTS"}}]`
	if saved != want || strings.Contains(saved, hexKey) {
		t.Errorf("saved %s, want %s", saved, want)
	}
	m.Session(
		reply{Method: remove, Params: `{"name":"M0"}`, Code: -19, Words: []string{"No such device"}},
		reply{Method: remove, Params: `{"name":"C0"}`, Result: "true"},
		reply{Method: remove, Params: `{"name":"C0"}`, Code: -19, Words: []string{"No such device"}},
		reply{Method: "accel_crypto_key_create", Params: `{"name":"k","cipher":"AES_XTS","key":"` + hexKey + `","key2":"` + hexKey2 + `"}`, Result: "true"},
		reply{Method: create, Params: `{"name":"C3","base_bdev_name":"M0","key_name":"k","cipher":"AES_CBC"}`, Result: `"C3"`},
		reply{Method: remove, Params: `{"name":"C3"}`, Result: "true"},
		reply{Method: remove, Params: `{"name":"C2"}`, Result: "true"},
	)
	if got := r.keyNames(); !slices.Equal(got, []string{"k"}) {
		t.Errorf("keys left: %v", got)
	}
}
