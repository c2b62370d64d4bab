// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"syscall"
	"testing"
)

// herald notes what it is to announce.
type herald struct {
	services []Service
	closed   int
}

func (h *herald) Announce(_ context.Context, s []Service) (Announcement, error) {
	h.services = s
	return h, nil
}
func (h *herald) Update(s []Service) { h.services = s }
func (h *herald) Close() error       { h.closed++; return nil }

func TestAnnounce(t *testing.T) {
	g := newRig(t)
	h := &herald{}
	if err := g.target.Announce(t.Context()); err == nil {
		t.Error("announced by nobody")
	}
	g.target.SetAnnouncer(h)
	d := g.target.Discovery()
	rdma := tcpAt("192.0.2.1", "8009")
	rdma.Trtype = 1
	if err := g.target.Announce(t.Context()); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("without listeners: %v", err)
	}
	if err := errors.Join(d.AddAddress(rdma), d.AddAddress(tcpAt("192.0.2.1", "8009")), g.sub.AddAddress(tcpAt("192.0.2.1", "4420"))); err != nil {
		t.Fatal(err)
	}
	if err := g.target.Announce(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := Service{Name: "spdk0", Addr: netip.MustParseAddrPort("192.0.2.1:8009"), Text: []string{"nqn=nqn.2014-08.org.nvmexpress.discovery", "p=tcp"}}
	if len(h.services) != 1 || h.services[0].Name != want.Name || h.services[0].Addr != want.Addr || !slices.Equal(h.services[0].Text, want.Text) {
		t.Errorf("%+v, want %+v alone", h.services, want)
	}
	if err := d.AddAddress(tcpAt("192.0.2.1", "4421")); err != nil || len(h.services) != 2 {
		t.Errorf("a listener came: %+v, %v", h.services, err)
	}
	d.RemoveAddress(tcpAt("192.0.2.1", "8009"))
	if len(h.services) != 1 || h.services[0].Addr.Port() != 4421 {
		t.Errorf("a listener went: %+v", h.services)
	}
	if err := errors.Join(g.target.StopAnnouncing(), g.target.StopAnnouncing()); err != nil || h.closed != 1 {
		t.Errorf("closed %d times, %v", h.closed, err)
	}
}
