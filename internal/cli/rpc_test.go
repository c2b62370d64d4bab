// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/uuid"

	daemon "github.com/gospdk/gospdk/app"
	"github.com/gospdk/gospdk/rpc"
)

type rpcDiskParams struct {
	Name       string     `json:"name"`
	NumBlocks  uint64     `json:"num_blocks" rpc:"required"`
	BlockSize  uint32     `json:"block_size" rpc:"required"`
	UUID       *uuid.UUID `json:"uuid"`
	Interleave bool       `json:"md_interleave"`
}

type rpcAddress struct {
	Trtype string `json:"trtype" rpc:"required"`
	Traddr string `json:"traddr" rpc:"required"`
}

type rpcListenerParams struct {
	NQN     string     `json:"nqn" rpc:"required"`
	Address rpcAddress `json:"listen_address" rpc:"required"`
}

type rpcOddParams struct {
	List   []string        `json:"names"`
	Raw    json.RawMessage `json:"raw"`
	Level  string          `json:"level" enum:"low,high"`
	Params string          `json:"params"`
	Float  float64         `json:"float"`
	Signed int32           `json:"signed"`
	Enable *bool           `json:"enabled"`
}

// registerFakes registers methods with the names that rpc.py knows.
func registerFakes(r *rpc.Registry) {
	rpc.Register(r, "bdev_malloc_create", func(_ context.Context, p rpcDiskParams) (string, error) { return p.Name, nil }, rpc.Doc("Makes a disk. In memory."))
	rpc.Register(r, "bdev_malloc_delete", func(context.Context, struct {
		Name string `json:"name" rpc:"required"`
	}) (rpc.True, error) {
		return false, syscall.ENODEV
	}, rpc.Alias("delete_malloc_bdev"))
	rpc.Register(r, "nvmf_subsystem_add_listener", func(context.Context, rpcListenerParams) (rpc.True, error) { return true, nil })
	rpc.Register(r, "odd_method", func(context.Context, rpcOddParams) ([]string, error) { return []string{"a<b"}, nil })
	rpc.Register(r, "bdev_crypto_create", func(context.Context, struct {
		Base string `json:"base_bdev_name" rpc:"required"`
		Name string `json:"name" rpc:"required"`
		Key  string `json:"key"`
		Key2 string `json:"key2"`
	}) (string, error) {
		return "", nil
	})
}

func rpcTestApp() *app {
	return &app{Modules: Modules{Target: func(env *daemon.Env) ([]*daemon.Subsystem, error) {
		registerFakes(env.RPC)
		return nil, nil
	}}}
}

// runRPC runs gospdk rpc and returns what it prints.
func runRPC(t *testing.T, in string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	a := rpcTestApp()
	cmd := a.rpcCommand()
	cmd.SetIn(strings.NewReader(in))
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err := cmd.ExecuteContext(context.Background())
	return out.String(), err
}

// request returns the parameters of a request that would be sent.
func request(t *testing.T, args ...string) string {
	t.Helper()
	out, err := runRPC(t, "", append([]string{"--dry-run"}, args...)...)
	if err != nil {
		return err.Error()
	}
	var r struct {
		Method string
		Params json.RawMessage
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(out, "Request:\n")), &r); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	var b bytes.Buffer
	if err := json.Compact(&b, r.Params); err != nil {
		t.Fatal(err)
	}
	return r.Method + " " + b.String()
}

func TestRPCArguments(t *testing.T) {
	for _, test := range []struct{ line, want string }{
		{"bdev_malloc_create --name A --num_blocks 8 --block_size 512", `bdev_malloc_create {"name":"A","num_blocks":8,"block_size":512}`},
		{"bdev_malloc_create --num-blocks=0x10 --block-size 512 --md-interleave", `bdev_malloc_create {"num_blocks":16,"block_size":512,"md_interleave":true}`},
		{"bdev_malloc_create -b A 64 512", `bdev_malloc_create {"name":"A","block_size":512,"num_blocks":131072}`},
		{"bdev_malloc_create 0.5 4096 -i", `bdev_malloc_create {"block_size":4096,"md_interleave":true,"num_blocks":128}`},
		{"bdev_malloc_create 1 512 --no-md_interleave", `bdev_malloc_create {"block_size":512,"md_interleave":false,"num_blocks":2048}`},
		{`bdev_malloc_create --params {"name":"A","num_blocks":1} --num_blocks 2 --block_size 512`, `bdev_malloc_create {"name":"A","num_blocks":2,"block_size":512}`},
		{"delete_malloc_bdev A", `bdev_malloc_delete {"name":"A"}`},
		{"nvmf_subsystem_add_listener nqn -t tcp -a 1.2.3.4", `nvmf_subsystem_add_listener {"nqn":"nqn","listen_address":{"trtype":"tcp","traddr":"1.2.3.4"}}`},
		{`nvmf_subsystem_add_listener --nqn nqn --listen_address {"trtype":"x"}`, `nvmf_subsystem_add_listener {"nqn":"nqn","listen_address":{"trtype":"x"}}`},
		{"nvmf_subsystem_add_listener --nqn nqn --listen_address.traddr x", `nvmf_subsystem_add_listener {"nqn":"nqn","listen_address":{"traddr":"x"}}`},
		{"odd_method --names a,b --names c --raw {\"x\":1} --level low --params p --float 1e3 --signed -5 --enabled=false", `odd_method {"names":["a","b","c"],"raw":{"x":1},"level":"low","params":"p","float":1000,"signed":-5,"enabled":false}`},
		{`odd_method --names ["a,b"] --raw text`, `odd_method {"names":["a,b"],"raw":"text"}`},
		{"bdev_crypto_create base new -k 00 -k2 11", `bdev_crypto_create {"base_bdev_name":"base","name":"new","key":"00","key2":"11"}`},
		{"framework_monitor_context_switch --no-monitor", `framework_monitor_context_switch {"enabled":false}`},
		{"framework_monitor_context_switch", `framework_monitor_context_switch {}`},
		{`unheard_of --params {"a":[1]}`, `unheard_of {"a":[1]}`},
		{"unheard_of", `unheard_of {}`},
		{"unheard_of x", `"x" after the method unheard_of, which this program does not know: give its parameters with --params '{…}'`},
		{"bdev_malloc_create --num_blocks many", `invalid argument "many" for "--num_blocks" flag: it must be a whole number from 0 to 18446744073709551615`},
		{"bdev_malloc_create 64", "TOTAL_SIZE needs BLOCK_SIZE behind it"},
		{"bdev_malloc_create -3 512", "unknown shorthand flag: '3' in -3"},
		{"bdev_malloc_create x 512", `TOTAL_SIZE "x": it must be a number of MiB above 0`},
		{"bdev_malloc_create 64 512 3", "accepts at most 2 arg(s), received 3"},
		{"bdev_malloc_create 1 512 --params [1]", "--params [1]: it must be a JSON object"},
		{`bdev_malloc_create 1 512 --params {"a":}`, "--params: line 1, column 6: invalid character '}' looking for beginning of value"},
		{"bdev_malloc_delete --nmae x", "unknown flag: --nmae"},
	} {
		if got := request(t, strings.Fields(test.line)...); got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.line, got, test.want)
		}
	}
	_, err := runRPC(t, "", "bdev_malloc_delete", "--nmae", "x")
	if !isUsage(err) {
		t.Errorf("%v is no mistake of usage", err)
	}
}

// serveRPC serves the methods of a test on a socket.
func serveRPC(t *testing.T) (address string) {
	t.Helper()
	r, err := daemon.Methods(rpcTestApp().Target)
	if err != nil {
		t.Fatal(err)
	}
	r.SetState(rpc.StateRuntime)
	address = filepath.Join(t.TempDir(), "s")
	l, err := rpc.ListenUnix(address)
	if err != nil {
		t.Fatal(err)
	}
	s := rpc.NewServer(r, rpc.ServerOptions{})
	s.Serve(l)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return address
}

func TestRPCCalls(t *testing.T) {
	address := serveRPC(t)
	for _, test := range []struct {
		in, line, want, err string
	}{
		{"", "bdev_malloc_create -b Disk0 1 512", "Disk0\n", ""},
		{"", "--json bdev_malloc_create -b Disk0 1 512", "\"Disk0\"\n", ""},
		{"", "odd_method", "[\n  \"a<b\"\n]\n", ""},
		{"", "odd_method --json", "[\"a<b\"]\n", ""},
		{"", "nvmf_subsystem_add_listener n -t a -a b", "", ""},
		{"", "nvmf_subsystem_add_listener n -t a -a b --json", "true\n", ""},
		{"", "bdev_malloc_delete x", "", "bdev_malloc_delete: No such device (code -19)"},
		{"", "unheard_of", "", "code -32601"},
		{`{"num_blocks":1,"block_size":512,"name":"In"}`, "bdev_malloc_create --params -", "In\n", ""},
		{"# a script\n\nbdev_malloc_create -b 'a b' 1 512\nodd_method --json\n", "", "a b\n[\"a<b\"]\n", ""},
		{"bdev_malloc_create -b a 1 512\nbdev_malloc_delete x\nodd_method\n", "", "a\n", "line 2: bdev_malloc_delete: No such device"},
		{"bdev_malloc_create 'a\n", "", "", "line 1: a quotation has no end"},
		{"-x\n", "", "", "line 1: -x: a line begins with a method"},
	} {
		out, err := runRPC(t, test.in, append([]string{"-s", address}, strings.Fields(test.line)...)...)
		if out != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s%s\nprinted %q, %v\nwant    %q, %s", test.in, test.line, out, err, test.want, test.err)
		}
	}
	if _, err := runRPC(t, "", "-s", address+"x", "odd_method"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	// The options of every call may come behind the method too.
	if out, err := runRPC(t, "", "odd_method", "-s", address, "-v"); err != nil || !strings.Contains(out, "Request:") {
		t.Errorf("%s, %v", out, err)
	}
}

func TestRPCConfigFiles(t *testing.T) {
	address := serveRPC(t)
	const section = `{ // a comment
	  "subsystem": "bdev", "config": [{"method":"bdev_malloc_create","params":{"name":"A","num_blocks":1,"block_size":512}}]}`
	file := filepath.Join(t.TempDir(), "c.json")
	if err := os.WriteFile(file, []byte(`{"subsystems":[`+section+`]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ in, line, err string }{
		{section, "load_subsystem_config", ""},
		{"", "load_config -j " + file, ""},
		{"", `load_config -j {"subsystems":[]}`, ""},
		{"{}", "load_config", `no "subsystems" array`},
		{"{\n ?", "load_config", "line 2, column 2"},
		{`{"subsystems":[{"subsystem":"x","config":[{"method":"bdev_malloc_delete","params":{"name":"A"}}]}]}`, "load_config", "code -19"},
		{"", "load_config -j /nowhere", "no such file"},
		{"", "save_subsystem_config", "--name is missing"},
	} {
		out, err := runRPC(t, test.in, append([]string{"-s", address}, strings.Fields(test.line)...)...)
		if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: %s, %v, want %s", test.line, out, err, test.err)
		}
	}
}

func TestRPCHelpAndCompletion(t *testing.T) {
	out, err := runRPC(t, "", "bdev_malloc_create", "--help")
	for _, want := range []string{"Makes a disk. In memory.", "TOTAL_SIZE is in MiB", "-b, --name string", "--num_blocks number", "(required)", "-i, --md_interleave "} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%v: %q is missing in\n%s", err, want, out)
		}
	}
	if out, err = runRPC(t, "", "--help"); err != nil || !strings.Contains(out, "  bdev_malloc_create  ") || !strings.Contains(out, "save_config") {
		t.Errorf("%s, %v", out, err)
	}
	for line, want := range map[string][]string{
		"bdev_malloc_cr":             {"bdev_malloc_create\tMakes a disk"},
		"odd_method --level ":        {"low", "high"},
		"-s x odd_method --le":       {"--level\tlow, high"},
		"odd_method --level=":        {"low", "high"},
		"log_set_level ":             {"ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"},
		"bdev_malloc_delete ":        nil,
		"odd_method --enabled=":      {"true", "false"},
		"bdev_malloc_create --no_md": nil,
	} {
		got, _ := rpcTestApp().completeRPC(context.Background(), strings.Split(line, " "))
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

func TestRPCNames(t *testing.T) {
	names := rpcNames()
	if len(names) < 250 || !slices.Equal(names["bdev_malloc_create"].positionals, []string{"total_size", "block_size"}) || !names["log_get_flags"].prints {
		t.Errorf("%d methods, %+v", len(names), names["bdev_malloc_create"])
	}
}

func FuzzSplitWords(f *testing.F) {
	f.Add(`a "b c" 'd\' \e`)
	f.Add("\x8c")
	f.Fuzz(func(t *testing.T, s string) {
		words, err := splitWords(s)
		if err == nil && len(strings.Join(words, "")) > len(s) {
			t.Errorf("%q became %q", s, words)
		}
	})
}
