// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"sync"
	"syscall"

	"github.com/gospdk/gospdk/nvme"
)

// Announcer tells the network where discovery services are, so that hosts need
// no address. [Target.SetAnnouncer] gives a target one.
type Announcer interface {
	// Announce begins with these services. ctx bounds the call alone.
	Announce(ctx context.Context, services []Service) (Announcement, error)
}

// Announcement is what Announce has begun. Its methods may be called from any
// goroutine and do not wait for the network.
type Announcement interface {
	Update(services []Service)
	Close() error
}

// Service is a discovery service.
type Service struct {
	Name string // among those of this machine, such as spdk0
	Addr netip.AddrPort
	Text []string // key=value
}

// announcing is whether a target is announced.
type announcing struct {
	mu  sync.Mutex
	by  Announcer
	now Announcement // nil while it is not
}

// SetAnnouncer gives the target what Announce needs.
func (t *Target) SetAnnouncer(a Announcer) {
	t.announcing.mu.Lock()
	defer t.announcing.mu.Unlock()
	t.announcing.by = a
}

// services are those of the discovery subsystem over TCP. As in SPDK only TCP
// can be announced.
func (t *Target) services() (all []Service) {
	for _, a := range t.Discovery().Addresses() {
		ip, err := netip.ParseAddr(a.Traddr)
		port, portErr := strconv.ParseUint(a.Trsvcid, 10, 16)
		if a.Trtype != nvme.TrtypeTCP || err != nil || portErr != nil {
			continue
		}
		all = append(all, Service{
			Name: fmt.Sprintf("spdk%d", len(all)), Addr: netip.AddrPortFrom(ip, uint16(port)),
			Text: []string{"nqn=" + nvme.DiscoveryNQN, "p=tcp"},
		})
	}
	return all
}

// Announce has the network told where the target's discovery subsystem is,
// until StopAnnouncing or Close; listeners that come and go are followed.
// EEXIST means that it is announced already, EINVAL that the discovery
// subsystem has no listener or another target is announced.
func (t *Target) Announce(ctx context.Context) error {
	for _, o := range t.Targets() {
		if o != t && o.announced() {
			return fmt.Errorf("nvmf: target %s is announced, one can be at a time: stop that first: %w", o.name, syscall.EINVAL)
		}
	}
	a := &t.announcing
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.now != nil:
		return fmt.Errorf("nvmf: target %s is announced already: %w", t.name, syscall.EEXIST)
	case a.by == nil:
		return errors.New("nvmf: this program has nothing that announces targets")
	case len(t.Discovery().Addresses()) == 0:
		return fmt.Errorf("nvmf: the discovery subsystem has no listeners: add one to %s: %w", nvme.DiscoveryNQN, syscall.EINVAL)
	}
	now, err := a.by.Announce(ctx, t.services())
	if err != nil {
		return err
	}
	a.now = now
	return nil
}

func (t *Target) announced() bool {
	t.announcing.mu.Lock()
	defer t.announcing.mu.Unlock()
	return t.announcing.now != nil
}

// StopAnnouncing ends what Announce has begun, if it has.
func (t *Target) StopAnnouncing() error {
	a := &t.announcing
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.now == nil {
		return nil
	}
	err := a.now.Close()
	a.now = nil
	return err
}

// reannounce tells of listeners that have come or gone.
func (t *Target) reannounce() {
	a := &t.announcing
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.now != nil {
		a.now.Update(t.services())
	}
}
