// SPDX-License-Identifier: BSD-3-Clause

package tcp_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/dhchap"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/host/tcp"
	"github.com/gospdk/gospdk/nvmf"
	target "github.com/gospdk/gospdk/nvmf/tcp"
)

// keyedRig is a target that wants the host to prove who it is.
type keyedRig struct {
	*rig
	mu   sync.Mutex
	keys map[string]string // texts of secrets by their names
}

func newKeyedRig(t *testing.T) *keyedRig {
	t.Helper()
	k := &keyedRig{rig: newRig(t, target.Options{}), keys: map[string]string{}}
	for _, name := range []string{"host", "ctrlr", "other"} {
		text, err := dhchap.Generate(dhchap.SHA256, 32)
		must(t, err)
		k.keys[name] = text
	}
	k.target.SetKeyReader(func(name string) ([]byte, error) {
		k.mu.Lock()
		defer k.mu.Unlock()
		if text, ok := k.keys[name]; ok {
			return []byte(text), nil
		}
		return nil, syscall.ENOKEY
	})
	must(t, k.sub.AddHostWithKeys(hostNQN, nvmf.HostKeys{Host: "host", Controller: "ctrlr"}))
	return k
}

// options has the keys of those names, and a group that is quick.
func (k *keyedRig) options() host.Options {
	return host.Options{
		HostNQN: hostNQN, DHCHAPKey: k.keys["host"], DHCHAPCtrlrKey: k.keys["ctrlr"],
		DHCHAPGroups: []dhchap.Group{dhchap.FFDHE2048, dhchap.NoGroup},
	}
}

// change gives the host another key at the target.
func (k *keyedRig) change(name string) {
	k.t.Helper()
	must(k.t, k.sub.SetHostKeys(hostNQN, nvmf.HostKeys{Host: name, Controller: "ctrlr"}))
}

// outcome is what done of an authentication is called with.
type outcome struct {
	calls int
	err   error
}

func (o *outcome) done(err error) { o.calls, o.err = o.calls+1, err }

// poll polls until the outcome is known, and returns the last poll's error.
func (o *outcome) poll(t *testing.T, qp *host.QPair, between func()) (err error) {
	t.Helper()
	for end := time.Now().Add(patience); o.calls == 0; between() {
		if _, err = qp.ProcessCompletions(0); time.Now().After(end) {
			t.Fatalf("authentication does not end; the last poll: %v", err)
		}
	}
	return err
}

// TestAuthenticateUnderIO changes keys again and again while data are written
// and read on a queue that is full.
func TestAuthenticateUnderIO(t *testing.T) {
	k := newKeyedRig(t)
	c := k.connect(k.options())
	ns, qp := c.Namespace(1), qpair(t, c, host.QPairOptions{Size: 8})
	rnd := rand.New(rand.NewPCG(1, 9))
	const each, count = 8 * blockSize, 40
	var rs []*request
	out, in := make([][]byte, count), make([][]byte, count)
	for i := range count {
		rs = append(rs, newRequest())
		out[i], in[i] = make([]byte, each), make([]byte, each)
	}
	round, writing := 0, false
	// work keeps the queue full with writes, then with reads of the same.
	work := func() {
		for _, r := range rs {
			if round > 0 && r.done == 0 {
				return
			}
		}
		if writing = !writing; writing && round > 0 {
			for i := range count {
				if !bytes.Equal(out[i], in[i]) {
					t.Fatalf("round %d: read something else than written", round)
				}
			}
		}
		round++
		for i, r := range rs {
			must(t, r.Err())
			r.done = 0
			if writing {
				fill(rnd, out[i])
				must(t, qp.Write(ns, &r.Request, out[i], uint64(i)*8, 8, 0))
			} else {
				must(t, qp.Read(ns, &r.Request, in[i], uint64(i)*8, 8, 0))
			}
		}
	}
	work()
	for i := range 10 {
		name := []string{"other", "host"}[i%2]
		k.change(name)
		must(t, c.SetKeys(k.keys[name], k.keys["ctrlr"]))
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		must(t, c.Authenticate(ctx))
		cancel()
		var o outcome
		must(t, qp.Authenticate(o.done))
		if err := qp.Authenticate(o.done); !errors.Is(err, host.ErrBusy) {
			t.Errorf("two at once: %v", err)
		}
		must(t, o.poll(t, qp, work))
		must(t, o.err)
		if o.calls != 1 {
			t.Errorf("told %d times", o.calls)
		}
	}
	if round < 4 {
		t.Errorf("%d rounds of I/O during authentication", round)
	}
	wait(t, qp, rs...)
	cs, err := k.sub.Controllers(context.Background())
	must(t, err)
	for _, q := range cs[0].Queues {
		if q.Auth == nil || q.Auth.State != dhchap.StateCompleted || q.Auth.Group != dhchap.FFDHE2048 {
			t.Errorf("queue %d: %+v", q.ID, q.Auth)
		}
	}
}

// A side that does not prove who it is loses the connection, and gets it back
// with the right key.
func TestAuthenticateWithWrongKeys(t *testing.T) {
	for _, wrong := range []struct{ what, host, ctrlr string }{{"the host", "other", ""}, {"the controller", "host", "other"}} {
		t.Run(wrong.what, func(t *testing.T) {
			k := newKeyedRig(t)
			c := k.connect(k.options())
			ns, qp := c.Namespace(1), qpair(t, c, host.QPairOptions{})
			var disbelief *dhchap.Error
			must(t, c.SetKeys(k.keys[wrong.host], k.keys[wrong.ctrlr]))
			data, r := make([]byte, blockSize), newRequest()
			must(t, qp.Read(ns, &r.Request, data, 0, 1, 0))
			wait(t, qp, r)

			var o outcome
			must(t, qp.Authenticate(o.done))
			o.poll(t, qp, func() {})
			if !errors.As(o.err, &disbelief) || disbelief.Reason != dhchap.ReasonFailed {
				t.Errorf("I/O queue: %v", o.err)
			}
			if _, err := qp.ProcessCompletions(0); !errors.Is(err, host.ErrDisconnected) {
				t.Errorf("a poll after that: %v", err)
			}
			if err := qp.Read(ns, &r.Request, data, 0, 1, 0); !errors.Is(err, host.ErrDisconnected) {
				t.Errorf("a read after that: %v", err)
			}
			must(t, qp.Reconnect())
			lost := false
			for end := time.Now().Add(patience); !lost && time.Now().Before(end); {
				_, err := qp.ProcessCompletions(0)
				lost = errors.Is(err, host.ErrDisconnected)
			}
			if !lost {
				t.Error("it connects again with the wrong key")
			}

			if err := c.Authenticate(t.Context()); !errors.As(err, &disbelief) {
				t.Errorf("admin queue: %v", err)
			}
			if _, err := c.ProcessAdminCompletions(); !errors.Is(err, host.ErrFailed) {
				t.Errorf("a poll of the admin queue after that: %v", err)
			}
			if err := c.Reset(t.Context()); err == nil {
				t.Error("a reset succeeds with the wrong key")
			}
			must(t, c.SetKeys(k.keys["host"], k.keys["ctrlr"]))
			must(t, c.Reset(t.Context()))
			must(t, qp.Read(ns, &r.Request, data, 0, 1, 0))
			wait(t, qp, r)
		})
	}
}

// An authentication ends with its queue, whatever ends that.
func TestAuthenticationEndsWithTheQueue(t *testing.T) {
	k := newKeyedRig(t)
	relay, trid := newRelay(t, k.trid())
	c := connect(t, tcp.Transport{}, trid, k.options())
	for what, end := range map[string]func(*host.QPair){
		"freed":        func(qp *host.QPair) { must(t, qp.Free(t.Context())) },
		"reset":        func(*host.QPair) { must(t, c.Reset(t.Context())) },
		"disconnected": func(*host.QPair) { relay.cut(relay.count() - 1) },
	} {
		qp, err := c.AllocIOQPair(host.QPairOptions{Size: 2})
		must(t, err)
		// It waits, since there is one tracker.
		r := newRequest()
		must(t, qp.Read(c.Namespace(1), &r.Request, make([]byte, blockSize), 0, 1, 0))
		var o outcome
		must(t, qp.Authenticate(o.done))
		end(qp)
		o.poll(t, qp, func() {})
		var status *host.StatusError
		if o.calls != 1 || !errors.As(o.err, &status) || status.Status.Code() != nvme.StatusAbortedSQDeletion {
			t.Errorf("%s: told %d times: %v", what, o.calls, o.err)
		}
		must(t, qp.Free(t.Context()))
	}
}

func TestAuthenticateErrors(t *testing.T) {
	k := newKeyedRig(t)
	c := k.connect(k.options())
	qp := qpair(t, c, host.QPairOptions{})
	for _, tt := range []struct{ host, ctrlr, want string }{
		{"", k.keys["ctrlr"], "needs one of the host"},
		{"DHHC-1:", "", "the host's key"},
		{k.keys["host"], "secret", "the controller's key"},
	} {
		if err := c.SetKeys(tt.host, tt.ctrlr); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("keys %q and %q: %v, want %q", tt.host, tt.ctrlr, err, tt.want)
		}
	}
	must(t, c.Authenticate(t.Context())) // the keys before are still there
	must(t, c.SetKeys("", ""))
	if err := c.Authenticate(t.Context()); err == nil || !strings.Contains(err.Error(), "give it a DH-HMAC-CHAP key") {
		t.Errorf("without a key: %v", err)
	}
	if err := qp.Authenticate(func(error) { t.Error("told") }); err == nil || !strings.Contains(err.Error(), "give it a DH-HMAC-CHAP key") {
		t.Errorf("queue pair without a key: %v", err)
	}
	must(t, c.SetKeys(k.keys["host"], ""))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Authenticate(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("without time: %v", err)
	}
}
