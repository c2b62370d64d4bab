// SPDX-License-Identifier: BSD-3-Clause

package dhchap

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
)

const (
	hostNQN   = "nqn.2014-08.org.nvmexpress:uuid:11111111-1111-1111-1111-111111111111"
	subsysNQN = "nqn.2016-06.io.spdk:cnode1"
)

func secret(t testing.TB, h Hash, n int) *Secret {
	t.Helper()
	text, err := Generate(h, n)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// talk has both ends exchange messages, which meddle may change, and returns
// what they say of it.
func talk(h *Host, c *Controller, meddle func(fromHost bool, p []byte) []byte) (host, controller error) {
	for {
		if p := h.Send(); p != nil {
			if err := c.Receive(meddle(true, p)); err != nil {
				controller = err
			}
		}
		p, err := c.Send()
		if err != nil {
			return host, controller
		}
		if err := h.Receive(meddle(false, p)); err != nil && host == nil {
			host = err
			if p := h.Send(); p != nil && controller == nil {
				controller = c.Receive(p)
			}
			return host, controller
		}
		if controller != nil {
			return host, controller
		}
	}
}

func honest(_ bool, p []byte) []byte { return p }

func TestExchange(t *testing.T) {
	for _, h := range AllHashes {
		for _, g := range AllGroups {
			for _, both := range []bool{false, true} {
				if g > FFDHE3072 && h != SHA512 {
					continue // they take their time, and differ in nothing but their size
				}
				t.Run(fmt.Sprintf("%s %s both %t", h, g, both), func(t *testing.T) {
					cfg := Config{HostNQN: hostNQN, SubsysNQN: subsysNQN, Host: secret(t, Hash(int(h)%4), 48), Hashes: []Hash{h}, Groups: []Group{g}}
					if both {
						cfg.Controller = secret(t, NoHash, 32)
					}
					a, b := NewHost(cfg, 7), NewController(cfg)
					if host, controller := talk(a, b, honest); host != nil || controller != nil || !a.Done() || !b.Done() {
						t.Errorf("host: %v, done %t; controller: %v, done %t", host, a.Done(), controller, b.Done())
					}
					if b.Hash() != h || b.Group() != g {
						t.Errorf("agreed on %s and %s", b.Hash(), b.Group())
					}
				})
			}
		}
	}
}

func TestStrongest(t *testing.T) {
	cfg := Config{HostNQN: hostNQN, SubsysNQN: subsysNQN, Host: secret(t, SHA256, 0), Groups: []Group{NoGroup, FFDHE2048}}
	a, b := NewHost(cfg, 1), NewController(cfg)
	if host, controller := talk(a, b, honest); host != nil || controller != nil || b.Hash() != SHA512 || b.Group() != FFDHE2048 {
		t.Errorf("%v, %v, %s, %s", host, controller, b.Hash(), b.Group())
	}
}

// TestRefusals has ends that do not fit together, and messages that are not
// what they should be.
func TestRefusals(t *testing.T) {
	good := secret(t, SHA256, 0)
	cfg := func(change func(*Config)) Config {
		c := Config{HostNQN: hostNQN, SubsysNQN: subsysNQN, Host: good, Hashes: []Hash{SHA256}, Groups: []Group{NoGroup}}
		change(&c)
		return c
	}
	none := func(*Config) {}
	for name, tt := range map[string]struct {
		host, controller func(*Config)
		meddle           func(bool, []byte) []byte
		want             Reason
	}{
		"another secret":      {func(c *Config) { c.Host = secret(t, SHA256, 0) }, none, honest, ReasonFailed},
		"another host":        {func(c *Config) { c.HostNQN = "nqn.2016-06.io.spdk:other" }, none, honest, ReasonFailed},
		"another subsystem":   {func(c *Config) { c.SubsysNQN = "nqn.2016-06.io.spdk:other" }, none, honest, ReasonFailed},
		"no hash in common":   {func(c *Config) { c.Hashes = []Hash{SHA384} }, none, honest, ReasonHash},
		"no group in common":  {func(c *Config) { c.Groups = []Group{FFDHE2048} }, none, honest, ReasonGroup},
		"controller's secret": {func(c *Config) { c.Controller = secret(t, SHA256, 0) }, func(c *Config) { c.Controller = secret(t, SHA256, 0) }, honest, ReasonFailed},
		"controller without":  {func(c *Config) { c.Controller = secret(t, SHA256, 0) }, none, honest, ReasonFailed},
		"a short message":     {none, none, func(host bool, p []byte) []byte { return p[:len(p)-1] }, ReasonIncorrectPayload},
		"a shorter one":       {none, none, func(host bool, p []byte) []byte { return p[:5] }, ReasonIncorrectPayload},
		"another transaction": {none, none, func(host bool, p []byte) []byte {
			if !host {
				p[4]++
			}
			return p
		}, ReasonIncorrectPayload},
		"a changed challenge": {none, none, func(host bool, p []byte) []byte {
			if p[1] == idChallenge {
				p[sizeHeader] ^= 1
			}
			return p
		}, ReasonFailed},
		"a wrong order": {none, none, func(host bool, p []byte) []byte {
			if p[1] == idChallenge {
				p[1] = idSuccess1
			}
			return p
		}, ReasonIncorrectProtocol},
	} {
		host, controller := talk(NewHost(cfg(tt.host), 3), NewController(cfg(tt.controller)), tt.meddle)
		var e *Error
		if !errors.As(controller, &e) && !errors.As(host, &e) || e.Reason != tt.want {
			t.Errorf("%s: host %v, controller %v, want reason %d", name, host, controller, tt.want)
		}
	}
}

// TestReplay sends a host's reply of one exchange in another.
func TestReplay(t *testing.T) {
	cfg := Config{HostNQN: hostNQN, SubsysNQN: subsysNQN, Host: secret(t, SHA256, 0), Groups: []Group{NoGroup}}
	var old []byte
	talk(NewHost(cfg, 3), NewController(cfg), func(host bool, p []byte) []byte {
		if p[1] == idReply {
			old = p
		}
		return p
	})
	_, err := talk(NewHost(cfg, 3), NewController(cfg), func(host bool, p []byte) []byte {
		if p[1] == idReply {
			return old
		}
		return p
	})
	var e *Error
	if !errors.As(err, &e) || e.Reason != ReasonFailed {
		t.Errorf("a replayed reply: %v", err)
	}
}

func TestSecrets(t *testing.T) {
	for text, want := range map[string]string{
		"": "form", "DHHC-2:00:x:": "form", "DHHC-1:04:x:": "hash", "DHHC-1:00:x:": "base64", "DHHC-1:00:AAAA:": "bytes",
		"DHHC-1:00:" + strings.Repeat("A", 48) + ":": "checksum",
		"DHHC-1:02:" + strings.Repeat("A", 48) + ":": "takes 48",
	} {
		if _, err := ParseSecret(text); err == nil || !strings.Contains(err.Error(), want) || len(text) > 20 && strings.Contains(err.Error(), text[10:20]) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	// nvme gen-dhchap-key's example (nvme-cli's page of that name).
	if _, err := ParseSecret("DHHC-1:00:ia6zGodOr4SEG0Zzaw398rpY0wqipUWj4jWjUh4HWUz6aQ2n:"); err != nil {
		t.Error(err)
	}
}

// TestPrimes compares the primes with those of OpenSSL, by their SHA-256.
func TestPrimes(t *testing.T) {
	for g, want := range primeDigests {
		d := sha256.Sum256(g.prime().Bytes())
		if got := hex.EncodeToString(d[:]); got != want {
			t.Errorf("%s: SHA-256 %s, want %s", g, got, want)
		}
	}
}

func TestWeakPublicValues(t *testing.T) {
	k, err := newPrivate(FFDHE2048)
	if err != nil {
		t.Fatal(err)
	}
	p := FFDHE2048.prime()
	for name, public := range map[string][]byte{
		"0": make([]byte, 256), "1": append(make([]byte, 255), 1), "p": p.FillBytes(make([]byte, 256)), "short": make([]byte, 8),
	} {
		if _, err := k.shared(public); err == nil {
			t.Errorf("%s was taken as a public value", name)
		}
	}
}

func FuzzReceive(f *testing.F) {
	s := secret(f, SHA256, 0)
	cfg := Config{HostNQN: hostNQN, SubsysNQN: subsysNQN, Host: s, Controller: s, Groups: []Group{NoGroup}}
	talk(NewHost(cfg, 3), NewController(cfg), func(host bool, p []byte) []byte {
		f.Add(p, uint8(1))
		f.Add(p, uint8(2))
		return p
	})
	f.Fuzz(func(t *testing.T, p []byte, turns uint8) {
		a, b := NewHost(cfg, 3), NewController(cfg)
		n := uint8(0)
		talk(a, b, func(host bool, q []byte) []byte {
			if n++; n == turns {
				return p
			}
			return q
		})
		if a.Done() && b.Done() && turns > 0 && turns <= n && n < 4 {
			t.Logf("%x passed", p)
		}
	})
}
