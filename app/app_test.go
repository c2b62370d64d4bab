// SPDX-License-Identifier: BSD-3-Clause

package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gospdk/gospdk/internal/claim"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/reactor"
	"github.com/gospdk/gospdk/rpc"
)

func TestMain(m *testing.M) {
	log.SetPrintLevel(log.LevelDisabled)
	goleak.VerifyTestMain(m)
}

func noModules(*Env) ([]*Subsystem, error) { return nil, nil }

// target starts a daemon with a socket and locks of its own.
func target(t *testing.T, cfg Config, m Modules) *App {
	t.Helper()
	a, err := try(t, &cfg, m)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func try(t *testing.T, cfg *Config, m Modules) (*App, error) {
	t.Helper()
	if cfg.LockDir == "" {
		cfg.LockDir = t.TempDir()
	}
	if cfg.RPC == nil {
		cfg.RPC = []Listener{{Path: filepath.Join(t.TempDir(), "rpc")}}
	}
	if cfg.MainCore == 0 {
		cfg.MainCore = -1
	}
	a, err := Start(context.Background(), *cfg, m)
	if err == nil {
		t.Cleanup(func() {
			if err := a.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	return a, err
}

// call calls a method over the daemon's first socket.
func call(t *testing.T, a *App, method, params string) (result string, err error) {
	t.Helper()
	c, e := net.Dial("unix", a.Addresses()[0])
	if e != nil {
		t.Fatal(e)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprintf(c, `{"method":%q,"params":%s,"id":1}`, method, params)
	line, e := bufio.NewReader(c).ReadBytes('\n')
	if e != nil {
		t.Fatalf("%s: %v", method, e)
	}
	var r struct {
		Result json.RawMessage
		Error  *rpc.Error
	}
	if e := json.Unmarshal(line, &r); e != nil {
		t.Fatal(e)
	}
	if r.Error != nil {
		return "", r.Error
	}
	return string(r.Result), nil
}

func must(t *testing.T, a *App, method, params string) string {
	t.Helper()
	r, err := call(t, a, method, params)
	if err != nil {
		t.Fatalf("%s %s: %v", method, params, err)
	}
	return r
}

func TestEveryMethodOfTheFrameworkAnswers(t *testing.T) {
	a := target(t, Config{}, noModules)
	for _, test := range []struct{ method, params, want string }{
		{"framework_wait_init", "{}", "true"},
		{"framework_get_subsystems", "null", `{"subsystem":"bdev","depends_on":["accel","iobuf","sock"]}`},
		{"framework_get_config", `{"name":"scheduler"}`, `[{"method":"framework_set_scheduler","params":{"name":"static"}}]`},
		{"framework_get_reactors", "{}", `"name":"app_thread"`},
		{"framework_get_scheduler", "{}", `"scheduler_name":"static","scheduler_period":0,"isolated_core_mask":"0"`},
		{"framework_set_scheduler", `{"name":"dynamic","load_limit":10,"period":500000}`, "true"},
		{"framework_get_scheduler", "{}", `"scheduler_name":"dynamic","scheduler_period":500000,"isolated_core_mask":"0"`},
		{"framework_get_config", `{"name":"scheduler"}`, `"load_limit":10,"core_limit":80,"core_busy":95`},
		{"framework_set_scheduler", `{"name":"static","mappings":""}`, "true"},
		{"framework_get_governor", "{}", "{"},
		{"framework_get_pci_devices", "{}", "[]"},
		{"framework_monitor_context_switch", "{}", `{"enabled":true}`},
		{"framework_monitor_context_switch", `{"enabled":true}`, `{"enabled":true}`},
		{"framework_monitor_context_switch", `{"enabled":false}`, `{"enabled":false}`},
		{"framework_disable_cpumask_locks", "{}", "true"},
		{"framework_enable_cpumask_locks", "{}", "true"},
		{"thread_get_stats", "{}", `"name":"app_thread","id":`},
		{"thread_get_pollers", "{}", `"active_pollers":[`},
		{"thread_get_io_channels", "{}", `"io_channels":[`},
		{"log_set_print_level", `{"level":"ERROR"}`, "true"},
		{"log_get_print_level", "{}", `"ERROR"`},
		{"log_set_level", `{"level":"INFO"}`, "true"},
		{"log_get_level", "{}", `"INFO"`},
		{"log_set_flag", `{"flag":"rpc"}`, "true"},
		{"log_get_flags", "{}", `"rpc":true`},
		{"log_clear_flag", `{"flag":"rpc"}`, "true"},
		{"log_enable_timestamps", `{"enabled":true}`, "true"},
		{"notify_get_types", "{}", `"bdev_register"`},
		{"spdk_get_version", "{}", `"major":26`},
		{"bdev_get_bdevs", "{}", "[]"},
	} {
		if got := must(t, a, test.method, test.params); !strings.Contains(got, test.want) {
			t.Errorf("%s %s: %s, want %s", test.method, test.params, got, test.want)
		}
	}
	log.SetPrintLevel(log.LevelDisabled)
	var dump memStats
	if err := json.Unmarshal([]byte(must(t, a, "env_dpdk_get_mem_stats", "{}")), &dump); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(dump.Filename)
	if b, err := os.ReadFile(dump.Filename); err != nil || !strings.Contains(string(b), "Go heap") {
		t.Errorf("%s: %v", b, err)
	}
}

func TestMistakesNameWhatIsWrong(t *testing.T) {
	a := target(t, Config{}, noModules)
	for _, test := range []struct {
		method, params string
		code           int
		want           string
	}{
		{"framework_get_config", `{"name":"zebra"}`, rpc.InvalidParams, "Subsystem 'zebra' not found"},
		{"framework_set_scheduler", `{"name":"zebra"}`, rpc.InternalError, "zebra"},
		{"framework_set_scheduler", `{"name":"static","core_limit":5}`, rpc.InternalError, "Invalid argument"},
		{"framework_set_scheduler", `{"name":"dynamic","core_limit":101}`, rpc.InvalidParams, "core_limit"},
		{"framework_set_scheduler", `{"name":"static","mappings":"77:0"}`, rpc.InternalError, "invalid thread ID"},
		{"framework_set_scheduler", `{"name":"static","mappings":"zebra"}`, rpc.InternalError, "id:core"},
		{"framework_start_init", "{}", rpc.InvalidState, "before framework is initialized"},
		{"scheduler_set_options", `{"scheduling_core":0}`, rpc.InvalidState, "--wait-for-rpc"},
		{"thread_set_cpumask", `{"id":7777,"cpumask":"1"}`, rpc.InvalidParams, "Thread 7777 does not exist"},
		{"thread_set_cpumask", `{"id":1,"cpumask":"1"}`, 0, ""},
		{"log_set_level", `{"level":"LOUD"}`, rpc.InvalidParams, "LOUD"},
		{"log_set_flag", `{"flag":"zebra"}`, rpc.InvalidParams, "invalid log flag"},
		{"spdk_kill_instance", `{"sig_name":"SIGZEBRA"}`, rpc.InvalidParams, "SIGZEBRA"},
	} {
		if test.code == 0 {
			continue
		}
		_, err := call(t, a, test.method, test.params)
		var e *rpc.Error
		if !errors.As(err, &e) || e.Code != test.code || !strings.Contains(e.Message, test.want) {
			t.Errorf("%s %s: %v", test.method, test.params, err)
		}
	}
	id := a.appThread.ID()
	for mask, want := range map[string]string{"zebra": "Invalid cpumask zebra", "[1023]": "No CPU is selected"} {
		if _, err := call(t, a, "thread_set_cpumask", fmt.Sprintf(`{"id":%d,"cpumask":%q}`, id, mask)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("cpumask %s: %v", mask, err)
		}
	}
}

// traced makes two subsystems that write down what happens to them.
func traced(order *[]string, fail string) Modules {
	return func(env *Env) ([]*Subsystem, error) {
		mk := func(name string, deps ...string) *Subsystem {
			return &Subsystem{
				Name: name, Depends: deps,
				Init: func(context.Context) error {
					*order = append(*order, "start "+name)
					if fail == name {
						return errors.New("it does not want to")
					}
					return nil
				},
				Stop: func(context.Context) error { *order = append(*order, "stop "+name); return nil },
			}
		}
		rpc.Register(env.RPC, "early", func(context.Context, none) (rpc.True, error) {
			*order = append(*order, "early")
			return true, nil
		}, rpc.Startup())
		rpc.Register(env.RPC, "both", func(context.Context, none) (rpc.True, error) {
			*order = append(*order, "both")
			return true, nil
		}, rpc.Always())
		rpc.Register(env.RPC, "late", func(_ context.Context, p struct {
			N int `json:"n" rpc:"required"`
		}) (rpc.True, error) {
			*order = append(*order, fmt.Sprint("late ", p.N))
			return true, nil
		})
		return []*Subsystem{mk("upper", "lower", "bdev"), mk("lower")}, nil
	}
}

const file = `{
  // a comment
  "comment": "ignored",
  "subsystems": [
    {"subsystem": "upper", "config": [
      {"method": "late", "params": {"n": 1}},
      {"method": "early"},
      {"method": "both"},
      [{"method": "late", "params": {"n": 2}}, {"method": "late", "params": {"n": 3}}]
    ]},
    {"subsystem": "lower", "config": null},
    {"subsystem": "nvmf", "config": [{"method": "nvmf_create_transport", "params": {"trtype": "TCP"}}]},
    {"subsystem": "bdev", "config": [{"method": "bdev_nvme_set_options", "params": {"timeout_us": 0}}]} /* and another */
  ]
}`

func TestOrderOfStartConfigurationAndStop(t *testing.T) {
	var order []string
	a := target(t, Config{Configuration: []byte(file)}, traced(&order, ""))
	if err := a.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	want := []string{"early", "both", "start lower", "start upper", "late 1", "late 2", "late 3", "stop upper", "stop lower"}
	if !slices.Equal(order, want) {
		t.Errorf("order %q\nwant  %q", order, want)
	}
}

func TestWaitForRPC(t *testing.T) {
	var order []string
	a := target(t, Config{Configuration: []byte(file), WaitForRPC: true}, traced(&order, ""))
	if _, err := call(t, a, "late", `{"n":0}`); err == nil || !strings.Contains(err.Error(), "may only be called after framework is initialized") {
		t.Errorf("a method before its time: %v", err)
	}
	must(t, a, "early", "{}")
	if got := must(t, a, "rpc_get_methods", `{"current":true}`); strings.Contains(got, `"late"`) || !strings.Contains(got, `"early"`) {
		t.Errorf("methods before the start: %s", got)
	}
	must(t, a, "framework_start_init", "null")
	if _, err := call(t, a, "framework_start_init", "{}"); err == nil {
		t.Error("started twice")
	}
	must(t, a, "framework_wait_init", "{}")
	want := []string{"early", "both", "early", "start lower", "start upper", "late 1", "late 2", "late 3"}
	if !slices.Equal(order, want) {
		t.Errorf("order %q\nwant  %q", order, want)
	}
}

func TestFailedStartStopsWhatWasStarted(t *testing.T) {
	var order []string
	_, err := try(t, &Config{}, traced(&order, "upper"))
	if err == nil || !strings.Contains(err.Error(), "starting subsystem upper: it does not want to") {
		t.Fatalf("error %v", err)
	}
	if want := []string{"start lower", "start upper", "stop lower"}; !slices.Equal(order, want) {
		t.Errorf("order %q, want %q", order, want)
	}
}

func TestBadConfigurations(t *testing.T) {
	for name, test := range map[string]struct{ file, want string }{
		"syntax":  {"{\n \"subsystems\": [}", "line 2"},
		"empty":   {"{}", `"subsystems"`},
		"no name": {`{"subsystems":[{"config":[]}]}`, "subsystems[0]"},
		"no call": {`{"subsystems":[{"subsystem":"bdev","config":[{}]}]}`, `"method"`},
		"unknown": {`{"subsystems":[{"subsystem":"bdev","config":[{"method":"bdev_zebra_create"}]}]}`, "Method 'bdev_zebra_create' was not found"},
		"fails":   {`{"subsystems":[{"subsystem":"upper","config":[{"method":"late","params":{"n":"x"}}]}]}`, `late: Invalid parameters: parameter "n"`},
		"comment": {"{ /* ", "comment"},
	} {
		var order []string
		if _, err := try(t, &Config{Configuration: []byte(test.file)}, traced(&order, "")); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
		if name == "unknown" || name == "fails" {
			order = nil
			target(t, Config{Configuration: []byte(test.file), IgnoreInitErrors: true}, traced(&order, ""))
			if len(order) != 2 {
				t.Errorf("%s, ignoring errors: %q", name, order)
			}
		}
	}
}

func TestSubsystemsThatCannotBeOrdered(t *testing.T) {
	for want, all := range map[string][]*Subsystem{
		"circle":  {{Name: "a", Depends: []string{"b"}}, {Name: "b", Depends: []string{"a"}}},
		"missing": {{Name: "a", Depends: []string{"z"}}},
		"twice":   {{Name: "a"}, {Name: "a"}},
	} {
		if _, err := inOrder(all); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// A process may lock a file twice, but claim knows what this one holds.
func TestCPULocks(t *testing.T) {
	dir := t.TempDir()
	allowed, err := reactor.Allowed()
	if err != nil {
		t.Fatal(err)
	}
	cpu := allowed.CPUs()[0]
	mask, _ := reactor.MaskOf(cpu)
	c, err := claim.CPUIn(dir, cpu)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := try(t, &Config{LockDir: dir, Mask: mask}, noModules); !errors.Is(err, claim.ErrClaimed) || !strings.Contains(err.Error(), fmt.Sprintf("Cannot create lock on core %d", cpu)) {
		t.Errorf("a claimed CPU: %v", err)
	}
	free := target(t, Config{LockDir: dir}, noModules)
	if n := len(allowed.CPUs()); n > 1 && free.Reactors.Mask() == mask {
		t.Error("a claimed CPU was chosen")
	}
	shared := target(t, Config{LockDir: dir, Mask: mask, NoCPULocks: true}, noModules)
	if _, err := call(t, shared, "framework_enable_cpumask_locks", "{}"); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("Failed to claim CPU core: %d", cpu)) {
		t.Errorf("claiming a claimed CPU: %v", err)
	}
	c.Release()
	must(t, shared, "framework_enable_cpumask_locks", "{}")
	if _, err := os.Stat(filepath.Join(dir, fmt.Sprintf("spdk_cpu_lock_%03d", cpu))); err != nil {
		t.Error(err)
	}
}

func TestHTTPAsksForPasswordOrToken(t *testing.T) {
	l, err := ParseListeners([]string{"http://me:secret@127.0.0.1:0?token=abc", filepath.Join(t.TempDir(), "s")})
	if err != nil {
		t.Fatal(err)
	}
	a := target(t, Config{RPC: l}, noModules)
	if s := a.Addresses()[0]; strings.Contains(s, "secret") || strings.Contains(s, ":0") {
		t.Errorf("address %s", s)
	}
	url := a.Addresses()[0]
	for _, test := range []struct {
		header, value string
		want          int
	}{
		{"X", "", 401},
		{"Authorization", "Bearer abc", 200},
		{"Authorization", "Bearer abd", 401},
		{"Authorization", "Basic bWU6c2VjcmV0", 200},
		{"Authorization", "Basic bWU6c2VjcmV1", 401},
	} {
		q, _ := http.NewRequest("POST", url, strings.NewReader(`{"method":"spdk_get_version","id":1}`))
		q.Header.Set(test.header, test.value)
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		r, err := client.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(r.Body)
		r.Body.Close()
		if r.StatusCode != test.want || test.want == 200 && !strings.Contains(string(body), "SPDK v26.09") {
			t.Errorf("%s: %d %s", test.value, r.StatusCode, body)
		}
	}
}

func TestAddresses(t *testing.T) {
	for s, want := range map[string]string{
		"/tmp/x":                   "/tmp/x",
		"unix:///tmp/x":            "/tmp/x",
		"127.0.0.1:5260":           "tcp://127.0.0.1:5260",
		"http://:8080":             "http://:8080",
		"https://h:1":              "https needs",
		"http://h:1?cert=a":        "no use",
		"tcp://u:p@h:1":            "no users",
		"ftp://h:1":                "ftp",
		"http://h":                 "host and port",
		"":                         "empty",
		"http://u:p%zz@h:1":        "no URL",
		"https://h:1?cert=a&key=b": "https://h:1",
	} {
		l, err := ParseListeners([]string{s})
		got := fmt.Sprint(err)
		if err == nil {
			got = l[0].String()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
	if l, err := ParseListeners(nil); err != nil || l[0].Path != DefaultRPCAddress {
		t.Errorf("%v, %v", l, err)
	}
}
