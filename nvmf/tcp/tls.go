// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"fmt"
	"net"
	"time"

	"github.com/gospdk/gospdk/internal/tls13"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/psk"
	"github.com/gospdk/gospdk/nvmf"
	"github.com/gospdk/gospdk/sock"
)

// maxHandshakes bounds how many hosts begin TLS at a time at an address.
const maxHandshakes = 128

// shake makes the TLS handshake of a connection, for which a goroutine waits,
// and gives the connection to a poll group.
func (p *portal) shake(s *sock.Conn) {
	t := p.t
	refuse := func(err error) {
		log.Warnf("nvmf: TCP %v: TLS with %v: %v", p.addr, s.Remote(), err)
		s.Close()
		t.count.Add(-1)
		t.live.Done()
	}
	raw, err := s.Blocking()
	if err != nil {
		refuse(err)
		return
	}
	if !p.beginShake(raw) {
		raw.Close()
		refuse(fmt.Errorf("%d handshakes are under way: it is refused", maxHandshakes))
		return
	}
	var id psk.Identity
	how := "this process"
	c := tls13.Server(raw, func(identity string) (tls13.PSK, bool) {
		secret, of, ok := t.target.TLSKey(identity)
		id = of
		return tls13.PSK{Identity: identity, Secret: secret, Suite: suite(of)}, ok
	})
	err = raw.SetDeadline(time.Now().Add(t.opts.ConnectTimeout))
	if err == nil {
		err = c.Handshake()
	}
	p.endShake(raw)
	if err == nil {
		err = raw.SetDeadline(time.Time{})
	}
	if err == nil {
		kernel := false
		if kernel, err = s.Protect(c, t.opts.kernelTLS()); kernel {
			how = "the kernel"
		}
	}
	if err != nil {
		raw.Close()
		refuse(err)
		return
	}
	flag.Infof("%v: TLS by %s as %q, %s", s.Remote(), how, c.Key().Identity, c.Key().Suite)
	p.welcome(s, id)
}

// kernelTLS tells whether the kernel is to protect connections, if it can.
func (o *Options) kernelTLS() bool {
	impl, err := o.Sock.Options(sock.SSL)
	return err == nil && impl.KTLS
}

func suite(id psk.Identity) tls13.Suite {
	if id.SHA384 {
		return tls13.AES256SHA384
	}
	return tls13.AES128SHA256
}

// beginShake notes a handshake, which ends when the portal is closed.
func (p *portal) beginShake(raw net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shakes == nil || len(p.shakes) >= maxHandshakes {
		return false
	}
	p.shakes[raw] = true
	return true
}

func (p *portal) endShake(raw net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.shakes, raw)
}

// endShakes ends all handshakes.
func (p *portal) endShakes() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for raw := range p.shakes {
		raw.Close()
	}
	p.shakes = nil
}

// mayBe tells whether a host is who it has proved to be by TLS.
func (c *conn) mayBe(hostNQN, subNQN string) error {
	if !c.portal.secure || c.tls.HostNQN == hostNQN && c.tls.SubNQN == subNQN {
		return nil
	}
	return &nvmf.ConnectError{
		Status: nvme.StatusFabricsInvalidHost.WithDNR(),
		What:   fmt.Sprintf("host '%s' connects to '%s' with the TLS key of host '%s' for '%s'", hostNQN, subNQN, c.tls.HostNQN, c.tls.SubNQN),
	}
}
