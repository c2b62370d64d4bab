// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"slices"
	"time"

	"github.com/gospdk/gospdk/rpc"
)

func (m *Module) registerDiscovery(r *rpc.Registry) {
	rpc.Register(r, "bdev_nvme_start_discovery", m.rpcStartDiscovery, rpc.Concurrent(),
		rpc.Doc("Attaches the controllers that a discovery service knows, and follows its changes."))
	rpc.Register(r, "bdev_nvme_stop_discovery", m.rpcStopDiscovery, rpc.Concurrent(),
		rpc.Doc("Ends bdev_nvme_start_discovery, and detaches what it has attached."))
	rpc.Register(r, "bdev_nvme_start_mdns_discovery", m.rpcStartMDNS,
		rpc.Doc("Looks for discovery services by multicast DNS, and follows those that are found."))
	rpc.Register(r, "bdev_nvme_stop_mdns_discovery", m.rpcStopMDNS, rpc.Concurrent(),
		rpc.Doc("Ends bdev_nvme_start_mdns_discovery, and the discovery services that it has started."))
	rpc.Register(r, "bdev_nvme_get_mdns_discovery_info", m.rpcMDNSInfo,
		rpc.Doc("Lists what is looked for by multicast DNS, and found."), rpc.Returns("an array with an object for each"))
	rpc.Register(r, "bdev_nvme_get_discovery_info", m.rpcDiscoveryInfo,
		rpc.Doc("Lists discovery services."), rpc.Returns("an array with an object for each service"))
}

type startMDNSParams struct {
	Name    string `json:"name" rpc:"required" doc:"the discovery services are NAME0, NAME1, …"`
	Svcname string `json:"svcname" rpc:"required" doc:"service to look for: _nvme-disc._tcp"`
	Hostnqn string `json:"hostnqn" doc:"NQN of this host; made up if it is left out"`
}

func (m *Module) rpcStartMDNS(_ context.Context, p startMDNSParams) (rpc.True, error) {
	err := m.StartMDNS(MDNSConfig{p.Name, p.Svcname, p.Hostnqn})
	return err == nil, answer(err)
}

type mdnsNameParams struct {
	Name string `json:"name" rpc:"required" doc:"name of the mDNS discovery"`
}

func (m *Module) rpcStopMDNS(ctx context.Context, p mdnsNameParams) (rpc.True, error) {
	err := m.StopMDNS(ctx, p.Name)
	return err == nil, answer(err)
}

type shownMDNSService struct {
	Name string    `json:"name"`
	Trid shownTrid `json:"trid"`
}

type shownMDNS struct {
	Name      string             `json:"name"`
	Svcname   string             `json:"svcname"`
	Referrals []shownMDNSService `json:"referrals" doc:"discovery services that were found"`
}

func (m *Module) listBrowsers() []*mdnsBrowser {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.browsers)
}

func (m *Module) rpcMDNSInfo(context.Context, struct{}) ([]shownMDNS, error) {
	shown := []shownMDNS{}
	for _, b := range m.listBrowsers() {
		s := shownMDNS{b.cfg.Name, b.cfg.Service, []shownMDNSService{}}
		b.mu.Lock()
		for _, d := range b.found {
			s.Referrals = append(s.Referrals, shownMDNSService{d.name, showTrid(d.trid)})
		}
		b.mu.Unlock()
		shown = append(shown, s)
	}
	return shown, nil
}

// savedMDNS is in the order in which SPDK saves it.
type savedMDNS struct {
	Name    string `json:"name"`
	Svcname string `json:"svcname"`
	Hostnqn string `json:"hostnqn,omitempty"`
}

func (m *Module) savedMDNS() (calls []rpc.Call) {
	for _, b := range m.listBrowsers() {
		calls = append(calls, rpc.Call{Method: "bdev_nvme_start_mdns_discovery", Params: savedMDNS{b.cfg.Name, b.cfg.Service, b.cfg.HostNQN}})
	}
	return calls
}

type startDiscoveryParams struct {
	Name            string  `json:"name" rpc:"required" doc:"the controllers are NAME0, NAME1, …"`
	Trtype          string  `json:"trtype" rpc:"required" doc:"type of the transport: TCP or VFIOUSER"`
	Traddr          string  `json:"traddr" rpc:"required" doc:"address of the service"`
	Adrfam          string  `json:"adrfam" doc:"family of the address: IPv4 or IPv6"`
	Trsvcid         string  `json:"trsvcid" doc:"port"`
	Hostnqn         string  `json:"hostnqn" doc:"NQN of this host; made up if it is left out"`
	WaitForAttach   bool    `json:"wait_for_attach" doc:"answer when the subsystems that are known first are attached"`
	AttachTimeoutMs uint64  `json:"attach_timeout_ms" default:"0" doc:"how long that may take, in ms, 0 for any time"`
	LossTimeout     *int32  `json:"ctrlr_loss_timeout_sec" doc:"of the controllers: how long to try to connect again before the devices are removed, in s (default: that of bdev_nvme_set_options)"`
	ReconnectDelay  *uint32 `json:"reconnect_delay_sec" doc:"of the controllers: time between two attempts, in s (default: likewise)"`
	FastIOFail      *uint32 `json:"fast_io_fail_timeout_sec" doc:"of the controllers: after how long IO fails instead of waiting, in s (default: likewise)"`
}

func (m *Module) rpcStartDiscovery(ctx context.Context, p startDiscoveryParams) (rpc.True, error) {
	path := pathParams{Trtype: p.Trtype, Adrfam: p.Adrfam, Traddr: p.Traddr, Trsvcid: p.Trsvcid}
	trid, err := path.trid()
	if err != nil {
		return false, answer(err)
	}
	cfg := DiscoveryConfig{
		Name: p.Name, Trid: trid, HostNQN: p.Hostnqn, Reconnect: m.Options().Reconnect,
		Wait: p.WaitForAttach || p.AttachTimeoutMs > 0, Timeout: time.Duration(min(p.AttachTimeoutMs, 1<<40)) * time.Millisecond,
	}
	given(&cfg.Reconnect.LossTimeout, p.LossTimeout)
	given(&cfg.Reconnect.Delay, p.ReconnectDelay)
	given(&cfg.Reconnect.FastIOFail, p.FastIOFail)
	err = m.StartDiscovery(ctx, cfg)
	return err == nil, answer(err)
}

type discoveryNameParams struct {
	Name string `json:"name" rpc:"required" doc:"name of the discovery service"`
}

func (m *Module) rpcStopDiscovery(ctx context.Context, p discoveryNameParams) (rpc.True, error) {
	err := m.StopDiscovery(ctx, p.Name)
	return err == nil, answer(err)
}

type shownReferral struct {
	Trid shownTrid `json:"trid"`
}

type shownDiscovery struct {
	Name      string          `json:"name"`
	Trid      shownTrid       `json:"trid"`
	Referrals []shownReferral `json:"referrals" doc:"discovery subsystems that the service knows"`
}

func (m *Module) listDiscoveries() []*discovery {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.discoveries)
}

func (m *Module) rpcDiscoveryInfo(context.Context, struct{}) ([]shownDiscovery, error) {
	shown := []shownDiscovery{}
	for _, d := range m.listDiscoveries() {
		s := shownDiscovery{Name: d.cfg.Name, Trid: showTrid(d.cfg.Trid), Referrals: []shownReferral{}}
		d.mu.Lock()
		for _, r := range d.referrals {
			s.Referrals = append(s.Referrals, shownReferral{showTrid(r)})
		}
		d.mu.Unlock()
		shown = append(shown, s)
	}
	return shown, nil
}

// savedDiscovery is bdev_nvme_start_discovery in the order in which SPDK saves
// it.
type savedDiscovery struct {
	Name    string `json:"name"`
	Hostnqn string `json:"hostnqn,omitempty"`
	shownTrid
	WaitForAttach  bool   `json:"wait_for_attach"`
	LossTimeout    int32  `json:"ctrlr_loss_timeout_sec"`
	ReconnectDelay uint32 `json:"reconnect_delay_sec"`
	FastIOFail     uint32 `json:"fast_io_fail_timeout_sec"`
}

func (m *Module) savedDiscoveries() (calls []rpc.Call) {
	for _, d := range m.listDiscoveries() {
		if d.cfg.mdns != "" {
			continue
		}
		r := d.cfg.Reconnect
		s := savedDiscovery{
			Name: d.cfg.Name, Hostnqn: d.cfg.HostNQN, shownTrid: showTrid(d.cfg.Trid), WaitForAttach: d.cfg.Wait,
			LossTimeout: r.LossTimeout, ReconnectDelay: r.Delay, FastIOFail: r.FastIOFail,
		}
		s.Subnqn = ""
		calls = append(calls, rpc.Call{Method: "bdev_nvme_start_discovery", Params: s})
	}
	return calls
}
