// SPDX-License-Identifier: BSD-3-Clause

package rpc

import (
	"context"
	"errors"
	"testing"
)

func TestAfter(t *testing.T) {
	r := NewRegistry()
	var done []string
	Register(r, "works", func(context.Context, struct{}) (True, error) { done = append(done, "works"); return true, nil }, Always())
	Register(r, "fails", func(context.Context, struct{}) (True, error) { return false, errors.New("no") }, Always())
	r.After(func(context.Context) { done = append(done, "first") })
	r.After(func(context.Context) { done = append(done, "second") })
	_, err := r.Call(context.Background(), "works", nil)
	if err != nil || len(done) != 3 || done[0] != "works" || done[1] != "first" || done[2] != "second" {
		t.Errorf("%q, %v", done, err)
	}
	if _, err := r.Call(context.Background(), "fails", nil); err == nil || len(done) != 5 {
		t.Errorf("after a failure: %q, %v", done, err)
	}
	if _, err := r.Call(context.Background(), "none", nil); err == nil || len(done) != 5 {
		t.Errorf("after no method: %q, %v", done, err)
	}
}
