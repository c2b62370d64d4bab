// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/malloc"
	spec "github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf"
)

const hostNQN = "nqn.2014-08.org.nvmexpress:uuid:11111111-2222-3333-4444-555555555555"

// testKeys is a keyring.
type testKeys map[string]string

func (k testKeys) read(name string) ([]byte, error) {
	if text, ok := k[name]; ok {
		return []byte(text), nil
	}
	return nil, fmt.Errorf("no key %q: %w", name, syscall.ENOKEY)
}

var keysOfTest = testKeys{
	"host":  "DHHC-1:00:ia6zGodOr4SEG0Zzaw398rpY0wqipUWj4jWjUh4HWUz6aQ2n:",
	"ctrl":  "DHHC-1:03:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh+KfiaR:",
	"bad":   "nonsense",
	"other": "DHHC-1:01:zFxbzyUDew3g91n0X8noZ1K6PO8lzVGpjKQMpOCrHpjdAWNg:",
}

func TestKeys(t *testing.T) {
	g := newTarget(t, spec.TrtypeTCP, nvmf.SubsystemOptions{})
	g.target.SetKeyReader(keysOfTest.read)

	g.sub.AllowAnyHost(false)
	must(t, g.sub.AddHostWithKeys(hostNQN, nvmf.HostKeys{Host: "host", Controller: "ctrl"}))
	g.addDisk(malloc.Config{Name: "d", NumBlocks: 4096, BlockSize: blockSize})
	g.start()
	m := newModule(t)
	m.SetKeyReader(keysOfTest.read)
	var mu sync.Mutex
	users := map[string]int{}
	m.SetKeyHolder(func(name string) (func(), error) {
		mu.Lock()
		defer mu.Unlock()
		users[name]++
		return func() {
			mu.Lock()
			defer mu.Unlock()
			users[name]--
		}, nil
	})
	using := func(what, want string) {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		if got := fmt.Sprint(users); got != want {
			t.Errorf("%s: users of keys %s, want %s", what, got, want)
		}
	}
	cfg := CtrlrConfig{Name: "N", Trid: g.trid()}
	cfg.Host.HostNQN = hostNQN
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for _, k := range []struct {
		keys  Keys
		words string
	}{
		{Keys{}, "DH-HMAC-CHAP"},
		{Keys{DHCHAP: "ctrl"}, ""},
		{Keys{DHCHAP: "host", DHCHAPCtrlr: "host"}, ""},
		{Keys{DHCHAP: "none"}, `dhchap_key "none"`},
		{Keys{DHCHAP: "bad"}, `dhchap_key "bad"`},
		{Keys{DHCHAP: "host", DHCHAPCtrlr: "none"}, `dhchap_ctrlr_key "none"`},
		{Keys{DHCHAPCtrlr: "ctrl"}, "without dhchap_key"},
		{Keys{PSK: "none"}, `psk "none"`},
		{Keys{PSK: "host"}, `psk "host"`},
	} {
		cfg.Keys = k.keys
		if _, err := m.Attach(ctx, cfg); err == nil || !strings.Contains(err.Error(), k.words) {
			t.Errorf("keys %+v: %v", k.keys, err)
		}
	}
	using("nobody has connected", "map[]")
	cfg.Keys = Keys{DHCHAP: "host", DHCHAPCtrlr: "ctrl"}
	if names, err := m.Attach(ctx, cfg); err != nil || fmt.Sprint(names) != "[Nn1]" {
		t.Fatalf("the right keys: %q, %v", names, err)
	}
	using("connected", "map[ctrl:1 host:1]")
	desc, err := m.reg.Open(ctx, "Nn1", bdev.Write, nil)
	must(t, err)
	io := desc.Blocking()
	data := make([]byte, blockSize)
	_, err = io.WriteAtContext(ctx, data, 0) // there is a queue pair now
	must(t, err)
	// The target and the host change their keys.
	must(t, g.sub.SetHostKeys(hostNQN, nvmf.HostKeys{Host: "other"}))
	if err := m.SetKeys(ctx, "N", Keys{DHCHAP: "bad"}); err == nil {
		t.Error("nonsense is a key")
	}
	must(t, m.SetKeys(ctx, "N", Keys{DHCHAP: "other"}))
	using("with another key", "map[ctrl:0 host:0 other:1]")
	_, err = io.WriteAtContext(ctx, data, 0)
	must(t, err)
	if err := m.SetKeys(ctx, "N", Keys{DHCHAP: "host"}); err == nil {
		t.Error("the host proves itself by a key that the target does not know any more")
	}
	must(t, io.Close())
	must(t, desc.Close())
	must(t, m.Detach(ctx, "N", nil))
	using("detached", "map[ctrl:0 host:0 other:0]")
}
