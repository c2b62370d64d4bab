// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/gospdk/gospdk/dif"
	"github.com/gospdk/gospdk/rpc"
)

// multipathOptionParams are parts of multipathParams.
type multipathOptionParams struct {
	Policy   *string `json:"policy,omitempty" enum:"active_passive,active_active" doc:"use one path at a time, or all"`
	Selector *string `json:"selector,omitempty" enum:"round_robin,queue_depth" doc:"how active_active chooses a path"`
	MinIO    *uint32 `json:"min_io,omitempty" doc:"IO before round_robin takes the next path"`
}

// optionParams are in the order in which SPDK saves them.
type optionParams struct {
	ActionOnTimeout      *string                `json:"action_on_timeout" enum:"none,reset,abort" doc:"what is done about a command that takes longer than timeout_us"`
	TimeoutUs            *uint64                `json:"timeout_us" doc:"time that an I/O command may take, in µs, 0 for any"`
	TimeoutAdminUs       *uint64                `json:"timeout_admin_us" doc:"time that an admin command may take, in µs, 0 for any"`
	KeepAliveMs          *uint32                `json:"keep_alive_timeout_ms" doc:"how long the controller waits for a sign of life, in ms, 0 for ever"`
	ArbitrationBurst     *uint32                `json:"arbitration_burst" doc:"commands of a queue at a time, a power of two, 7 for no limit"`
	LowPriorityWeight    *uint32                `json:"low_priority_weight" doc:"commands of queues of low priority at a time"`
	MediumPriorityWeight *uint32                `json:"medium_priority_weight" doc:"… of medium priority"`
	HighPriorityWeight   *uint32                `json:"high_priority_weight" doc:"… of high priority"`
	AdminqPollUs         *uint64                `json:"nvme_adminq_poll_period_us" doc:"how often the admin queue is polled, in µs"`
	IoqPollUs            *uint64                `json:"nvme_ioq_poll_period_us" doc:"how often I/O queues are polled, in µs, 0 for always"`
	IOQueueRequests      *uint32                `json:"io_queue_requests" doc:"requests of an I/O queue; half of it bounds the pieces of memory of one IO"`
	DelayCmdSubmit       *bool                  `json:"delay_cmd_submit" doc:"ring the doorbell once for all commands of a round"`
	TransportRetryCount  *uint32                `json:"transport_retry_count" doc:"how often the driver sends a command again"`
	BdevRetryCount       *int32                 `json:"bdev_retry_count" doc:"how often an IO is tried again, -1 without end"`
	TransportAckTimeout  *uint8                 `json:"transport_ack_timeout" doc:"how long what was sent over TCP may stay without an acknowledgement: 2 to this power, in ms; 0 for the machine's minutes"`
	LossTimeout          *int32                 `json:"ctrlr_loss_timeout_sec" doc:"how long to try to connect again before the devices are removed, in s: -1 for ever, 0 not at all"`
	ReconnectDelay       *uint32                `json:"reconnect_delay_sec" doc:"time between two attempts, in s"`
	FastIOFail           *uint32                `json:"fast_io_fail_timeout_sec" doc:"after how long IO fails instead of waiting, in s, 0 for never"`
	DisableAutoFailback  *bool                  `json:"disable_auto_failback" doc:"stay on a path when a better one comes back"`
	GenerateUUIDs        *bool                  `json:"generate_uuids" doc:"make UUIDs of serial number and namespace for namespaces without"`
	TransportTOS         *uint8                 `json:"transport_tos" doc:"accepted; it is for RDMA"`
	ErrorStat            *bool                  `json:"nvme_error_stat" doc:"accepted"`
	RDMASRQSize          *uint32                `json:"rdma_srq_size" doc:"accepted; it is for RDMA"`
	IOPathStat           *bool                  `json:"io_path_stat" doc:"count IO of each path"`
	AllowAccelSequence   *bool                  `json:"allow_accel_sequence" doc:"accepted"`
	RDMAMaxCQSize        *uint32                `json:"rdma_max_cq_size" doc:"accepted; it is for RDMA"`
	RDMACMEventTimeout   *uint16                `json:"rdma_cm_event_timeout_ms" doc:"accepted; it is for RDMA"`
	DHCHAPDigests        *[]string              `json:"dhchap_digests" doc:"hashes that authentication may use: sha256, sha384, sha512"`
	DHCHAPGroups         *[]string              `json:"dhchap_dhgroups" doc:"groups that it may use: null, ffdhe2048 to ffdhe8192"`
	RDMAUMRPerIO         *bool                  `json:"rdma_umr_per_io" doc:"accepted; it is for RDMA"`
	TCPConnectTimeoutMs  *uint32                `json:"tcp_connect_timeout_ms" doc:"accepted; fabrics_connect_timeout_us bounds the connection"`
	EnableFlush          *bool                  `json:"enable_flush" doc:"hand flushes to controllers with a volatile write cache"`
	MultipathOpts        *multipathOptionParams `json:"multipath_opts" doc:"how several paths are used"`
}

func (m *Module) rpcSetOptions(_ context.Context, p optionParams) (rpc.True, error) {
	o := m.Options()
	if err := p.apply(&o); err != nil {
		return false, answer(err)
	}
	err := m.SetOptions(o)
	if errors.Is(err, errAttached) {
		return false, rpc.Errorf(-int(syscall.EPERM), "RPC not permitted with nvme controllers already attached")
	}
	return err == nil, answer(err)
}

// apply changes what is given.
func (p *optionParams) apply(o *Options) error {
	micros := func(to *time.Duration, from *uint64) {
		if from != nil {
			*to = time.Duration(min(*from, 1<<50)) * time.Microsecond
		}
	}
	given(&o.ActionOnTimeout, p.ActionOnTimeout)
	micros(&o.Timeout, p.TimeoutUs)
	micros(&o.AdminTimeout, p.TimeoutAdminUs)
	micros(&o.AdminPollPeriod, p.AdminqPollUs)
	micros(&o.IOPollPeriod, p.IoqPollUs)
	if p.KeepAliveMs != nil {
		o.KeepAlive = time.Duration(*p.KeepAliveMs) * time.Millisecond
	}
	for _, f := range []struct {
		name string
		to   *uint32
		from *uint32
		most uint32
	}{
		{"arbitration_burst", &o.ArbitrationBurst, p.ArbitrationBurst, 7},
		{"low_priority_weight", &o.LowPriorityWeight, p.LowPriorityWeight, 255},
		{"medium_priority_weight", &o.MediumPriorityWeight, p.MediumPriorityWeight, 255},
		{"high_priority_weight", &o.HighPriorityWeight, p.HighPriorityWeight, 255},
	} {
		if f.from != nil && *f.from > f.most {
			return fmt.Errorf("%s %d: it must be 0 to %d: %w", f.name, *f.from, f.most, syscall.EINVAL)
		}
		given(f.to, f.from)
	}
	given(&o.IOQueueRequests, p.IOQueueRequests)
	given(&o.DelayCmdSubmit, p.DelayCmdSubmit)
	given(&o.TransportRetryCount, p.TransportRetryCount)
	given(&o.BdevRetryCount, p.BdevRetryCount)
	given(&o.TransportAckTimeout, p.TransportAckTimeout)
	given(&o.Reconnect.LossTimeout, p.LossTimeout)
	given(&o.Reconnect.Delay, p.ReconnectDelay)
	given(&o.Reconnect.FastIOFail, p.FastIOFail)
	given(&o.DisableAutoFailback, p.DisableAutoFailback)
	given(&o.GenerateUUIDs, p.GenerateUUIDs)
	given(&o.TransportTOS, p.TransportTOS)
	given(&o.ErrorStat, p.ErrorStat)
	given(&o.RDMASRQSize, p.RDMASRQSize)
	given(&o.IOPathStat, p.IOPathStat)
	given(&o.AllowAccelSequence, p.AllowAccelSequence)
	given(&o.RDMAMaxCQSize, p.RDMAMaxCQSize)
	given(&o.RDMACMEventTimeoutMs, p.RDMACMEventTimeout)
	given(&o.RDMAUMRPerIO, p.RDMAUMRPerIO)
	given(&o.TCPConnectTimeoutMs, p.TCPConnectTimeoutMs)
	given(&o.EnableFlush, p.EnableFlush)
	if q := p.MultipathOpts; q != nil {
		policy, selector := o.Multipath.names()
		given(&policy, q.Policy)
		given(&selector, q.Selector)
		minIO := o.Multipath.MinIO
		given(&minIO, q.MinIO)
		multipath, err := newPolicy(policy, selector, minIO)
		if err != nil {
			return err
		}
		o.Multipath = multipath
	}
	return errors.Join(choose("dhchap_digests", &o.DHCHAPDigests, p.DHCHAPDigests, dhchapDigests),
		choose("dhchap_dhgroups", &o.DHCHAPGroups, p.DHCHAPGroups, dhchapGroups))
}

// choose takes words out of those that are known, in their order.
func choose(name string, to, from *[]string, known []string) error {
	if from == nil {
		return nil
	}
	*to = []string{}
	for _, word := range *from {
		if !slices.Contains(known, word) {
			return fmt.Errorf("%s %q: known are %v: %w", name, word, known, syscall.EINVAL)
		}
	}
	for _, word := range known {
		if slices.Contains(*from, word) {
			*to = append(*to, word)
		}
	}
	return nil
}

// params is what sets these options.
func (o *Options) params() optionParams {
	ms, us := uint32(o.KeepAlive.Milliseconds()), func(d time.Duration) *uint64 { n := uint64(d.Microseconds()); return &n }
	return optionParams{
		ActionOnTimeout: &o.ActionOnTimeout, TimeoutUs: us(o.Timeout), TimeoutAdminUs: us(o.AdminTimeout), KeepAliveMs: &ms,
		ArbitrationBurst: &o.ArbitrationBurst, LowPriorityWeight: &o.LowPriorityWeight, MediumPriorityWeight: &o.MediumPriorityWeight,
		HighPriorityWeight: &o.HighPriorityWeight, AdminqPollUs: us(o.AdminPollPeriod), IoqPollUs: us(o.IOPollPeriod),
		IOQueueRequests: &o.IOQueueRequests, DelayCmdSubmit: &o.DelayCmdSubmit, TransportRetryCount: &o.TransportRetryCount,
		BdevRetryCount: &o.BdevRetryCount, TransportAckTimeout: &o.TransportAckTimeout, LossTimeout: &o.Reconnect.LossTimeout,
		ReconnectDelay: &o.Reconnect.Delay, FastIOFail: &o.Reconnect.FastIOFail, DisableAutoFailback: &o.DisableAutoFailback,
		GenerateUUIDs: &o.GenerateUUIDs, TransportTOS: &o.TransportTOS, ErrorStat: &o.ErrorStat, RDMASRQSize: &o.RDMASRQSize,
		IOPathStat: &o.IOPathStat, AllowAccelSequence: &o.AllowAccelSequence, RDMAMaxCQSize: &o.RDMAMaxCQSize,
		RDMACMEventTimeout: &o.RDMACMEventTimeoutMs, DHCHAPDigests: &o.DHCHAPDigests, DHCHAPGroups: &o.DHCHAPGroups,
		RDMAUMRPerIO: &o.RDMAUMRPerIO, TCPConnectTimeoutMs: &o.TCPConnectTimeoutMs, EnableFlush: &o.EnableFlush,
		MultipathOpts: o.Multipath.params(),
	}
}

// params is what sets the policy; what means nothing is left out, as by SPDK.
func (p Policy) params() *multipathOptionParams {
	policy, selector := p.names()
	q := &multipathOptionParams{Policy: &policy}
	if p.ActiveActive {
		q.Selector = &selector
		if !p.QueueDepth {
			q.MinIO = &p.MinIO
		}
	}
	return q
}

// savedCtrlr is bdev_nvme_attach_controller in the order in which SPDK saves
// it.
type savedCtrlr struct {
	Name string `json:"name"`
	shownTrid
	PrchkReftag      bool                   `json:"prchk_reftag"`
	PrchkGuard       bool                   `json:"prchk_guard"`
	LossTimeout      int32                  `json:"ctrlr_loss_timeout_sec"`
	ReconnectDelay   uint32                 `json:"reconnect_delay_sec"`
	FastIOFail       uint32                 `json:"fast_io_fail_timeout_sec"`
	PSK              string                 `json:"psk,omitempty"`
	DHCHAPKey        string                 `json:"dhchap_key,omitempty"`
	DHCHAPCtrlrKey   string                 `json:"dhchap_ctrlr_key,omitempty"`
	Hostnqn          string                 `json:"hostnqn,omitempty"`
	Hdgst            bool                   `json:"hdgst"`
	Ddgst            bool                   `json:"ddgst"`
	Hostaddr         string                 `json:"hostaddr,omitempty"`
	Hostsvcid        string                 `json:"hostsvcid,omitempty"`
	Multipath        string                 `json:"multipath,omitempty"`
	ConnectTimeoutUs uint64                 `json:"fabrics_connect_timeout_us"`
	NumIOQueues      uint32                 `json:"num_io_queues"`
	DisableSQFlow    bool                   `json:"disable_sq_flow_control"`
	AllowUnknownCSI  bool                   `json:"allow_unrecognized_csi,omitempty"`
	MultipathOpts    *multipathOptionParams `json:"multipath_opts"`
}

// SaveConfig implements rpc.Saver.
func (m *Module) SaveConfig() []rpc.Call {
	o := m.Options()
	calls := []rpc.Call{{Method: "bdev_nvme_set_options", Params: o.params()}}
	for _, c := range m.all() {
		if c.origin != byUser || c.getState() == stateDeleting {
			continue
		}
		for _, a := range c.listAddresses() {
			calls = append(calls, rpc.Call{Method: "bdev_nvme_attach_controller", Params: c.saved(a)})
		}
	}
	calls = append(calls, m.savedPolicies()...)
	calls = append(calls, m.savedDiscoveries()...)
	calls = append(calls, m.savedMDNS()...)
	return append(calls, m.savedHotplug())
}

// saved is what attaches the controller again at an address.
func (c *ctrlr) saved(a address) savedCtrlr {
	g, r, h, k := &c.cfg, c.cfg.Reconnect, &c.cfg.Host, c.keys()
	s := savedCtrlr{
		Name: g.Name, shownTrid: showTrid(a.trid), PrchkReftag: g.DIFCheck&dif.RefTag != 0, PrchkGuard: g.DIFCheck&dif.Guard != 0,
		LossTimeout: r.LossTimeout, ReconnectDelay: r.Delay, FastIOFail: r.FastIOFail, PSK: k.PSK, DHCHAPKey: k.DHCHAP, DHCHAPCtrlrKey: k.DHCHAPCtrlr, Hostnqn: c.hostNQN(), Hdgst: h.HeaderDigest,
		Ddgst: h.DataDigest, Hostaddr: a.srcAddr, Hostsvcid: a.srcSvcid, ConnectTimeoutUs: uint64(h.ConnectTimeout.Microseconds()),
		NumIOQueues: h.NumIOQueues, DisableSQFlow: h.DisableSQFlowControl, AllowUnknownCSI: g.AllowUnknownCSI,
		MultipathOpts: g.Policy.params(),
	}
	if g.Multipath != noMultipathMode {
		s.Multipath = g.Multipath // "failover", too, which SPDK leaves out: it would come back as a path of its own
	}
	return s
}
