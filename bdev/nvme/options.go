// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"fmt"
	"slices"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dif"
	"github.com/gospdk/gospdk/log"
	spec "github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// What is done about a command that takes too long.
const (
	TimeoutNone  = "none"
	TimeoutReset = "reset" // reset the controller
	TimeoutAbort = "abort" // abort the command; if that cannot be, reset
)

// Options are of all controllers. They are set before the first is attached.
type Options struct {
	ActionOnTimeout             string
	Timeout, AdminTimeout       time.Duration // 0 is none
	KeepAlive                   time.Duration
	ArbitrationBurst            uint32
	LowPriorityWeight           uint32
	MediumPriorityWeight        uint32
	HighPriorityWeight          uint32
	AdminPollPeriod             time.Duration // at least 1 µs
	IOPollPeriod                time.Duration // 0 is always
	IOQueueRequests             uint32        // 0 is the driver's choice
	DelayCmdSubmit              bool
	TransportRetryCount         uint32 // of one command by the driver
	BdevRetryCount              int32  // of one IO; -1 is without end
	TransportAckTimeout         uint8  // 2 to that power is a time in ms; 0 is the machine\'s
	Reconnect                   Reconnect
	DisableAutoFailback         bool
	GenerateUUIDs               bool
	TransportTOS                uint8 // accepted, for RDMA
	ErrorStat                   bool
	RDMASRQSize                 uint32 // accepted, as the other RDMA options
	IOPathStat                  bool
	AllowAccelSequence          bool
	RDMAMaxCQSize               uint32
	RDMACMEventTimeoutMs        uint16
	DHCHAPDigests, DHCHAPGroups []string
	RDMAUMRPerIO                bool
	TCPConnectTimeoutMs         uint32
	EnableFlush                 bool
	Multipath                   Policy // of new disks
}

// Reconnect says what becomes of a controller that is lost.
type Reconnect struct {
	// LossTimeout is how many seconds to go on connecting before the devices
	// are removed: -1 for ever, 0 not at all.
	LossTimeout int32
	// Delay is the seconds between two attempts.
	Delay uint32
	// FastIOFail is after how many seconds IO fails instead of waiting; 0 is
	// never.
	FastIOFail uint32
}

var (
	dhchapDigests = []string{"sha256", "sha384", "sha512"}
	dhchapGroups  = []string{"null", "ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192"}
)

// DefaultOptions are those of SPDK.
func DefaultOptions() Options {
	return Options{
		ActionOnTimeout: TimeoutNone, KeepAlive: 10 * time.Second, TransportRetryCount: 4, BdevRetryCount: 3,
		AdminPollPeriod: 10 * time.Millisecond, DelayCmdSubmit: true,
		DHCHAPDigests: slices.Clone(dhchapDigests), DHCHAPGroups: slices.Clone(dhchapGroups),
		Multipath: Policy{MinIO: defaultRRMinIO},
	}
}

func (o *Options) check() error {
	switch {
	case o.Timeout == 0 && o.AdminTimeout != 0:
		return fmt.Errorf("timeout_admin_us %d without timeout_us: set timeout_us too: %w", o.AdminTimeout.Microseconds(), bdev.ErrInvalid)
	case o.BdevRetryCount < -1:
		return fmt.Errorf("bdev_retry_count %d: it must be -1 (without end) or more: %w", o.BdevRetryCount, bdev.ErrInvalid)
	case o.AdminPollPeriod < time.Microsecond:
		return fmt.Errorf("nvme_adminq_poll_period_us %d: it must be 1 or more: %w", o.AdminPollPeriod.Microseconds(), bdev.ErrInvalid)
	}
	for _, limit := range []time.Duration{o.Timeout, o.AdminTimeout} {
		if limit > 0 && o.KeepAlive > limit {
			log.Warnf("keep_alive_timeout_ms %d should be less than the timeout of commands, %v", o.KeepAlive.Milliseconds(), limit)
		}
	}
	return o.Reconnect.check()
}

func (r *Reconnect) check() error {
	bad := func(why string) error {
		return fmt.Errorf("ctrlr_loss_timeout_sec %d, reconnect_delay_sec %d, fast_io_fail_timeout_sec %d: %s: %w",
			r.LossTimeout, r.Delay, r.FastIOFail, why, bdev.ErrInvalid)
	}
	switch {
	case r.LossTimeout < -1:
		return bad("ctrlr_loss_timeout_sec must be -1 (for ever), 0 (never connect again) or more")
	case r.LossTimeout == 0 && (r.Delay != 0 || r.FastIOFail != 0):
		return bad("the others must be 0 if ctrlr_loss_timeout_sec is 0")
	case r.LossTimeout == 0:
		return nil
	case r.Delay == 0:
		return bad("reconnect_delay_sec must be 1 or more if ctrlr_loss_timeout_sec is not 0")
	case r.FastIOFail != 0 && r.FastIOFail < r.Delay:
		return bad("fast_io_fail_timeout_sec must be 0 or at least reconnect_delay_sec")
	case r.LossTimeout > 0 && r.Delay > uint32(r.LossTimeout):
		return bad("reconnect_delay_sec must be at most ctrlr_loss_timeout_sec")
	case r.LossTimeout > 0 && r.FastIOFail > uint32(r.LossTimeout):
		return bad("fast_io_fail_timeout_sec must be at most ctrlr_loss_timeout_sec")
	}
	return nil
}

// CtrlrConfig describes a controller to attach.
type CtrlrConfig struct {
	Name string
	Trid spec.TransportID
	// Host has what is particular to this controller: HostNQN, SrcAddr,
	// SrcSvcid, HeaderDigest, DataDigest, ConnectTimeout, NumIOQueues,
	// DisableSQFlowControl. The rest comes from Options.
	Host host.Options
	// DIFCheck are the checks that the controller makes of protection
	// information, RefTag and Guard.
	DIFCheck  dif.Flags
	Reconnect Reconnect
	Keys      Keys
	// AllowUnknownCSI makes devices, for passthrough only, of namespaces with
	// a command set that is neither NVM nor zoned.
	AllowUnknownCSI bool
	// Multipath says what a second controller of the name is: "multipath",
	// another path at the same time (the default); "failover", one to connect
	// to when the first is lost; "disable", a mistake.
	Multipath string
	Policy    Policy // of new disks
}

// maxAckTimeout is the largest TransportAckTimeout that TCP takes.
const maxAckTimeout = 30

// hostOptions completes the driver's options of a controller.
func (o *Options) hostOptions(h host.Options, t spec.TransportType) host.Options {
	h.KeepAliveTimeout = o.KeepAlive
	if o.KeepAlive == 0 {
		h.KeepAliveTimeout = -1 // off
	}
	h.RetryCount = int(o.TransportRetryCount)
	if o.TransportRetryCount == 0 {
		h.RetryCount = -1 // never
	}
	if o.TransportAckTimeout > 0 {
		h.AckTimeout = time.Millisecond << min(o.TransportAckTimeout, maxAckTimeout)
	}
	h.ArbitrationBurst = uint8(o.ArbitrationBurst)
	h.LowPriorityWeight = uint8(o.LowPriorityWeight)
	h.MediumPriorityWeight = uint8(o.MediumPriorityWeight)
	h.HighPriorityWeight = uint8(o.HighPriorityWeight)
	// A connection wakes the thread at no cost. Interrupts of a function
	// would cost one for each completion; there the thread polls while
	// something is outstanding, and sleeps otherwise.
	h.Interrupts = t == spec.TrtypeTCP
	return h
}
