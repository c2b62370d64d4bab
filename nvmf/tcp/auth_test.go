// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/dhchap"
	"github.com/gospdk/gospdk/nvme/pdu"
	"github.com/gospdk/gospdk/nvmf"
)

// keyed is a target that wants hostNQN to prove who it is.
type keyed struct {
	*rig
	mu   sync.Mutex
	keys map[string]string // texts of secrets by their names
}

func newKeyed(t *testing.T) *keyed {
	t.Helper()
	k := &keyed{rig: newRig(t, Options{}), keys: map[string]string{}}
	for _, name := range []string{"host", "ctrlr", "other"} {
		k.keys[name] = generated(t)
	}
	k.target.SetKeyReader(func(name string) ([]byte, error) {
		k.mu.Lock()
		defer k.mu.Unlock()
		if text, ok := k.keys[name]; ok {
			return []byte(text), nil
		}
		return nil, syscall.ENOKEY
	})
	if err := k.sub.AddHostWithKeys(hostNQN, nvmf.HostKeys{Host: "host", Controller: "ctrlr"}); err != nil {
		t.Fatal(err)
	}
	return k
}

func generated(t *testing.T) string {
	t.Helper()
	text, err := dhchap.Generate(dhchap.SHA256, 32)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// connecting returns a queue that has connected and has to authenticate.
func (k *keyed) connecting(id, cntlid uint16) *host {
	k.t.Helper()
	h := k.dial()
	h.initialize()
	r := nvme.ConnectResult(h.connectOK(id, 32, cntlid).CDW0)
	if !r.AuthRequired() || r&nvme.ConnectAuthSecure != 0 {
		k.t.Fatalf("result of Connect %#x, want ATR alone", r)
	}
	h.cntlid = r.CNTLID()
	return h
}

// authentication returns the host's end with keys of those names.
func (k *keyed) authentication(host, ctrlr string, transaction uint16) *dhchap.Host {
	return dhchap.NewHost(dhchap.Config{
		HostNQN: hostNQN, SubsysNQN: subNQN, Groups: []dhchap.Group{dhchap.NoGroup, dhchap.FFDHE2048},
		Secrets: func() (a, b *dhchap.Secret, err error) {
			k.mu.Lock()
			defer k.mu.Unlock()
			a, err = dhchap.ParseSecret([]byte(k.keys[host]))
			if err == nil && ctrlr != "" {
				b, err = dhchap.ParseSecret([]byte(k.keys[ctrlr]))
			}
			return a, b, err
		},
	}, transaction)
}

func (h *host) authSend(p []byte) nvme.Completion {
	h.t.Helper()
	io := &hostIO{cmd: nvme.AuthSend{SPSP: 0x0101, SECP: nvme.SECPNVMe, Length: uint32(len(p))}.Command(), data: p, inCapsule: true}
	h.run(1, io)
	return io.cpl
}

func (h *host) authReceive(n int) ([]byte, nvme.Completion) {
	h.t.Helper()
	p := make([]byte, n)
	return p, h.do(nvme.AuthReceive{SPSP: 0x0101, SECP: nvme.SECPNVMe, Length: uint32(n)}.Command(), p)
}

// authenticate goes through an exchange as far as the host is content.
func (h *host) authenticate(a *dhchap.Host) error {
	h.t.Helper()
	for {
		if p := a.Send(); p != nil {
			if cpl := h.authSend(p); cpl.IsError() {
				return fmt.Errorf("Authentication Send: %v", cpl.Status())
			}
		}
		if a.Done() {
			return nil
		}
		p, cpl := h.authReceive(dhchap.MaxMessage)
		if cpl.IsError() {
			return fmt.Errorf("Authentication Receive: %v", cpl.Status())
		}
		if err := a.Receive(p); err != nil {
			if p := a.Send(); p != nil {
				h.authSend(p)
			}
			return err
		}
	}
}

// reason returns why an exchange has failed.
func reason(err error) dhchap.Reason {
	var e *dhchap.Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return 0
}

// ended waits for the end of the connection. With asks the host goes on asking
// for the controller's message.
func (h *host) ended(what string, asks bool) {
	h.t.Helper()
	cmd := transport(nvme.AuthReceive{SPSP: 0x0101, SECP: nvme.SECPNVMe, Length: 64}.Command(), 64)
	cmd.SetPSDT(nvme.PSDTSGLMPTRContig)
	capsule := make([]byte, pdu.MaxPDO)
	capsule = capsule[:pdu.PutCapsuleCmd(capsule, h.format, &cmd, 0)]
	for {
		if asks {
			_, _ = h.conn.Write(capsule) // it may have ended
		}
		_, _, err := h.tryRead()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			h.t.Errorf("%s: the connection stays", what)
		}
		if err != nil {
			return
		}
	}
}

func (k *keyed) queues() (all []nvmf.QueueInfo) {
	k.t.Helper()
	cs, err := k.sub.Controllers(context.Background())
	if err != nil {
		k.t.Fatal(err)
	}
	for _, c := range cs {
		all = append(all, c.Queues...)
	}
	return all
}

func TestAuthenticatedQueues(t *testing.T) {
	for _, ctrlr := range []string{"", "ctrlr"} {
		k := newKeyed(t)
		admin := k.connecting(0, nvme.ControllerIDDynamic)
		if q := k.queues(); len(q) != 1 || !q[0].Authenticating || q[0].Auth == nil || q[0].Auth.State != dhchap.StateNegotiate {
			t.Errorf("%+v, want one that authenticates", q)
		}
		for what, cmd := range map[string]nvme.Command{
			"Property Get": nvme.PropertyGet{Offset: nvme.RegVS}.Command(), "Property Set": nvme.PropertySet{Offset: nvme.RegCC, Value: ccEnable}.Command(),
			"Identify": {Opcode: nvme.AdminIdentify, CDW10: 1}, "Keep Alive": {Opcode: nvme.AdminKeepAlive},
			"a fused one": {Opcode: nvme.AdminIdentify, Flags: 1, CDW10: 1},
		} {
			if cpl := admin.do(cmd, make([]byte, 4096)); !cpl.Status().Is(nvme.StatusFabricsAuthRequired) {
				t.Errorf("%s before authentication: %v", what, cpl.Status())
			}
		}
		if err := admin.authenticate(k.authentication("host", ctrlr, 5)); err != nil {
			t.Fatal(err)
		}
		admin.setCC(ccEnable)
		q := k.connecting(1, admin.cntlid)
		data := make([]byte, 512)
		read := rw(nvme.CmdRead, 0, data)
		if q.run(1, read); !read.cpl.Status().Is(nvme.StatusFabricsAuthRequired) {
			t.Errorf("a read before authentication: %v", read.cpl.Status())
		}
		if err := q.authenticate(k.authentication("host", ctrlr, 6)); err != nil {
			t.Fatal(err)
		}
		q.transfer(512, 1, true)
		// Again, with the queue in use all the time.
		again := k.authentication("host", ctrlr, 7)
		if cpl := q.authSend(again.Send()); cpl.IsError() {
			t.Fatal(cpl.Status())
		}
		q.transfer(512, 1, true)
		if err := q.authenticate(again); err != nil {
			t.Error(err)
		}
		q.transfer(512, 1, true)
		for _, q := range k.queues() {
			want := nvmf.AuthInfo{State: dhchap.StateCompleted, Digest: dhchap.SHA512, Group: dhchap.FFDHE2048}
			if q.Authenticating || q.Auth == nil || *q.Auth != want {
				t.Errorf("queue %d: %+v, want %+v", q.ID, q.Auth, want)
			}
		}
	}
}

// TestRefusedHosts has hosts fail on new queues and on those that have been
// authenticated: either connection ends, whatever the host asks meanwhile.
func TestRefusedHosts(t *testing.T) {
	k := newKeyed(t)
	hosts := map[string]*host{}
	for _, live := range []bool{false, true} {
		for _, tt := range []struct{ host, ctrlr string }{{"other", ""}, {"host", "other"}} {
			h := k.connecting(0, nvme.ControllerIDDynamic)
			if live {
				if err := h.authenticate(k.authentication("host", "ctrlr", 1)); err != nil {
					t.Fatal(err)
				}
			}
			if err := h.authenticate(k.authentication(tt.host, tt.ctrlr, 2)); reason(err) != dhchap.ReasonFailed {
				t.Errorf("live %t, keys %v: %v", live, tt, err)
			}
			hosts[fmt.Sprintf("live %t, keys %v", live, tt)] = h
		}
	}
	for what, h := range hosts {
		h.ended(what, true)
	}
	eventually(t, "all connections end", func() bool { return k.tr.Connections() == 0 })
}

// TestKeysGo changes and takes away keys under hosts.
func TestKeysGo(t *testing.T) {
	k := newKeyed(t)
	h := k.connecting(0, nvme.ControllerIDDynamic)
	if err := h.authenticate(k.authentication("host", "", 1)); err != nil {
		t.Fatal(err)
	}
	if err := k.sub.SetHostKeys(hostNQN, nvmf.HostKeys{Host: "other"}); err != nil {
		t.Fatal(err)
	}
	h.property(nvme.RegVS, 0) // what is connected stays
	if err := h.authenticate(k.authentication("other", "", 2)); err != nil {
		t.Errorf("with the new key: %v", err)
	}
	k.mu.Lock()
	delete(k.keys, "other")
	k.mu.Unlock()
	late := k.connecting(0, nvme.ControllerIDDynamic)
	k.keys["mine"] = generated(t)
	if err := late.authenticate(k.authentication("mine", "", 3)); reason(err) != dhchap.ReasonFailed {
		t.Errorf("without a key in the keyring: %v", err)
	}
	late.ended("without a key in the keyring", false)
	if err := k.sub.AddHostWithKeys("nqn.2016-06.io.spdk:new", nvmf.HostKeys{Host: "other"}); !errors.Is(err, syscall.ENOKEY) || k.sub.HostAllowed("nqn.2016-06.io.spdk:new") && !k.sub.AnyHostAllowed() {
		t.Errorf("a host with an unknown key: %v", err)
	}
	if len(k.sub.Hosts()) != 1 {
		t.Errorf("hosts %q", k.sub.Hosts())
	}
}

func TestBadAuthenticationCommands(t *testing.T) {
	k := newKeyed(t)
	h := k.connecting(0, nvme.ControllerIDDynamic)
	good := nvme.AuthSend{SPSP: 0x0101, SECP: nvme.SECPNVMe, Length: 64}
	for what, change := range map[string]func(x *nvme.AuthSend){
		"SECP": func(x *nvme.AuthSend) { x.SECP = 0 }, "SPSP": func(x *nvme.AuthSend) { x.SPSP = 1 },
		"no length": func(x *nvme.AuthSend) { x.Length = 0 }, "length": func(x *nvme.AuthSend) { x.Length = 8<<10 + 1 },
	} {
		x := good
		change(&x)
		if cpl := h.do(x.Command(), make([]byte, 9<<10)); !cpl.Status().Is(nvme.StatusInvalidField) {
			t.Errorf("%s: %v", what, cpl.Status())
		}
	}
	// Something that is no message, and the answer in the wrong place.
	if cpl := h.authSend([]byte{1, 2, 3}); cpl.IsError() {
		t.Error(cpl.Status())
	}
	p, cpl := h.authReceive(64)
	if want := []byte{0, 0xf1, 0, 0, 0, 0, 1, byte(dhchap.ReasonIncorrectPayload)}; cpl.IsError() || !bytes.Equal(p[:8], want) {
		t.Errorf("%v, % x, want % x", cpl.Status(), p[:8], want)
	}
	h.ended("a short message", false)
	h = k.connecting(0, nvme.ControllerIDDynamic)
	p, cpl = h.authReceive(64)
	if want := []byte{0, 0xf1, 0, 0, 0, 0, 1, byte(dhchap.ReasonIncorrectProtocol)}; cpl.IsError() || !bytes.Equal(p[:8], want) {
		t.Errorf("%v, % x, want % x", cpl.Status(), p[:8], want)
	}
	h.ended("the host asks first", false)
	h = k.connecting(0, nvme.ControllerIDDynamic)
	if _, cpl = h.authReceive(7); !cpl.Status().Is(nvme.StatusInvalidField) {
		t.Errorf("7 bytes for a failure: %v", cpl.Status())
	}
	h.ended("7 bytes for a failure", false)
}

// TestSlowHosts has a host that never proves who it is.
func TestSlowHosts(t *testing.T) {
	k := newKeyed(t)
	h := k.connecting(0, nvme.ControllerIDDynamic)
	k.onThread(func() {
		for _, c := range k.tr.groups[0].conns {
			if c == nil {
				continue
			}
			if left := c.deadline - c.g.thread.Clock().Now(); left <= 0 || left > nvmf.AuthTimeout {
				t.Errorf("the host has %v", left)
			}
			c.deadline = 1
		}
	})
	h.ended("a host that is too slow", false)
}

// TestUnaskedAuthentication has a host prove who it is that need not.
func TestUnaskedAuthentication(t *testing.T) {
	k := newKeyed(t)
	if err := k.sub.SetHostKeys(hostNQN, nvmf.HostKeys{}); err != nil {
		t.Fatal(err)
	}
	h := k.login(hostOptions{})
	if q := k.queues(); q[0].Auth != nil || q[0].Authenticating {
		t.Errorf("%+v", q)
	}
	if err := k.sub.SetHostKeys(hostNQN, nvmf.HostKeys{Host: "host"}); err != nil {
		t.Fatal(err)
	}
	if err := h.authenticate(k.authentication("host", "", 1)); err != nil {
		t.Fatal(err)
	}
	h.property(nvme.RegVS, 0)
	if q := k.queues(); q[0].Auth == nil || q[0].Auth.State != dhchap.StateCompleted {
		t.Errorf("%+v", q)
	}
}
