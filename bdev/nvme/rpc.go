// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gospdk/gospdk/dif"
	spec "github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/rpc"
)

// RegisterRPC adds the methods of the module.
func (m *Module) RegisterRPC(r *rpc.Registry) {
	rpc.Register(r, "bdev_nvme_set_options", m.rpcSetOptions, rpc.Always(),
		rpc.Doc("Sets options of NVMe controllers. Those that are left out stay as they are. No controller may be attached."))
	rpc.Register(r, "bdev_nvme_set_hotplug", m.rpcSetHotplug,
		rpc.Doc("Switches the monitor on or off that attaches PCIe controllers as they appear."))
	rpc.Register(r, "bdev_nvme_attach_controller", m.rpcAttach, rpc.Concurrent(),
		rpc.Doc("Connects to an NVMe controller and makes a block device of each of its namespaces."),
		rpc.Returns("the names of the block devices"))
	rpc.Register(r, "bdev_nvme_get_controllers", m.rpcControllers,
		rpc.Doc("Describes NVMe controllers."), rpc.Returns("an array with an object for each name"))
	rpc.Register(r, "bdev_nvme_detach_controller", m.rpcDetach, rpc.Concurrent(),
		rpc.Doc("Removes the block devices of an NVMe controller, or of one path to it, and disconnects."))
	m.registerOps(r)
	m.registerPaths(r)
	m.registerDiscovery(r)
	m.registerCommands(r)
	m.registerOpal(r)
	m.registerCuse(r)
}

// answer makes an error one of a method: with the code of its errno, and
// SPDK's words before its own.
func answer(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*spoken](err); ok && e.Error() == err.Error() {
		return rpc.Errorf(-int(e.errno), "%s", e.text)
	}
	errno := syscall.EIO
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		errno = e
	}
	words := rpc.Strerror(errno)
	detail := strings.TrimSuffix(err.Error(), ": "+strings.ToLower(words))
	return rpc.Errorf(-int(errno), "%s: %s", words, detail)
}

// pathParams name a path.
type pathParams struct {
	Trtype    string `json:"trtype,omitempty" doc:"type of the transport: PCIe, VFIOUSER or TCP"`
	Adrfam    string `json:"adrfam,omitempty" doc:"family of the address: IPv4 or IPv6"`
	Traddr    string `json:"traddr,omitempty" doc:"address: of a PCI function, a folder with a vfio-user socket, or an IP address"`
	Trsvcid   string `json:"trsvcid,omitempty" doc:"port"`
	Subnqn    string `json:"subnqn,omitempty" doc:"NQN of the subsystem"`
	Hostaddr  string `json:"hostaddr,omitempty" doc:"address to connect from"`
	Hostsvcid string `json:"hostsvcid,omitempty" doc:"port to connect from"`
}

type multipathParams struct {
	Policy   string `json:"policy" default:"active_passive" enum:"active_passive,active_active" doc:"use one path at a time, or all"`
	Selector string `json:"selector" default:"round_robin" enum:"round_robin,queue_depth" doc:"how active_active chooses a path"`
	MinIO    uint32 `json:"min_io" default:"1" doc:"IO before round_robin takes the next path"`
}

type attachParams struct {
	Name             string           `json:"name" rpc:"required" doc:"name of the controller; the devices are NAMEn1, NAMEn2, …"`
	Trtype           string           `json:"trtype" rpc:"required" doc:"type of the transport: PCIe, VFIOUSER or TCP"`
	Traddr           string           `json:"traddr" rpc:"required" doc:"address: of a PCI function, a folder with a vfio-user socket, or an IP address"`
	Adrfam           string           `json:"adrfam" doc:"family of the address: IPv4 or IPv6"`
	Trsvcid          string           `json:"trsvcid" doc:"port"`
	Priority         string           `json:"priority" doc:"priority of the connection, a number"`
	Subnqn           string           `json:"subnqn" doc:"NQN of the subsystem"`
	Hostnqn          string           `json:"hostnqn" doc:"NQN of this host; made up if it is left out"`
	Hostaddr         string           `json:"hostaddr" doc:"address to connect from"`
	Hostsvcid        string           `json:"hostsvcid" doc:"port to connect from"`
	PrchkReftag      bool             `json:"prchk_reftag" doc:"have the controller check reference tags"`
	PrchkGuard       bool             `json:"prchk_guard" doc:"have the controller check guards"`
	Hdgst            bool             `json:"hdgst" doc:"checksums of headers"`
	Ddgst            bool             `json:"ddgst" doc:"checksums of data"`
	ConnectTimeoutUs uint64           `json:"fabrics_connect_timeout_us" default:"10000000" doc:"how long a queue may take to connect, in µs"`
	Multipath        string           `json:"multipath" default:"multipath" enum:"failover,multipath,disable" doc:"what a second controller of the same name is"`
	NumIOQueues      uint32           `json:"num_io_queues" default:"1024" doc:"I/O queues to ask for, 1 to 65536"`
	LossTimeout      *int32           `json:"ctrlr_loss_timeout_sec" doc:"how long to try to connect again before the devices are removed, in s: -1 for ever, 0 not at all (default: that of bdev_nvme_set_options)"`
	ReconnectDelay   *uint32          `json:"reconnect_delay_sec" doc:"time between two attempts, in s (default: likewise)"`
	FastIOFail       *uint32          `json:"fast_io_fail_timeout_sec" doc:"after how long IO fails instead of waiting, in s, 0 for never (default: likewise)"`
	PSK              string           `json:"psk" doc:"name of the key for TLS"`
	MaxBdevs         uint32           `json:"max_bdevs" default:"128" doc:"how many names the answer may have"`
	DHCHAPKey        string           `json:"dhchap_key" doc:"name of the key that authenticates this host"`
	DHCHAPCtrlrKey   string           `json:"dhchap_ctrlr_key" doc:"name of the key that authenticates the controller"`
	AllowUnknownCSI  bool             `json:"allow_unrecognized_csi" doc:"make devices for passthrough of namespaces with an unknown command set"`
	MultipathOpts    *multipathParams `json:"multipath_opts" doc:"how several paths are used"`
	DisableSQFlow    bool             `json:"disable_sq_flow_control" doc:"connect without submission queue flow control"`
}

func (m *Module) rpcAttach(ctx context.Context, p attachParams) ([]string, error) {
	cfg, err := m.config(&p)
	if err != nil {
		return nil, answer(err)
	}
	names, err := m.Attach(ctx, cfg)
	if err != nil {
		return nil, answer(err)
	}
	if len(names) > int(p.MaxBdevs) {
		return nil, answer(fmt.Errorf("controller %s has %d block devices, max_bdevs is %d; they are attached, and bdev_get_bdevs lists them: %w", p.Name, len(names), p.MaxBdevs, syscall.ERANGE))
	}
	if names == nil {
		names = []string{}
	}
	return names, nil
}

// config is what the parameters say.
func (m *Module) config(p *attachParams) (cfg CtrlrConfig, err error) {
	switch {
	case p.MaxBdevs == 0:
		return cfg, fmt.Errorf("max_bdevs cannot be zero: %w", syscall.EINVAL)
	case p.NumIOQueues == 0 || p.NumIOQueues > 1<<16:
		return cfg, fmt.Errorf("num_io_queues %d out of bounds, min: 1 max: %d: %w", p.NumIOQueues, 1<<16, syscall.EINVAL)
	}
	o := m.Options()
	cfg = CtrlrConfig{
		Name: p.Name, Reconnect: o.Reconnect, AllowUnknownCSI: p.AllowUnknownCSI, Multipath: p.Multipath,
		Policy: o.Multipath, Keys: Keys{p.DHCHAPKey, p.DHCHAPCtrlrKey, p.PSK},
		Host: host.Options{
			HostNQN: p.Hostnqn, SrcAddr: p.Hostaddr, SrcSvcid: p.Hostsvcid, HeaderDigest: p.Hdgst, DataDigest: p.Ddgst,
			ConnectTimeout: time.Duration(min(p.ConnectTimeoutUs, 1<<40)) * time.Microsecond, NumIOQueues: p.NumIOQueues,
			DisableSQFlowControl: p.DisableSQFlow,
		},
	}
	if q := p.MultipathOpts; q != nil {
		if cfg.Policy, err = newPolicy(q.Policy, q.Selector, q.MinIO); err != nil {
			return cfg, err
		}
	}
	given(&cfg.Reconnect.LossTimeout, p.LossTimeout)
	given(&cfg.Reconnect.Delay, p.ReconnectDelay)
	given(&cfg.Reconnect.FastIOFail, p.FastIOFail)
	if p.PrchkReftag {
		cfg.DIFCheck |= dif.RefTag
	}
	if p.PrchkGuard {
		cfg.DIFCheck |= dif.Guard
	}
	path := pathParams{p.Trtype, p.Adrfam, p.Traddr, p.Trsvcid, p.Subnqn, p.Hostaddr, p.Hostsvcid}
	cfg.Trid, err = path.trid()
	if err == nil && p.Priority != "" {
		if cfg.Trid.Priority, err = strconv.Atoi(p.Priority); err != nil {
			err = fmt.Errorf("priority %q: it must be a number: %w", p.Priority, syscall.EINVAL)
		}
	}
	return cfg, err
}

// given changes *to if there is something else.
func given[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// Lengths that the specification allows.
const (
	maxTraddr  = 256
	maxTrsvcid = 32
	maxNQN     = 223
)

func (p *pathParams) trid() (id spec.TransportID, err error) {
	for _, f := range []struct {
		name, value string
		limit       int
	}{{"traddr", p.Traddr, maxTraddr}, {"trsvcid", p.Trsvcid, maxTrsvcid}, {"subnqn", p.Subnqn, maxNQN},
		{"hostaddr", p.Hostaddr, maxTraddr}, {"hostsvcid", p.Hostsvcid, maxTrsvcid}} {
		if len(f.value) > f.limit {
			return id, fmt.Errorf("%s too long: %s (%d bytes; at most %d are allowed): %w", f.name, f.value, len(f.value), f.limit, syscall.EINVAL)
		}
	}
	id = spec.TransportID{Traddr: p.Traddr, Trsvcid: p.Trsvcid, Subnqn: p.Subnqn}
	if p.Trtype != "" {
		if id.Trtype, err = spec.ParseTransportType(p.Trtype); err != nil {
			return id, say(syscall.EINVAL, "Failed to parse trtype: %s: %v", p.Trtype, err)
		}
	}
	if p.Adrfam != "" {
		if id.Adrfam, err = spec.ParseAddressFamily(p.Adrfam); err != nil {
			return id, say(syscall.EINVAL, "Failed to parse adrfam: %s: %v", p.Adrfam, err)
		}
	}
	return id, nil
}

type detachParams struct {
	Name      string `json:"name" rpc:"required" doc:"name of the controller"`
	Trtype    string `json:"trtype" doc:"of the path to detach: type of its transport; all paths if nothing is said of the path"`
	Traddr    string `json:"traddr" doc:"its address"`
	Adrfam    string `json:"adrfam" doc:"family of the address"`
	Trsvcid   string `json:"trsvcid" doc:"its port"`
	Subnqn    string `json:"subnqn" doc:"NQN of the subsystem"`
	Hostaddr  string `json:"hostaddr" doc:"address that it is connected from"`
	Hostsvcid string `json:"hostsvcid" doc:"port that it is connected from"`
}

func (m *Module) rpcDetach(ctx context.Context, p detachParams) (rpc.True, error) {
	path := pathParams{p.Trtype, p.Adrfam, p.Traddr, p.Trsvcid, p.Subnqn, p.Hostaddr, p.Hostsvcid}
	want, err := path.trid()
	if err != nil {
		return false, answer(err)
	}
	err = m.Detach(ctx, p.Name, func(have spec.TransportID, srcAddr, srcSvcid string) bool {
		same := func(want, have string) bool { return want == "" || want == have }
		return (p.Trtype == "" || want.Trtype == have.Trtype) && (p.Adrfam == "" || want.Adrfam == have.Adrfam) &&
			same(p.Traddr, have.Traddr) && same(p.Trsvcid, have.Trsvcid) && same(p.Subnqn, have.Subnqn) &&
			same(p.Hostaddr, srcAddr) && same(p.Hostsvcid, srcSvcid)
	})
	return err == nil, answer(err)
}

type nameParams struct {
	Name string `json:"name" rpc:"required" doc:"name of the controller"`
}

type controllersParams struct {
	Name *string `json:"name" doc:"name of the controller; all if it is left out"`
}
