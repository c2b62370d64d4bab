// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"fmt"
	"time"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/dhchap"
)

// Defaults of [Options].
const (
	DefaultIOQueues         = 1024
	DefaultIOQueueSize      = 256
	DefaultAdminQueueSize   = 32
	DefaultAdminTimeout     = 120 * time.Second
	DefaultKeepAliveTimeout = 10 * time.Second
	DefaultConnectTimeout   = 10 * time.Second
	DefaultRetryCount       = 4

	quirkIOQueueSize    = 1024
	quirkAdminQueueSize = 256
	minAdminQueueSize   = 2
	maxAdminQueueSize   = 4096
	maxQueueSize        = 65536
	minIOQueueSize      = 2
)

// Arbitration selects how the controller chooses among submission queues
// (NVM Express Base 2.0, CC.AMS).
type Arbitration uint8

// Arbitration mechanisms.
const (
	RoundRobin         Arbitration = 0
	WeightedRoundRobin Arbitration = 1
	VendorArbitration  Arbitration = 7
)

// CommandSet is a value of CC.CSS.
type CommandSet uint8

// Command sets. The zero value lets the driver choose the widest that the
// controller has.
const (
	CommandSetAuto  CommandSet = 0
	CommandSetNVM   CommandSet = 1
	CommandSetAll   CommandSet = 2 // all supported I/O command sets (CC.CSS 110b)
	CommandSetAdmin CommandSet = 3 // admin commands only (CC.CSS 111b)
)

// Options configure one controller. The zero value of each field means the
// default.
type Options struct {
	// NumIOQueues is how many I/O queue pairs to ask for; default 1024.
	NumIOQueues uint32
	// IOQueueSize is the number of entries of an I/O queue; default 256, cut
	// to CAP.MQES.
	IOQueueSize uint32
	// AdminQueueSize is the number of entries of the admin queue.
	AdminQueueSize uint32
	// AdminTimeout limits each admin command that the driver itself sends.
	AdminTimeout time.Duration
	// KeepAliveTimeout is how long the controller waits for a sign of life;
	// negative turns keep-alive off. It only applies where Identify says so.
	KeepAliveTimeout time.Duration
	// RetryCount limits how often a command is sent again; negative is never.
	RetryCount int
	// Interrupts has the controller signal completions by interrupt, so that
	// a thread can sleep: see [QPair.Wait]. There are then no more I/O queue
	// pairs than the function has vectors, less the one of the admin queue,
	// and at most 64.
	Interrupts bool
	// UseCMBSQs puts submission queues into the controller memory buffer.
	UseCMBSQs bool
	// NoShutdownNotification detaches by disabling instead of CC.SHN.
	NoShutdownNotification bool
	// Arbitration, with its burst (a power of two, 0 to 7; 7 is no limit)
	// and weights (0's based).
	Arbitration          Arbitration
	ArbitrationBurst     uint8
	LowPriorityWeight    uint8
	MediumPriorityWeight uint8
	HighPriorityWeight   uint8
	// CommandSet to select.
	CommandSet CommandSet
	// HostID identifies the host; all zero sends none. The extended one is
	// preferred where the controller has it. A fabric always needs the
	// extended one; its default there is a random one of this process.
	HostID         [8]byte
	ExtendedHostID [16]byte
	// HostNQN names the host to a fabric's controller; default is what the
	// transport id says, or else a name made of the random host identifier.
	HostNQN string
	// DHCHAPKey and DHCHAPCtrlrKey are secrets ("DHHC-1:…:"): by the first
	// the host proves who it is where a fabric's controller wants that; by
	// the second, if it is given, the controller has to.
	DHCHAPKey, DHCHAPCtrlrKey string
	// DHCHAPDigests and DHCHAPGroups are those to offer, all if empty.
	DHCHAPDigests []dhchap.Hash
	DHCHAPGroups  []dhchap.Group
	// TLSKey is a pre-shared key in interchange format ("NVMeTLSkey-1:…"), by
	// which a fabric's queues use TLS 1.3; none if it is empty.
	TLSKey string
	// HeaderDigest and DataDigest ask for checksums of what goes over a
	// network.
	HeaderDigest, DataDigest bool
	// SrcAddr and SrcSvcid are the address and port to connect from; default
	// is what the transport id says (hostaddr, hostsvcid), or else what the
	// system chooses.
	SrcAddr, SrcSvcid string
	// ConnectTimeout limits how long each queue of a fabric may take to
	// connect; default 10 s.
	ConnectTimeout time.Duration
	// AckTimeout is how long what was sent may stay without an
	// acknowledgement before a fabric's connection counts as lost; the
	// machine decides if it is 0, in minutes usually.
	AckTimeout time.Duration
	// DisableSQFlowControl leaves submission queue flow control out, so that
	// a fabric's controller may end a read by its data alone.
	DisableSQFlowControl bool
	// DisableErrorLogging keeps failed commands out of the log.
	DisableErrorLogging bool
	// DisableShadowDoorbells never sends Doorbell Buffer Config.
	DisableShadowDoorbells bool
	// DisableReadChangedNamespaces leaves reading that log page to the user.
	DisableReadChangedNamespaces bool
	// Clock is for tests.
	Clock Clock
}

// Clock is the time, as the driver needs it.
type Clock interface {
	// Now is monotonic, from any origin.
	Now() time.Duration
	// Pause is called in loops that wait for the controller; idle counts the
	// rounds in which nothing happened.
	Pause(idle int)
}

func (o *Options) setDefaults() error {
	setDefault(&o.NumIOQueues, DefaultIOQueues)
	setDefault(&o.IOQueueSize, DefaultIOQueueSize)
	setDefault(&o.AdminQueueSize, DefaultAdminQueueSize)
	setDefault(&o.AdminTimeout, DefaultAdminTimeout)
	setDefault(&o.KeepAliveTimeout, DefaultKeepAliveTimeout)
	setDefault(&o.RetryCount, DefaultRetryCount)
	setDefault(&o.ConnectTimeout, DefaultConnectTimeout)
	if o.Clock == nil {
		o.Clock = systemClock{}
	}
	o.KeepAliveTimeout = max(o.KeepAliveTimeout, 0)
	o.RetryCount = min(max(o.RetryCount, 0), 255)
	o.NumIOQueues = min(o.NumIOQueues, maxQueueSize-1)
	o.IOQueueSize = min(max(o.IOQueueSize, minIOQueueSize), maxQueueSize)
	o.AdminQueueSize = min(max(o.AdminQueueSize, minAdminQueueSize), maxAdminQueueSize)
	if o.ArbitrationBurst > 7 {
		return fmt.Errorf("host: ArbitrationBurst %d: it must be from 0 to 7", o.ArbitrationBurst)
	}
	switch o.Arbitration {
	case RoundRobin, WeightedRoundRobin, VendorArbitration:
	default:
		return fmt.Errorf("host: Arbitration %d: it must be 0 (round robin), 1 (weighted round robin) or 7 (vendor specific)", o.Arbitration)
	}
	if o.ConnectTimeout < 0 {
		return fmt.Errorf("host: ConnectTimeout %v: it must not be negative", o.ConnectTimeout)
	}
	if len(o.HostNQN) > nvme.MaxNQNLen {
		return fmt.Errorf("host: HostNQN of %d bytes: at most %d are allowed", len(o.HostNQN), nvme.MaxNQNLen)
	}
	if o.CommandSet > CommandSetAdmin {
		return fmt.Errorf("host: CommandSet %d: it must be from 0 to %d", o.CommandSet, CommandSetAdmin)
	}
	return nil
}

func setDefault[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}

// Priority is the urgency of a submission queue under weighted round robin
// arbitration.
type Priority uint8

// Priorities (Create I/O Submission Queue, QPRIO).
const (
	PriorityUrgent Priority = 0
	PriorityHigh   Priority = 1
	PriorityMedium Priority = 2
	PriorityLow    Priority = 3
)

// QPairOptions configure one I/O queue pair.
type QPairOptions struct {
	// Size is the number of entries; default Options.IOQueueSize.
	Size uint32
	// Priority of the submission queue; must be PriorityUrgent (0) unless
	// arbitration is weighted round robin.
	Priority Priority
	// DelayCmdSubmit rings the submission doorbell once in ProcessCompletions
	// instead of once a command.
	DelayCmdSubmit bool
	// DisableSGLMerge keeps adjacent scatter-gather elements apart.
	DisableSGLMerge bool
	// FailQueuedOnReset completes, with an error, requests that had not
	// reached the controller when it was reset, instead of sending them
	// afterwards.
	FailQueuedOnReset bool
}

var processStart = time.Now()

type systemClock struct{}

func (systemClock) Now() time.Duration { return time.Since(processStart) }

// Pause spins for a little while, since most answers take microseconds, and
// then gives the processor away.
func (systemClock) Pause(idle int) {
	switch {
	case idle < 200:
	case idle < 2000:
		time.Sleep(10 * time.Microsecond)
	default:
		time.Sleep(time.Millisecond)
	}
}
