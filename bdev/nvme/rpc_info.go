// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"fmt"
	"strings"
	"syscall"

	spec "github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/rpc"
)

// shownTrid is a transport id as SPDK shows it.
type shownTrid struct {
	Trtype  string `json:"trtype"`
	Adrfam  string `json:"adrfam,omitempty"`
	Traddr  string `json:"traddr,omitempty"`
	Trsvcid string `json:"trsvcid,omitempty"`
	Subnqn  string `json:"subnqn,omitempty"`
}

func showTrid(id spec.TransportID) shownTrid {
	s := shownTrid{Trtype: id.Trtype.String(), Traddr: id.Traddr, Trsvcid: id.Trsvcid, Subnqn: id.Subnqn}
	if id.Adrfam != spec.AdrfamNone {
		s.Adrfam = id.Adrfam.String()
	}
	return s
}

type shownCtrlr struct {
	State      string      `json:"state" doc:"enabled, resetting, reconnect_is_delayed, disabled, failed or deleting"`
	Cuse       string      `json:"cuse_device,omitempty" doc:"its character device"`
	Trid       shownTrid   `json:"trid"`
	Alternates []shownTrid `json:"alternate_trids,omitempty" doc:"to fail over to"`
	Cntlid     uint16      `json:"cntlid" doc:"identifier of the controller"`
	Host       struct {
		NQN   string `json:"nqn"`
		Addr  string `json:"addr"`
		Svcid string `json:"svcid"`
		NoSHN bool   `json:"no_shn_notification"`
	} `json:"host"`
}

type shownName struct {
	Name   string       `json:"name"`
	Ctrlrs []shownCtrlr `json:"ctrlrs" doc:"an object for each path"`
}

func (m *Module) rpcControllers(_ context.Context, p controllersParams) ([]shownName, error) {
	shown := []shownName{}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range m.named {
		paths := b.attached()
		if p.Name != nil && *p.Name != b.name || len(paths) == 0 {
			continue
		}
		s := shownName{Name: b.name}
		for _, c := range paths {
			s.Ctrlrs = append(s.Ctrlrs, c.show())
		}
		shown = append(shown, s)
	}
	if p.Name != nil && len(shown) == 0 {
		return nil, rpc.Errorf(-int(syscall.EINVAL), "Controller %s does not exist", *p.Name)
	}
	return shown, nil
}

func (c *ctrlr) show() shownCtrlr {
	list := c.listAddresses()
	s := shownCtrlr{State: c.getState().String(), Trid: showTrid(list[0].trid), Cntlid: c.last.Load().Identify().CNTLID}
	s.Cuse = c.cuse.device(0)
	s.Host.NQN, s.Host.Addr, s.Host.Svcid = c.hostNQN(), list[0].srcAddr, list[0].srcSvcid
	for _, a := range list[1:] {
		s.Alternates = append(s.Alternates, showTrid(a.trid))
	}
	return s
}

// shownNS is what bdev_get_bdevs tells of a path to a namespace.
type shownNS struct {
	PCIAddress string    `json:"pci_address,omitempty"`
	Cuse       string    `json:"cuse_device,omitempty" doc:"its character device"`
	Trid       shownTrid `json:"trid"`
	CtrlrData  struct {
		Cntlid   uint16 `json:"cntlid"`
		VendorID string `json:"vendor_id"`
		Model    string `json:"model_number"`
		Serial   string `json:"serial_number"`
		Firmware string `json:"firmware_revision"`
		Subnqn   string `json:"subnqn,omitempty"`
		OACS     struct {
			Security uint32 `json:"security"`
			Format   uint32 `json:"format"`
			Firmware uint32 `json:"firmware"`
			NSManage uint32 `json:"ns_manage"`
		} `json:"oacs"`
		MultiCtrlr   bool `json:"multi_ctrlr"`
		ANAReporting bool `json:"ana_reporting"`
	} `json:"ctrlr_data"`
	VS struct {
		Version string `json:"nvme_version"`
	} `json:"vs"`
	NSData struct {
		ID       uint32 `json:"id"`
		ANAState string `json:"ana_state,omitempty" doc:"how well the path leads to the namespace, if the controller reports it"`
		CanShare bool   `json:"can_share"`
	} `json:"ns_data"`
	Security *shownSecurity `json:"security,omitempty"`
}

type shownSecurity struct {
	Opal bool `json:"opal"`
}

type driverSpecific struct {
	NVMe     []shownNS `json:"nvme"`
	MPPolicy string    `json:"mp_policy"`
	Selector string    `json:"selector,omitempty"`
	RRMinIO  uint32    `json:"rr_min_io,omitempty"`
}

// DriverSpecific is what bdev_get_bdevs tells of the device.
func (d *Disk) DriverSpecific() any {
	policy := d.policy.Load()
	s := driverSpecific{NVMe: []shownNS{}}
	s.MPPolicy, s.Selector = policy.names()
	switch {
	case !policy.ActiveActive:
		s.Selector = ""
	case !policy.QueueDepth:
		s.RRMinIO = policy.MinIO
	}
	for _, n := range d.listPaths() {
		s.NVMe = append(s.NVMe, n.show())
	}
	return s
}

func (n *nvmeNS) show() (s shownNS) {
	hc := n.c.last.Load()
	id := hc.Identify()
	s.Cuse = n.c.cuse.device(n.id)
	s.Trid = showTrid(n.c.address().trid)
	if n.c.local() {
		s.PCIAddress = n.c.cfg.Trid.Traddr
	}
	bit := func(b uint16) uint32 {
		if id.OACS&b != 0 {
			return 1
		}
		return 0
	}
	d := &s.CtrlrData
	d.Cntlid, d.VendorID = id.CNTLID, fmt.Sprintf("0x%04x", id.VID)
	d.Model, d.Serial, d.Firmware, d.Subnqn = text(id.MN[:]), text(id.SN[:]), text(id.FR[:]), text(id.SUBNQN[:])
	d.OACS.Security, d.OACS.Format = bit(spec.OACSSecurity), bit(spec.OACSFormat)
	d.OACS.Firmware, d.OACS.NSManage = bit(spec.OACSFirmware), bit(spec.OACSNamespaceManagement)
	d.MultiCtrlr, d.ANAReporting = id.CMIC&spec.CMICMultipleControllers != 0, id.CMIC&spec.CMICANAReporting != 0
	s.VS.Version = hc.Version().String()
	s.NSData.ID = n.id
	if a := n.ana.Load(); a != nil && a.state != 0 {
		s.NSData.ANAState = a.state.String()
	}
	if data := n.ns.Load().Data(); data != nil {
		s.NSData.CanShare = data.NMIC&1 != 0
	}
	if bit(spec.OACSSecurity) != 0 {
		s.Security = &shownSecurity{Opal: n.c.opal.Load()}
	}
	return s
}

// text is what a field with padding says.
func text(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return strings.TrimSpace(s)
}
