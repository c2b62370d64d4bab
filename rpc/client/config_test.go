// SPDX-License-Identifier: BSD-3-Clause

package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/rpc"
)

// fakeTarget has subsystems and notes what is called.
func fakeTarget() (*rpc.Registry, *[]string) {
	r, calls := rpc.NewRegistry(), new([]string)
	note := func(s string) (rpc.True, error) { *calls = append(*calls, s); return true, nil }
	type n struct {
		N int `json:"n"`
	}
	type sub struct {
		Subsystem string   `json:"subsystem"`
		DependsOn []string `json:"depends_on"`
	}
	rpc.Register(r, "early", func(_ context.Context, p n) (rpc.True, error) { return note(fmt.Sprint("early ", p.N)) }, rpc.Startup(), rpc.Alias("old_early"))
	rpc.Register(r, "late", func(_ context.Context, p n) (rpc.True, error) { return note(fmt.Sprint("late ", p.N)) })
	rpc.Register(r, "always", func(_ context.Context, p n) (rpc.True, error) { return note(fmt.Sprint("always ", p.N)) }, rpc.Always())
	rpc.Register(r, "framework_start_init", func(context.Context, struct{}) (rpc.True, error) {
		r.SetState(rpc.StateRuntime)
		return note("init")
	}, rpc.Startup())
	rpc.Register(r, "framework_get_subsystems", func(context.Context, struct{}) ([]sub, error) {
		return []sub{{"a", nil}, {"b", []string{"a"}}, {"c", nil}, {"d", []string{"b"}}}, nil
	})
	rpc.Register(r, "framework_get_config", func(_ context.Context, p configParams) ([]rpc.Call, error) {
		if p.Name == "c" {
			return nil, nil
		}
		return []rpc.Call{{Method: "late", Params: n{1}}}, nil
	})
	return r, calls
}

func load(t *testing.T, c *Client, file string, aliases bool) error {
	t.Helper()
	var conf Configuration
	if err := json.Unmarshal([]byte(file), &conf); err != nil {
		t.Fatal(err)
	}
	return c.LoadConfig(context.Background(), &conf, LoadOptions{Aliases: aliases})
}

func TestLoadConfig(t *testing.T) {
	const file = `{"subsystems":[{"subsystem":"a","config":null},{"subsystem":"b","config":[{"method":"late","params":{"n":1}},[{"method":"early"},{"method":"always","params":{"n":2}}]]},
	  {"subsystem":"c","config":[{"method":"early","params":{"n":3}}]}]}`
	r, calls := fakeTarget()
	c := dial(t, serve(t, r))
	if err := load(t, c, file, false); err != nil {
		t.Fatal(err)
	}
	if want := []string{"early 0", "always 2", "early 3", "init", "late 1"}; !slices.Equal(*calls, want) {
		t.Errorf("%q, want %q", *calls, want)
	}
	*calls = nil
	if err := load(t, c, file, false); !errors.Is(err, ErrSkipped) || !slices.Equal(*calls, []string{"late 1"}) {
		t.Errorf("%v, %q", err, *calls)
	}
	if err := load(t, c, `{"subsystems":[{"subsystem":"a","config":[{"method":"nope"}]}]}`, false); err == nil || !strings.Contains(err.Error(), `config[0] calls "nope": unknown method was included in the config file`) {
		t.Error(err)
	}
	s := &Section{Subsystem: "x", Config: []json.RawMessage{json.RawMessage(`{"method":"late"}`), json.RawMessage(`{"method":"early"}`)}}
	if err := c.LoadSubsystemConfig(context.Background(), s); !errors.Is(err, ErrSkipped) {
		t.Error(err)
	}
}

func TestLoadConfigLeavesOutTheUnknown(t *testing.T) {
	r, calls := fakeTarget()
	c := dial(t, serve(t, r))
	var conf Configuration
	if err := json.Unmarshal([]byte(`{"subsystems":[{"subsystem":"a","config":[{"method":"nope"},[{"method":"early"},{"method":"nope2"}]]}]}`), &conf); err != nil {
		t.Fatal(err)
	}
	var left []string
	err := c.LoadConfig(context.Background(), &conf, LoadOptions{Unknown: func(s, m string) { left = append(left, s+"."+m) }})
	if err != nil || !slices.Equal(left, []string{"a.nope", "a.nope2"}) || !slices.Equal(*calls, []string{"early 0", "init"}) {
		t.Errorf("%v, left out %q, called %q", err, left, *calls)
	}
}

func TestLoadConfigStartsAnEmptyOne(t *testing.T) {
	r, calls := fakeTarget()
	c := dial(t, serve(t, r))
	if err := load(t, c, `{"subsystems":[{"subsystem":"a","config":[]}]}`, false); err != nil || !slices.Equal(*calls, []string{"init"}) {
		t.Errorf("%v, %q", err, *calls)
	}
}

func TestLoadConfigWithAliases(t *testing.T) {
	const file = `{"subsystems":[{"subsystem":"a","config":[{"method":"old_early"}]}]}`
	r, calls := fakeTarget()
	c := dial(t, serve(t, r))
	if err := load(t, c, file, false); err == nil {
		t.Error("an alias was accepted")
	}
	if err := load(t, c, file, true); err != nil || !slices.Equal(*calls, []string{"early 0", "init"}) {
		t.Errorf("%v, %q", err, *calls)
	}
}

func TestSaveConfig(t *testing.T) {
	r, _ := fakeTarget()
	r.SetState(rpc.StateRuntime)
	c := dial(t, serve(t, r))
	names := func(only ...string) string {
		t.Helper()
		conf, err := c.SaveConfig(context.Background(), false, only...)
		if err != nil {
			return err.Error()
		}
		s := ""
		for _, sec := range conf.Subsystems {
			s += sec.Subsystem
		}
		return s
	}
	if got := names(); got != "abcd" {
		t.Error(got)
	}
	if got := names("d"); got != "abd" {
		t.Error(got)
	}
	if got := names("x"); !strings.Contains(got, `subsystem "x"`) {
		t.Error(got)
	}
	conf, err := c.SaveConfig(context.Background(), true, "c", "a")
	b, _ := json.Marshal(conf)
	if want := `{"subsystems":[{"subsystem":"a","config":[{"method":"late","params":{"n":1}}]},{"subsystem":"c","config":null}]}`; err != nil || string(b) != want {
		t.Errorf("%s, %v", b, err)
	}
}
