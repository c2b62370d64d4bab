// SPDX-License-Identifier: BSD-3-Clause

package spdkcli

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gospdk/gospdk/rpc"
)

func TestMistakesNameWhatIsWrong(t *testing.T) {
	f := newFake(t)
	u := f.user(true)
	for line, words := range map[string][]string{
		"/bdevs/malloc create":                                 {"size is missing", "create size block_size [name] [uuid]"},
		"/bdevs/malloc create 32":                              {`size "32"`, "block_size"},
		"/bdevs/malloc create 32 0":                            {`size "32"`, "block_size above 0"},
		"/bdevs/malloc create big 512":                         {`size "big"`, "MiB"},
		"/bdevs/malloc create 1e30 512":                        {`size "1e30"`},
		"/bdevs/malloc create NaN 512":                         {`size "NaN"`},
		"/bdevs/malloc create 32 half":                         {`block_size "half"`, "a whole number from 0 to 4294967295"},
		"/bdevs/malloc create 32 512 a b c":                    {`"c"`, "one argument too many"},
		"/bdevs/malloc create 32 512 size=3":                   {"size is given twice"},
		"/bdevs/malloc create 32 512 num_blocks=3":             {"leave one of them out"},
		"/bdevs/malloc create 32 512 colour=red":               {`"colour"`, "md_size"},
		"/bdevs/malloc frobnicate":                             {`"frobnicate"`, "help"},
		"/bdevs/malloc load_config x":                          {"write / load_config"},
		"/bdevs/malloc help frobnicate":                        {`"frobnicate"`},
		"/bdevs/logical_volume create a 1 s maybe":             {`thin_provision "maybe"`, "true or false"},
		"/bdevs/logical_volume create a 1 s weight=x":          {`weight "x"`, "a number"},
		"/bdevs/logical_volume create a 1 s cores=x":           {`cores "x"`, "whole number"},
		"/bdevs/logical_volume create a 1 s clear_method=soap": {`clear_method "soap"`, "write_zeroes"},
		"/iscsi/portal_groups create 1 here":                   {"portal_list", `"here"`, "colon"},
		"/iscsi/portal_groups create 1 :3260":                  {"ADDRESS:PORT"},
		"/iscsi/target_nodes create a b M:x 1:2 64":            {"bdev_name_id_pairs", "lun_id", `"x"`},
		"/iscsi/target_nodes create a b M:1 1:y 64":            {"pg_ig_mappings", "ig_tag", `"y"`},
		"/iscsi/auth_groups create 1 who:x":                    {"secrets", "user:NAME"},
		"ls / deep":                                            {`depth "deep"`},
		"ls / -1":                                              {`depth "-1"`},
		`ls "`:                                                 {"quotation"},
		"/bdevs/nowhere ls":                                    {"/bdevs", `"nowhere"`, "malloc"},
	} {
		err := u.refuses(line, words...)
		if _, ok := errors.AsType[*UsageError](err); !ok {
			t.Errorf("%s: %v is not taken for a mistake of the user", line, err)
		}
	}
	if calls := f.taken(); calls != nil {
		t.Errorf("mistakes have called %q", calls)
	}
}

func TestErrorsOfTheTarget(t *testing.T) {
	f := newFake(t)
	u := f.user(true)
	f.fail("bdev_malloc_delete", syscall.ENODEV)
	err := u.refuses("/bdevs/malloc delete Malloc7", "bdev_malloc_delete: No such device", "code -19", "ls shows")
	if e, ok := errors.AsType[*rpc.Error](err); !ok || e.Code != -19 {
		t.Errorf("%v is not the target's error", err)
	}
	u.refuses("/bdevs/malloc delete_all", "Malloc0: bdev_malloc_delete", "Malloc1: bdev_malloc_delete")
	f.fail("bdev_malloc_create", syscall.EEXIST)
	u.refuses("/bdevs/malloc create 32 512 Malloc0", "code -17", "choose another name")
	u.refuses("/bdevs/logical_volume create a 1 not-a-uuid uuid=x", "Invalid parameters", "help")
	u.refuses("/iscsi/auth_groups delete_secret_all 9", "tag 9")

	// What cannot be listed does not hide the rest.
	f.fail("nvmf_get_subsystems", syscall.EIO)
	out := u.must("ls")
	if !strings.Contains(out, "o- subsystem .") || !strings.Contains(out, "ERROR: nvmf_get_subsystems: Input/output error") || !strings.Contains(out, "[Transports: 1]") {
		t.Errorf("the tree is\n%s", out)
	}
	u.refuses("cd /nvmf/subsystem/x", "Input/output error")
}

// TestTargetGoesAndComes also checks that a command is not carried out twice.
func TestTargetGoesAndComes(t *testing.T) {
	f := newFake(t)
	u := f.user(true)
	u.must("cd /bdevs/malloc")
	f.stop()
	u.refuses("ls", f.socket, "is the target running?")
	if out := u.must("pwd"); out != "/bdevs/malloc\n" {
		t.Errorf("without a target pwd prints %q", out)
	}
	if all := u.complete("del"); all != "" {
		t.Errorf("without a target there is %q", all)
	}
	f.start()
	u.must("delete Malloc0")
	f.stop()
	f.start() // between two commands, so that the connection is stale
	u.must("delete Malloc1")
	if got := strings.Join(f.taken(), " "); got != `bdev_malloc_delete {"name":"Malloc0"} bdev_malloc_delete {"name":"Malloc1"}` {
		t.Errorf("calls: %s", got)
	}
}

func TestPlaceThatGoes(t *testing.T) {
	f := newFake(t)
	u := f.user(true)
	u.must("cd /nvmf/subsystem")
	if err := f.registry.Allow([]string{"rpc_get_methods", "bdev_get_bdevs"}); err != nil {
		t.Fatal(err)
	}
	if out := u.must("ls"); !strings.HasPrefix(out, "o- / ") || strings.Contains(out, "nvmf") || u.Path() != "/" {
		t.Errorf("at %s:\n%s", u.Path(), out)
	}
	if !strings.Contains(u.err.String(), "/nvmf/subsystem is not there any more") {
		t.Errorf("notice: %q", u.err.String())
	}
	// No commands are offered for methods that are not there.
	if out := u.must("help"); strings.Contains(out, "framework_start_init") {
		t.Errorf("help:\n%s", out)
	}
}

func TestTargetThatWaits(t *testing.T) {
	f := newFake(t)
	rpc.Register(f.registry, "framework_start_init", func(context.Context, struct{}) (rpc.True, error) {
		f.registry.SetState(rpc.StateRuntime)
		return true, nil
	}, rpc.Startup())
	f.registry.SetState(rpc.StateStartup)
	u := f.user(true)
	notice, err := u.Notice(t.Context())
	if err != nil || !strings.Contains(notice, "framework_start_init") {
		t.Errorf("%q, %v", notice, err)
	}
	if out := u.must("ls"); strings.Count(out, "\n") != 1 {
		t.Errorf("before the start:\n%s", out)
	}
	u.must("framework_start_init")
	if notice, err = u.Notice(t.Context()); err != nil || notice != "" {
		t.Errorf("%q, %v", notice, err)
	}
	if out := u.must("ls / 1"); !strings.Contains(out, "o- bdevs") {
		t.Errorf("after the start:\n%s", out)
	}
}

func TestTreeAsJSON(t *testing.T) {
	u := newFake(t).user(true, func(o *Options) { o.JSON = true })
	var tree branch
	if err := json.Unmarshal([]byte(u.must("/bdevs ls depth=2")), &tree); err != nil {
		t.Fatal(err)
	}
	var malloc branch
	for _, c := range tree.Children {
		if c.Name == "malloc" {
			malloc = c
		}
	}
	if tree.Path != "/bdevs" || malloc.Summary != "Bdevs: 2" || len(malloc.Children) != 2 || malloc.Children[0].Path != "/bdevs/malloc/Malloc0" ||
		malloc.Children[0].Summary != "11111111-2222-3333-4444-000000000001, Size=32.0M, Claimed" {
		t.Errorf("%+v", tree)
	}
}

func TestColours(t *testing.T) {
	u := newFake(t).user(true, func(o *Options) {
		o.Colour = func(code, text string) string { return "<" + code + ":" + text + ">" }
		o.Width = func() int { return 40 }
	})
	want := "o- <1:malloc> ................... [Bdevs: 2]\n"
	if out := u.must("ls /bdevs/malloc"); !strings.HasPrefix(out, want) || !strings.Contains(out, "o- Malloc0 . [<32:1111") {
		t.Errorf("%q does not begin with %q", out, want)
	}
}

func TestHelp(t *testing.T) {
	f := newFake(t)
	u := f.user(true)
	out := u.must("/bdevs/malloc help")
	for _, want := range []string{"Commands of /bdevs/malloc:", "  create size block_size [name] [uuid]", "Is bdev_malloc_create.\n", "  delete_all", "Commands of every node:"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	if strings.Contains(out, "show_details") {
		t.Errorf("a folder has details:\n%s", out)
	}
	out = u.must("/bdevs/malloc help create")
	for _, want := range []string{"Is bdev_malloc_create. And more.", "a size in MiB", "bytes a block; a whole number from 0 to 4294967295; required", "By name only:\n  num_blocks", "\n  md_size "} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	if out = f.user(false).must("/nvmf/subsystem help create"); !strings.Contains(out, "create nqn [serial_number]") || !strings.Contains(out, "does not know the method") {
		t.Errorf("%s", out)
	}
}

func TestVerbose(t *testing.T) {
	u := newFake(t).user(true, func(o *Options) { o.Verbose = true })
	u.must("/bdevs/malloc create 32 512 Malloc0")
	if shown := u.err.String(); !strings.Contains(shown, "Request:\n{") || !strings.Contains(shown, `"num_blocks": 65536`) || !strings.Contains(shown, "Response:\n\"Malloc0\"") {
		t.Errorf("shown: %s", shown)
	}
	u.err.Reset()
	u.must("ls")
	if u.err.Len() > 0 {
		t.Errorf("ls shows %s", &u.err)
	}
}

func TestConfigurationFiles(t *testing.T) {
	f := newFake(t)
	rpc.Register(f.registry, "framework_get_subsystems", func(context.Context, struct{}) (any, error) {
		return []map[string]any{{"subsystem": "bdev", "depends_on": []string{}}}, nil
	})
	rpc.Register(f.registry, "framework_get_config", func(context.Context, struct {
		Name string `json:"name"`
	}) (any, error) {
		return []map[string]any{{"method": "bdev_malloc_delete", "params": map[string]string{"name": "A"}}}, nil
	})
	u := f.user(true)
	dir := t.TempDir()
	for _, file := range []string{"config", "subsystem"} {
		name := filepath.Join(dir, file)
		save, load := "save_config "+name, "load_config "+name
		if file == "subsystem" {
			save, load = "save_subsystem_config "+name+" bdev 0", "load_subsystem_config "+name
		}
		u.must(save)
		if i, err := os.Stat(name); err != nil || i.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, i, err)
		}
		u.must(load)
		if got := strings.Join(f.taken(), " "); got != `bdev_malloc_delete {"name":"A"}` {
			t.Errorf("%s calls %s", load, got)
		}
	}
	if out := u.must("save_config -"); !strings.Contains(out, `      "subsystem": "bdev"`) {
		t.Errorf("printed: %s", out)
	}
	u.refuses("save_config - indent=900", `indent "900"`, "64")
	u.refuses("load_config "+filepath.Join(dir, "none"), "none")
	u.refuses("load_config "+filepath.Join(dir, "subsystem"), "load_subsystem_config")
	if err := os.WriteFile(filepath.Join(dir, "bad"), []byte("{\n ?"), 0o600); err != nil {
		t.Fatal(err)
	}
	u.refuses("load_config "+filepath.Join(dir, "bad"), "line 2, column 2")
}

func TestExitAndHistory(t *testing.T) {
	u := newFake(t).user(true)
	for _, line := range []string{"exit", "quit", "/bdevs exit"} {
		if _, err := u.try(line); !errors.Is(err, ErrExit) {
			t.Errorf("%s: %v", line, err)
		}
	}
	u.refuses("history", "terminals")
	u.SetHistory(func() []string { return []string{"ls", "pwd"} })
	if out := u.must("history"); out != "   1  ls\n   2  pwd\n" {
		t.Errorf("%q", out)
	}
	for line, secret := range map[string]bool{
		"/bdevs/malloc create 1 512": false, "/iscsi/auth_groups add_secret 1 a b": true, "create 1 user:a SECRET:b": true,
		"/bdevs/crypto create a b key=00": true, "ls": false,
	} {
		if Secret(line) != secret {
			t.Errorf("%s: secret is not %v", line, secret)
		}
	}
}
