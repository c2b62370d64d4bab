// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/app"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/rpc"
)

// exchange is one request of a session that SPDK's rpc.py had with SPDK's
// spdk_tgt (v26.09-pre), as it went over the socket, or a shell command
// between requests. @DIR@ stands for a directory for files.
type exchange struct {
	Command string // what was asked of rpc.py
	Request struct {
		Method string
		Params json.RawMessage
	}
	Result json.RawMessage
	Error  *rpc.Error
	Shell  string
}

func session(t *testing.T, file, dir string) (all []exchange) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(bytes.ReplaceAll(b, []byte("@DIR@"), []byte(dir))))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var e exchange
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// TestSessionIsAnsweredAsSPDKDoes repeats a recorded session and compares the
// answers field by field.
func TestSessionIsAnsweredAsSPDKDoes(t *testing.T) {
	log.SetOutput(io.Discard)
	log.SetPrintLevel(log.LevelInfo) // as the program does
	dir := t.TempDir()
	ctx := context.Background()
	a, err := app.Start(ctx, app.Config{MainCore: -1, WaitForRPC: true, LockDir: t.TempDir()}, target)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Stop(ctx); err != nil {
			t.Error(err)
		}
	}()
	times := map[string]int{}
	for _, e := range session(t, "testdata/session.jsonl", dir) {
		if e.Shell != "" {
			if out, err := exec.Command("sh", "-c", e.Shell).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", e.Shell, err, out)
			}
			continue
		}
		if e.Request.Method == "spdk_kill_instance" {
			continue // it would be this test
		}
		result, err := a.RPC.Call(ctx, e.Request.Method, threadID(e, a))
		times[e.Command]++
		if _, ok := exceptions[fmt.Sprintf("%s (%d)", e.Command, times[e.Command])]; ok {
			continue
		}
		for _, difference := range compare(&e, result, err) {
			t.Errorf("%s: %s", e.Command, difference)
		}
	}
}

// threadID puts the id of our first thread in the place of SPDK's.
func threadID(e exchange, a *app.App) json.RawMessage {
	if e.Request.Method != "thread_set_cpumask" {
		return e.Request.Params
	}
	id := fmt.Sprintf(`"id": %d,`, a.Reactors.Threads()[0].ID())
	return bytes.Replace(e.Request.Params, []byte(`"id": 1,`), []byte(id), 1)
}

// compare returns how our answer differs from SPDK's.
func compare(e *exchange, result any, err error) []string {
	if why, ok := exceptions[e.Command]; ok && why != "" {
		return nil
	}
	if e.Error != nil {
		return compareErrors(e.Error, result, err)
	}
	if err != nil {
		return []string{fmt.Sprintf("fails: %v", err)}
	}
	b, err := json.Marshal(result)
	if err != nil {
		return []string{err.Error()}
	}
	var c comparison
	c.method = e.Request.Method
	c.values("", decode(e.Result), decode(b))
	return c.found
}

// compareErrors wants SPDK's code, and its words within our message.
func compareErrors(want *rpc.Error, result any, err error) []string {
	got, ok := err.(*rpc.Error)
	if !ok {
		b, _ := json.Marshal(result)
		return []string{fmt.Sprintf("succeeds (%s), SPDK answers %d %q", b, want.Code, want.Message)}
	}
	words, message := strings.ToLower(want.Message), strings.ToLower(got.Message)
	switch words {
	case "spdk_json_decode_object failed", "invalid arguments":
		if strings.Contains(message, "invalid parameters") { // and then we say which
			words = ""
		}
	}
	if got.Code != want.Code || !strings.Contains(message, words) {
		return []string{fmt.Sprintf("error %d %q, SPDK's is %d %q", got.Code, got.Message, want.Code, want.Message)}
	}
	return nil
}

func decode(b []byte) (v any) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		panic(err)
	}
	return v
}

// comparison collects differences.
type comparison struct {
	method string
	found  []string
}

func (c *comparison) add(path, format string, args ...any) {
	c.found = append(c.found, path+": "+fmt.Sprintf(format, args...))
}

// variable are the fields whose values depend on time, on addresses, or on
// the machine; their kind is compared.
var variable = []string{
	"tick_rate", "ticks", "pid", "tid", "busy", "idle", "elapsed", "sys", "usr", "irq", "run_count", "busy_count",
	"filename", "config_space", "numa_id", "duration",
}

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$`)

func (c *comparison) values(path string, want, got any) {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			c.add(path, "%T, SPDK has an object", got)
			return
		}
		c.objects(path, w, g)
	case []any:
		g, ok := got.([]any)
		if !ok {
			c.add(path, "%T, SPDK has an array", got)
			return
		}
		c.arrays(path, w, g)
	case string:
		g, ok := got.(string)
		if ok && (w == g || uuidForm.MatchString(w) && uuidForm.MatchString(g) && !strings.Contains(w, "1111111-2222")) {
			return
		}
		c.add(path, "%q, SPDK has %q", got, w)
	default:
		if fmt.Sprint(want) != fmt.Sprint(got) || fmt.Sprintf("%T", want) != fmt.Sprintf("%T", got) {
			c.add(path, "%v, SPDK has %v", got, want)
		}
	}
}

func (c *comparison) objects(path string, want, got map[string]any) {
	for _, k := range sortedKeys(want) {
		p := path + "." + k
		g, ok := got[k]
		switch {
		case tolerated(c.method, p):
		case !ok:
			c.add(p, "missing, SPDK has %v", want[k])
		case slices.Contains(variable, k):
			if fmt.Sprintf("%T", g) != fmt.Sprintf("%T", want[k]) {
				c.add(p, "%T, SPDK has %T", g, want[k])
			}
		default:
			c.values(p, want[k], g)
		}
	}
	for _, k := range sortedKeys(got) {
		if _, ok := want[k]; !ok && !tolerated(c.method, path+"."+k) {
			c.add(path+"."+k, "SPDK has no such field (%v)", got[k])
		}
	}
}

func sortedKeys(m map[string]any) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// arrays compares elements in order, or, for lists of what is built, by name.
func (c *comparison) arrays(path string, want, got []any) {
	if key, ok := lists[c.method]; ok && path == key.path {
		for _, w := range want {
			name := key.of(w)
			i := slices.IndexFunc(got, func(g any) bool { return key.of(g) == name })
			switch {
			case i >= 0:
				c.values(path+"["+name+"]", w, got[i])
			case !key.absent(name):
				c.add(path, "%q is missing", name)
			}
		}
		return
	}
	if len(want) != len(got) {
		w, _ := json.Marshal(want)
		g, _ := json.Marshal(got)
		c.add(path, "%d elements, SPDK has %d\n\tours  %s\n\ttheirs %s", len(got), len(want), g, w)
		return
	}
	for i := range want {
		c.values(fmt.Sprintf("%s[%d]", path, i), want[i], got[i])
	}
}

// list says by what the elements of an array are compared, and which may be
// absent because they belong to subsystems and modules that are not built.
type list struct {
	path   string
	of     func(any) string
	absent func(string) bool
}

func field(name string) func(any) string {
	return func(v any) string { s, _ := v.(map[string]any)[name].(string); return s }
}

func itself(v any) string { return fmt.Sprint(v) }

func prefixes(all ...string) func(string) bool {
	return func(s string) bool {
		return slices.ContainsFunc(all, func(p string) bool { return strings.HasPrefix(s, p) })
	}
}

// built in later parts of the project.
var later = prefixes("nvmf", "iscsi", "nbd", "scsi", "sock", "keyring", "vfu", "vfio_user", "vhost", "virtio", "trace_", "bdev_nvme", "bdev_lvol",
	"bdev_iscsi", "bdev_virtio", "bdev_ftl", "ioat_", "ae4dma_", "fsdev", "vmd", "bdev_rbd", "ublk", "dsa_", "iaa_")

var lists = map[string]list{
	"rpc_get_methods":          {"", itself, later},
	"framework_get_subsystems": {"", field("subsystem"), later},
	"framework_get_reactors":   {".reactors[0].lw_threads", field("name"), later},
	"thread_get_stats":         {".threads", field("name"), later},
	"thread_get_pollers":       {".threads", field("name"), later},
	"thread_get_io_channels":   {".threads", field("name"), later},
	"iobuf_get_stats":          {"", field("module"), later},
	"framework_get_config":     {"", callName, later},
	"notify_get_types":         {"", itself, later},
	"bdev_get_bdevs":           {".supported", itself, later},
}

// callName tells the calls of a configuration apart.
func callName(v any) string {
	m := v.(map[string]any)
	name, _ := m["method"].(string)
	if p, ok := m["params"].(map[string]any); ok {
		for _, k := range []string{"name", "base_name", "base_bdev", "key_name", "opname"} {
			if s, ok := p[k].(string); ok {
				return name + " " + s
			}
		}
	}
	return name
}

// tolerated are fields where the two cannot agree, and why.
func tolerated(method, path string) bool {
	for pattern := range tolerances {
		m, p, _ := strings.Cut(pattern, " ")
		if m == method {
			if ok, _ := filepath.Match(p, path); ok {
				return true
			}
		}
	}
	return false
}
