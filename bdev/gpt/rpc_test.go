// SPDX-License-Identifier: BSD-3-Clause

package gpt

import (
	"testing"

	"github.com/gospdk/gospdk/internal/vbdev/vbdevtest"
)

func TestMethods(t *testing.T) {
	type reply = vbdevtest.Answer
	r := newRig(t)
	m := r.Methods(r.m)
	if got := m.Saved(r.m); got != "null" {
		t.Errorf("saved %s by default; SPDK does not know the method", got)
	}
	m.Session(
		reply{Method: "bdev_gpt_set_options", Params: `{"show_others":true}`, Result: "true"},
		reply{Method: "bdev_gpt_set_options", Params: `{}`, Result: "true"},
		reply{Method: "bdev_gpt_set_options", Params: `{"others":true}`, Code: -32602, Words: []string{"others"}},
	)
	if want := `[{"method":"bdev_gpt_set_options","params":{"show_others":true}}]`; m.Saved(r.m) != want {
		t.Errorf("saved %s, want %s", m.Saved(r.m), want)
	}
}
