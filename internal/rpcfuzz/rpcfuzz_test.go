// SPDX-License-Identifier: BSD-3-Clause

package rpcfuzz

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/rpc"
)

type sub struct {
	N int8   `json:"n" rpc:"required" min:"-2" max:"5"`
	S string `json:"s" enum:"a,b"`
}

type everything struct {
	Name  string            `json:"name" rpc:"required"`
	Flag  bool              `json:"flag" rpc:"required"`
	Size  uint32            `json:"size" min:"1" default:"512"`
	Big   *uint64           `json:"big"`
	Float float64           `json:"float"`
	Kind  string            `json:"kind" enum:"x,y" rpc:"required"`
	UUID  uuid.UUID         `json:"uuid"`
	Sub   *sub              `json:"sub"`
	Subs  []sub             `json:"subs"`
	Names []string          `json:"names" rpc:"required"`
	Any   json.RawMessage   `json:"any"`
	Map   map[string]any    `json:"map"`
	Of    map[string]string `json:"of"`
}

func registry() *rpc.Registry {
	r := rpc.NewRegistry()
	r.SetState(rpc.StateRuntime)
	rpc.Register(r, "everything", func(context.Context, everything) (rpc.True, error) { return true, nil })
	rpc.Register(r, "nothing", func(context.Context, struct{}) (rpc.True, error) { return true, nil })
	rpc.Register(r, "waits", func(ctx context.Context, _ struct{}) (rpc.True, error) {
		<-ctx.Done()
		return false, ctx.Err()
	}, rpc.Concurrent())
	return r
}

// recorder is a testing.TB that notes what is wrong.
type recorder struct {
	testing.TB
	wrong []string
}

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.wrong = append(r.wrong, fmt.Sprintf(format, args...))
}
func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(r)
}

func TestGoodMethodsPass(t *testing.T) {
	Run(t, registry(), Options{Rounds: 200, Wait: time.Millisecond})
}

// Valid parameters are not refused for their type.
func TestValid(t *testing.T) {
	r := registry()
	m, _ := r.Lookup("everything")
	g := NewGenerator(1, "Disk0")
	refused := 0
	for range 500 {
		p := g.Valid(m)
		if _, err := r.Call(context.Background(), m.Name, p); err != nil {
			refused++
			t.Logf("%s: %v", p, err)
		}
	}
	if refused > 0 {
		t.Errorf("%d of 500 were refused", refused)
	}
	if a, b := NewGenerator(7).Valid(m), NewGenerator(7).Valid(m); string(a) != string(b) {
		t.Errorf("the same seed makes %s and %s", a, b)
	}
}

// Each fault that Run is for is found.
func TestFaultsAreFound(t *testing.T) {
	type name struct {
		Name string `json:"name" rpc:"required"`
	}
	for want, register := range map[string]func(*rpc.Registry){
		"failed unexpectedly": func(r *rpc.Registry) {
			rpc.Register(r, "m", func(context.Context, name) (rpc.True, error) { panic("boom") })
		},
		"no answer within": func(r *rpc.Registry) {
			rpc.Register(r, "m", func(context.Context, name) (rpc.True, error) { select {} })
		},
		"names no parameter": func(r *rpc.Registry) {
			rpc.Register(r, "m", func(context.Context, name) (rpc.True, error) {
				return false, rpc.Errorf(rpc.InvalidParams, "Invalid parameters")
			})
		},
		"says nothing": func(r *rpc.Registry) {
			rpc.Register(r, "m", func(context.Context, name) (rpc.True, error) { return false, &rpc.Error{Code: -5} })
		},
		"cannot be encoded": func(r *rpc.Registry) {
			rpc.Register(r, "m", func(context.Context, name) (chan int, error) { return make(chan int), nil })
		},
		"was accepted": func(r *rpc.Registry) {
			rpc.Register(r, "m", func(context.Context, lax) (rpc.True, error) { return true, nil })
		},
	} {
		r := rpc.NewRegistry()
		r.SetState(rpc.StateRuntime)
		register(r)
		rec := &recorder{}
		func() {
			defer func() {
				if v := recover(); v != nil && v != any(rec) {
					panic(v)
				}
			}()
			Run(rec, r, Options{Wait: time.Millisecond, Hang: 50 * time.Millisecond, Skip: map[string]string{"rpc_get_methods": "not at issue"}})
		}()
		if !strings.Contains(strings.Join(rec.wrong, "\n"), want) {
			t.Errorf("%q was not found: %q", want, rec.wrong)
		}
	}
}

// lax is a parameter struct whose text takes anything.
type lax struct {
	Level anything `json:"level" enum:"a,b"`
}

type anything string

func (a *anything) UnmarshalText([]byte) error { return nil }
