// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"bytes"
	"fmt"

	"github.com/gospdk/gospdk/nvme"
)

// FabricsOptions are what a transport that carries messages tells of itself.
type FabricsOptions struct {
	// InCapsule is how much data an I/O command's capsule may carry, in
	// bytes: a multiple of 16.
	InCapsule uint32
	// LocalAddr is the address that the host has connected to. Discovery
	// tells it of listeners on any address.
	LocalAddr string
}

// Fields of Identify Controller that all message based controllers have.
const (
	fabricsSGLS     = 1 | 1<<20 | 1<<21 // any alignment, offsets into the capsule, transport data blocks
	capsuleUnit     = 16
	fabricsMaxBlock = 1 // data block descriptors of a command
)

// identifyFabrics fills in what fabrics add to Identify Controller.
func (c *Controller) identifyFabrics(id *nvme.IdentifyController) {
	id.SGLS = fabricsSGLS
	id.IOCCSZ = (nvme.CommandSize + c.opts.Fabrics.InCapsule) / capsuleUnit
	id.IORCSZ = nvme.CompletionSize / capsuleUnit
	id.MSDBD = fabricsMaxBlock
	if c.sub.discovery {
		c.identifyDiscovery(id)
	}
}

// executeFabrics executes Fabrics commands of the admin queue of a controller
// that a host is connected to (NVMe Base 2.0, 6).
func (c *Controller) executeFabrics(r *Request) nvme.Status {
	switch r.Cmd.FCTYPE() {
	case nvme.FabricsPropertyGet:
		return c.propertyGet(r, nvme.ParsePropertyGet(&r.Cmd))
	case nvme.FabricsPropertySet:
		return c.propertySet(nvme.ParsePropertySet(&r.Cmd))
	case nvme.FabricsConnect: // a queue is connected once
		return nvme.StatusCommandSequenceError.WithDNR()
	}
	return nvme.StatusInvalidOpcode.WithDNR()
}

// propertyGet answers a property of 8 bytes, or one of 4, or half of one.
func (c *Controller) propertyGet(r *Request, p nvme.PropertyGet) nvme.Status {
	var v uint64
	wide := false
	switch p.Offset &^ 7 {
	case nvme.RegCAP:
		v, wide = uint64(c.CAP()), true
		if p.Offset == nvme.RegCAP+4 {
			v >>= 32
		}
	default:
		switch p.Offset {
		case nvme.RegVS:
			v = uint64(c.VS())
		case nvme.RegCC:
			v = uint64(c.CC())
		case nvme.RegCSTS:
			v = uint64(c.CSTS())
		case nvme.RegNSSR: // reads as zero
		case nvme.RegCRTO:
			v = readyTimeout
		default:
			return nvme.StatusFabricsInvalidParam.WithDNR()
		}
	}
	switch {
	case p.Wide > 1 || p.Offset%4 != 0 || p.Wide == 1 && (!wide || p.Offset%8 != 0):
		return nvme.StatusFabricsInvalidParam.WithDNR()
	case p.Wide == 0:
		v = uint64(uint32(v))
	}
	r.CDW0, r.CDW1 = uint32(v), uint32(v>>32)
	return nvme.StatusSuccess
}

// propertySet writes a property of those that hosts may write.
func (c *Controller) propertySet(p nvme.PropertySet) nvme.Status {
	bad := nvme.StatusFabricsInvalidParam.WithDNR()
	if p.Wide != 0 {
		return bad
	}
	v := uint32(p.Value)
	switch p.Offset {
	case nvme.RegCC:
		c.WriteCC(nvme.CC(v))
	case nvme.RegCSTS:
		c.WriteCSTS(nvme.CSTS(v))
	case nvme.RegNSSR:
		if !c.cap.NSSRS() {
			return bad
		}
		c.WriteNSSR(v)
	default:
		return bad
	}
	return nvme.StatusSuccess
}

// SetKeepAlive starts the timer that Connect asks for, in milliseconds, 0 for
// none. It is called on the controller's thread. A host that asks for it makes
// its connection to a discovery controller persistent.
func (c *Controller) SetKeepAlive(ms uint32) {
	if !c.sub.discovery {
		c.setKeepAlive(ms)
		return
	}
	c.persistent = ms != 0
	c.feat.asyncEvents = c.defaultEvents()
	if ms == 0 {
		ms = discoveryActivity
	}
	c.setKeepAlive(ms)
}

// AbortEvents ends the asynchronous event requests that wait: their queue
// goes. It is called on the controller's thread.
func (c *Controller) AbortEvents() {
	e := &c.events
	for e.n > 0 {
		e.n--
		r := e.waiting[e.n]
		e.waiting[e.n] = nil
		c.unpark(r)
		r.Finish(nvme.StatusAbortedSQDeletion)
	}
}

// Offsets of the fields of Connect in the command and in its data, for the
// result of one that is refused (NVMe Base 2.0, 6.3).
const (
	connectQID     = 42
	connectSQSize  = 44
	connectCNTLID  = 16
	connectSUBNQN  = 256
	connectHOSTNQN = 512
)

// ConnectError tells a host why it may not connect. Status and CDW0 are those
// of the completion.
type ConnectError struct {
	Status nvme.Status
	CDW0   uint32
	What   string // for people
}

// Error returns the reason.
func (e *ConnectError) Error() string { return "nvmf: connect: " + e.What }

// badConnect blames a field of Connect, in the data or in the command.
func badConnect(offset uint16, inData bool, format string, args ...any) *ConnectError {
	return &ConnectError{nvme.StatusFabricsInvalidParam.WithDNR(), nvme.ConnectInvalid(offset, inData), fmt.Sprintf(format, args...)}
}

// BadQueueID blames the queue identifier of Connect.
func BadQueueID(format string, args ...any) *ConnectError {
	return badConnect(connectQID, false, format, args...)
}

// BadControllerID blames the controller identifier of Connect.
func BadControllerID(format string, args ...any) *ConnectError {
	return badConnect(connectCNTLID, true, format, args...)
}

// CheckConnect checks a Connect as far as it is not about the state of a
// controller, and returns the subsystem that it names. entries is the size of
// the largest queue. Any goroutine may call it that is not a reactor's.
func (t *Target) CheckConnect(x *nvme.Connect, d *nvme.ConnectData, entries int) (*Subsystem, error) {
	if x.RecordFormat != 0 {
		return nil, &ConnectError{nvme.StatusFabricsIncompatibleFormat.WithDNR(), 0, fmt.Sprintf("record format %d, only 0 is known", x.RecordFormat)}
	}
	if x.SQSize < 2 || x.SQSize > uint32(entries) {
		return nil, badConnect(connectSQSize, false, "a queue of %d entries, allowed are 2 to %d", x.SQSize, entries)
	}
	host, ok := terminated(d.HOSTNQN[:])
	if !ok || len(host) > MaxNQN { // SPDK's spdk_nvme_perf sends an empty one
		return nil, badConnect(connectHOSTNQN, true, "host NQN %q: it has at most %d bytes and ends with a zero", host, MaxNQN)
	}
	nqn, ok := terminated(d.SUBNQN[:])
	if !ok {
		return nil, badConnect(connectSUBNQN, true, "subsystem NQN %q does not end with a zero", nqn)
	}
	sub := t.Subsystem(nqn)
	if nqn == nvme.DiscoveryNQN {
		sub = t.Discovery()
	}
	if sub == nil {
		return nil, badConnect(connectSUBNQN, true, "there is no subsystem %q", nqn)
	}
	switch {
	case x.QID == 0 && d.CNTLID != nvme.ControllerIDDynamic:
		return nil, BadControllerID("controller %#x asked for, the subsystem assigns them", d.CNTLID)
	case x.QID != 0 && sub.discovery:
		return nil, BadQueueID("I/O queue %d of a discovery controller", x.QID)
	}
	return sub, nil
}

// terminated returns what comes before the first zero.
func terminated(p []byte) (string, bool) {
	i := bytes.IndexByte(p, 0)
	if i < 0 {
		return string(p), false
	}
	return string(p[:i]), true
}
