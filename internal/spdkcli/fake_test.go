// SPDX-License-Identifier: BSD-3-Clause

package spdkcli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gospdk/gospdk/rpc"
	"github.com/gospdk/gospdk/rpc/client"
)

// fake is a target with the parts that answers.json describes: methods that
// list answer with what SPDK would, others are noted down.
type fake struct {
	t        *testing.T
	socket   string
	registry *rpc.Registry
	server   *rpc.Server

	mu     sync.Mutex
	calls  []string         // of methods that change something: name and parameters
	errors map[string]error // what methods fail with
}

type fabricAddress struct {
	Trtype  string `json:"trtype" rpc:"required"`
	Adrfam  string `json:"adrfam,omitempty" enum:"IPv4,IPv6,IB,FC"`
	Traddr  string `json:"traddr" rpc:"required"`
	Trsvcid string `json:"trsvcid,omitempty"`
}

type none struct{}

// listing are the methods that answer with what answers.json has.
var listing = []string{
	"bdev_get_bdevs", "bdev_lvol_get_lvstores", "bdev_virtio_scsi_get_devices", "nvmf_get_subsystems", "nvmf_get_transports",
	"nvmf_discovery_get_referrals", "iscsi_get_target_nodes", "iscsi_get_portal_groups", "iscsi_get_initiator_groups",
	"iscsi_get_auth_groups", "iscsi_get_connections", "iscsi_get_options", "scsi_get_devices", "vhost_get_controllers",
}

func newFake(t *testing.T) *fake {
	t.Helper()
	dir, err := os.MkdirTemp("", "s") // short: the path of a socket has 107 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	f := &fake{t: t, socket: filepath.Join(dir, "rpc"), registry: rpc.NewRegistry(), errors: map[string]error{}}
	content, err := os.ReadFile("testdata/answers.json")
	if err != nil {
		t.Fatal(err)
	}
	var answers map[string]json.RawMessage
	if err := json.Unmarshal(content, &answers); err != nil {
		t.Fatal(err)
	}
	for _, name := range listing {
		if answers[name] == nil {
			t.Fatalf("answers.json has no %s", name)
		}
		note[none](f, name, string(answers[name]), false)
	}
	f.registry.SetState(rpc.StateRuntime)
	registerBlock(f)
	registerNVMf(f)
	registerISCSI(f)
	registerVhost(f)
	f.start()
	return f
}

// note registers a method that answers the same all the time. If it changes
// something, it is noted down.
func note[P any](f *fake, name, answer string, changes bool) {
	rpc.Register(f.registry, name, func(_ context.Context, p P) (json.RawMessage, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if err := f.errors[name]; err != nil {
			return nil, err
		}
		if changes {
			b, err := json.Marshal(p)
			if err != nil {
				return nil, err
			}
			f.calls = append(f.calls, name+" "+string(b))
		}
		return json.RawMessage(answer), nil
	}, rpc.Doc("Is "+name+". And more."))
}

func (f *fake) start() {
	f.t.Helper()
	l, err := rpc.ListenUnix(f.socket)
	if err != nil {
		f.t.Fatal(err)
	}
	f.server = rpc.NewServer(f.registry, rpc.ServerOptions{})
	server := f.server
	go server.Serve(l)
	f.t.Cleanup(func() { _ = server.Close() }) // stop may have closed it
}

func (f *fake) stop() {
	f.t.Helper()
	if err := f.server.Close(); err != nil {
		f.t.Error(err)
	}
}

// taken returns the calls since the last time.
func (f *fake) taken() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	return calls
}

// fail lets a method fail, or work again.
func (f *fake) fail(method string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.errors[method] = err
}

// user is a shell with what it prints.
type user struct {
	*Shell
	t        *testing.T
	out, err bytes.Buffer
}

// user makes a shell. One that knows no methods is like a program that is
// older than the target.
func (f *fake) user(knows bool, change ...func(*Options)) *user {
	u := &user{t: f.t}
	o := Options{
		Dial: func(ctx context.Context) (*client.Client, error) { return client.Dial(ctx, f.socket) },
		Out:  &u.out, Err: &u.err,
		Positionals: func(string) []string { return nil },
	}
	if knows {
		o.Describe = func(name string) *rpc.Method {
			m, _ := f.registry.Lookup(name)
			return m
		}
	}
	for _, c := range change {
		c(&o)
	}
	u.Shell = New(o)
	f.t.Cleanup(u.Close)
	return u
}

// try carries a line out and returns what it prints.
func (u *user) try(line string) (string, error) {
	ctx, cancel := context.WithTimeout(u.t.Context(), time.Minute)
	defer cancel()
	u.out.Reset()
	err := u.Execute(ctx, line)
	return u.out.String(), err
}

// must is try for lines that have to succeed.
func (u *user) must(line string) string {
	u.t.Helper()
	out, err := u.try(line)
	if err != nil {
		u.t.Errorf("%s: %v", line, err)
	}
	return out
}

// refuses is try for lines that have to fail, with these words.
func (u *user) refuses(line string, words ...string) error {
	u.t.Helper()
	out, err := u.try(line)
	if err == nil {
		u.t.Errorf("%s succeeds and prints %q", line, out)
		return nil
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			u.t.Errorf("%s: %q does not say %q", line, err, w)
		}
	}
	return err
}

// complete returns the texts that a line may go on with.
func (u *user) complete(line string) string {
	var texts []string
	all, start := u.Complete(u.t.Context(), line)
	for _, c := range all {
		texts = append(texts, line[:start]+c.Text)
	}
	return strings.Join(texts, "|")
}
