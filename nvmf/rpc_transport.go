// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"context"
	"errors"
	"slices"
	"syscall"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/rpc"
)

func (t *Target) registerTransports(r *rpc.Registry) {
	rpc.Register(r, "nvmf_create_transport", t.rpcCreateTransport,
		rpc.Doc("Makes a transport. A target has at most one of each type. Options that its type has no use for are kept and shown."))
	rpc.Register(r, "nvmf_get_transports", t.rpcGetTransports,
		rpc.Doc("Lists the transports with their options, or one."))
}

type createTransportParams struct {
	Trtype string `json:"trtype" rpc:"required" doc:"type of the transport, such as VFIOUSER"`
	ofTarget
	MaxQueueDepth     *uint16  `json:"max_queue_depth" doc:"entries of the largest queue (VFIOUSER: 256)"`
	MaxIOQueues       *uint16  `json:"max_io_qpairs_per_ctrlr" doc:"I/O queues of a controller (VFIOUSER: 127, at most 511)"`
	InCapsule         *uint32  `json:"in_capsule_data_size" doc:"bytes of data that a command brings with it; not for VFIOUSER"`
	MaxIOSize         *uint32  `json:"max_io_size" doc:"bytes that a command moves at most, a power of two of at least 8192 (VFIOUSER: 131072, at most 1048576; TCP: 131072, at most 2097152)"`
	IOUnitSize        *uint32  `json:"io_unit_size" doc:"deprecated, without effect"`
	MaxAQDepth        *uint32  `json:"max_aq_depth" doc:"entries of the admin queue, at least 32"`
	SharedBuffers     *uint32  `json:"num_shared_buffers" doc:"deprecated, without effect"`
	BufCache          *uint32  `json:"buf_cache_size" doc:"deprecated: iobuf_small_cache_size"`
	SmallCache        *uint32  `json:"iobuf_small_cache_size" doc:"small buffers that a thread keeps for the transport; not for VFIOUSER"`
	LargeCache        *uint32  `json:"iobuf_large_cache_size" doc:"large buffers that a thread keeps for the transport; not for VFIOUSER"`
	ZeroCopy          *bool    `json:"zcopy" doc:"SPDK's way to spare a copy; VFIOUSER makes none"`
	NumCQE            *int32   `json:"num_cqe" doc:"RDMA only"`
	MaxSRQDepth       *uint32  `json:"max_srq_depth" doc:"RDMA only"`
	NoSRQ             *bool    `json:"no_srq" doc:"RDMA only"`
	C2HSuccess        *bool    `json:"c2h_success" doc:"TCP only: end reads with the last data"`
	DIFInsertOrStrip  *bool    `json:"dif_insert_or_strip" doc:"hide the metadata of devices from hosts: protection information is added to what is written, and checked in what is read"`
	SockPriority      *uint32  `json:"sock_priority" doc:"TCP only: priority of connections"`
	AcceptorBacklog   *int32   `json:"acceptor_backlog" doc:"RDMA only"`
	AbortTimeout      *uint32  `json:"abort_timeout_sec" doc:"seconds that Abort waits for a command"`
	NoWRBatching      *bool    `json:"no_wr_batching" doc:"RDMA only"`
	ControlMsgNum     *uint16  `json:"control_msg_num" doc:"TCP only: buffers for commands with data larger than the capsule takes"`
	NoMappableBAR0    *bool    `json:"disable_mappable_bar0" doc:"VFIOUSER only: doorbells by message only, which wakes a sleeping target for QEMU guests at once; SPDK's host cannot work without mapped ones"`
	NoAdaptiveIRQ     *bool    `json:"disable_adaptive_irq" doc:"VFIOUSER only, without effect"`
	NoShadowDoorbells *bool    `json:"disable_shadow_doorbells" doc:"VFIOUSER only: leave out Doorbell Buffer Config"`
	MSI               *bool    `json:"msi" doc:"VFIOUSER only, not in SPDK: MSI in place of MSI-X, with which QEMU can unplug the controller"`
	AcceptorPollRate  *uint32  `json:"acceptor_poll_rate" doc:"microseconds; without effect, connections are waited for"`
	AckTimeout        *uint32  `json:"ack_timeout" doc:"milliseconds until a connection without acknowledgements ends; not for VFIOUSER"`
	DataWRPoolSize    *uint32  `json:"data_wr_pool_size" doc:"RDMA only"`
	NoPassthru        *bool    `json:"disable_command_passthru" doc:"keep I/O commands that the target does not know, and Identify Namespace, from NVMe devices below"`
	KAS               *uint16  `json:"kas" doc:"granularity of the keep alive timer in units of 100 ms, at least 1 (default 100)"`
	MinKATO           *uint32  `json:"min_kato" doc:"shortest keep alive timeout in milliseconds, rounded up to a multiple of the granularity (default 10000)"`
	MaskedONCS        []string `json:"masked_oncs" enum:"all,nvmcmps,nvmdsmsv,nvmwzsv,reservs,nvmcpys" doc:"optional commands to leave out: Compare, Dataset Management, Write Zeroes, reservations, Copy"`
	MaskedFUSES       []string `json:"masked_fuses" enum:"all,fcws" doc:"fused commands to leave out: Compare and Write"`
}

// oncsBits are the names of commands that can be masked.
var oncsBits = []struct {
	name string
	bit  uint16
}{
	{"nvmcmps", nvme.ONCSCompare},
	{"nvmdsmsv", nvme.ONCSDatasetManagement},
	{"nvmwzsv", nvme.ONCSWriteZeroes},
	{"reservs", nvme.ONCSReservations},
	{"nvmcpys", nvme.ONCSCopy},
}

func maskOf(names []string) (mask uint16) {
	for _, b := range oncsBits {
		if slices.Contains(names, b.name) || slices.Contains(names, "all") {
			mask |= b.bit
		}
	}
	return mask
}

func give[T any](to *T, param *T) {
	if param != nil {
		*to = *param
	}
}

// apply changes the options that are given.
func (p *createTransportParams) apply(o *TransportOptions) {
	give(&o.MaxQueueDepth, p.MaxQueueDepth)
	give(&o.MaxIOQueues, p.MaxIOQueues)
	give(&o.InCapsuleDataSize, p.InCapsule)
	give(&o.MaxIOSize, p.MaxIOSize)
	give(&o.MaxAQDepth, p.MaxAQDepth)
	give(&o.IobufSmallCache, p.SmallCache)
	if p.BufCache != nil && *p.BufCache != 0 {
		o.IobufSmallCache = *p.BufCache
	}
	give(&o.IobufLargeCache, p.LargeCache)
	give(&o.ZeroCopy, p.ZeroCopy)
	give(&o.DIFInsertOrStrip, p.DIFInsertOrStrip)
	give(&o.AbortTimeoutSec, p.AbortTimeout)
	give(&o.AcceptorPollRate, p.AcceptorPollRate)
	give(&o.AckTimeout, p.AckTimeout)
	give(&o.DataWRPoolSize, p.DataWRPoolSize)
	give(&o.NoCommandPassthrough, p.NoPassthru)
	give(&o.KAS, p.KAS)
	give(&o.MinKATO, p.MinKATO)
	give(&o.ControlMsgNum, p.ControlMsgNum)
	if o.C2HSuccess != nil && p.C2HSuccess != nil {
		o.C2HSuccess = p.C2HSuccess
	}
	if o.SockPriority != nil && p.SockPriority != nil {
		o.SockPriority = p.SockPriority
	}
	give(&o.NoMappableBAR0, p.NoMappableBAR0)
	give(&o.NoAdaptiveIRQ, p.NoAdaptiveIRQ)
	give(&o.NoShadowDoorbells, p.NoShadowDoorbells)
	give(&o.MSI, p.MSI)
	o.MaskedONCS = maskOf(p.MaskedONCS)
	if len(p.MaskedFUSES) > 0 {
		o.MaskedFUSES = nvme.FUSESCompareWrite
	}
}

func (t *Target) rpcCreateTransport(ctx context.Context, p createTransportParams) (rpc.True, error) {
	t, err := t.chosen(p.ofTarget)
	if err != nil {
		return false, err
	}
	typ, err := nvme.ParseTransportType(p.Trtype)
	if err != nil || t.module(typ) == nil {
		return false, rpc.Errorf(rpc.InvalidParams, "Invalid transport type '%s': trtype must be one of %s", p.Trtype, t.typeNames())
	}
	switch err := t.OpenTransport(ctx, typ, p.apply); {
	case errors.Is(err, syscall.EEXIST):
		return false, rpc.Errorf(rpc.InternalError, "Transport type '%s' already exists", p.Trtype)
	case err != nil:
		return false, rpc.Errorf(rpc.InternalError, "Transport type '%s' create failed: %v", p.Trtype, err)
	}
	return true, nil
}

// typeNames lists the types that there are modules for.
func (t *Target) typeNames() (names []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range t.modules {
		names = append(names, m.Type().String())
	}
	return names
}

// transportEntry is a transport as it is shown and saved, in SPDK's order.
// What SPDK does not save comes last, when it is set.
type transportEntry struct {
	Trtype            string   `json:"trtype"`
	MaxQueueDepth     uint16   `json:"max_queue_depth"`
	MaxIOQueues       uint16   `json:"max_io_qpairs_per_ctrlr"`
	InCapsule         uint32   `json:"in_capsule_data_size"`
	MaxIOSize         uint32   `json:"max_io_size" doc:"bytes"`
	MaxAQDepth        uint32   `json:"max_aq_depth"`
	SmallCache        uint32   `json:"iobuf_small_cache_size"`
	LargeCache        uint32   `json:"iobuf_large_cache_size"`
	DIFInsertOrStrip  bool     `json:"dif_insert_or_strip"`
	ZeroCopy          bool     `json:"zcopy"`
	C2HSuccess        *bool    `json:"c2h_success,omitempty" doc:"of TCP"`
	SockPriority      *uint32  `json:"sock_priority,omitempty" doc:"of TCP"`
	AbortTimeout      uint32   `json:"abort_timeout_sec"`
	AckTimeout        uint32   `json:"ack_timeout"`
	DataWRPoolSize    uint32   `json:"data_wr_pool_size"`
	NoPassthru        bool     `json:"disable_command_passthru"`
	KAS               uint16   `json:"kas"`
	MinKATO           uint32   `json:"min_kato"`
	NoMappableBAR0    bool     `json:"disable_mappable_bar0,omitempty" doc:"if it is set, as those that follow"`
	NoAdaptiveIRQ     bool     `json:"disable_adaptive_irq,omitempty"`
	NoShadowDoorbells bool     `json:"disable_shadow_doorbells,omitempty"`
	MSI               bool     `json:"msi,omitempty"`
	MaskedONCS        []string `json:"masked_oncs,omitempty"`
	MaskedFUSES       []string `json:"masked_fuses,omitempty"`
}

func (tr *ActiveTransport) entry() transportEntry {
	o := &tr.Options
	e := transportEntry{
		Trtype: tr.Type.String(), MaxQueueDepth: o.MaxQueueDepth, MaxIOQueues: o.MaxIOQueues, InCapsule: o.InCapsuleDataSize,
		MaxIOSize: o.MaxIOSize, MaxAQDepth: o.MaxAQDepth, SmallCache: o.IobufSmallCache, LargeCache: o.IobufLargeCache,
		DIFInsertOrStrip: o.DIFInsertOrStrip, ZeroCopy: o.ZeroCopy, C2HSuccess: o.C2HSuccess, SockPriority: o.SockPriority,
		AbortTimeout: o.AbortTimeoutSec, AckTimeout: o.AckTimeout, DataWRPoolSize: o.DataWRPoolSize, NoPassthru: o.NoCommandPassthrough,
		KAS: o.KAS, MinKATO: o.MinKATO,
		NoMappableBAR0: o.NoMappableBAR0, NoAdaptiveIRQ: o.NoAdaptiveIRQ, NoShadowDoorbells: o.NoShadowDoorbells, MSI: o.MSI,
	}
	for _, b := range oncsBits {
		if o.MaskedONCS&b.bit != 0 {
			e.MaskedONCS = append(e.MaskedONCS, b.name)
		}
	}
	if o.MaskedFUSES != 0 {
		e.MaskedFUSES = []string{"fcws"}
	}
	return e
}

type getTransportsParams struct {
	ofTarget
	Trtype *string `json:"trtype" doc:"type of the transport; all if it is left out"`
}

func (t *Target) rpcGetTransports(_ context.Context, p getTransportsParams) ([]transportEntry, error) {
	t, err := t.chosen(p.ofTarget)
	if err != nil {
		return nil, err
	}
	entries := []transportEntry{}
	for _, tr := range t.Transports() {
		if typ, err := wanted(p.Trtype); err == nil && (p.Trtype == nil || typ == tr.Type) {
			entries = append(entries, tr.entry())
		}
	}
	if p.Trtype != nil && len(entries) == 0 {
		return nil, rpc.Errorf(-int(syscall.ENODEV), "%s: there is no transport of type '%s'", rpc.Strerror(syscall.ENODEV), *p.Trtype)
	}
	return entries, nil
}

func wanted(trtype *string) (nvme.TransportType, error) {
	if trtype == nil {
		return 0, nil
	}
	return nvme.ParseTransportType(*trtype)
}
