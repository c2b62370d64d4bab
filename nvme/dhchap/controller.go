// SPDX-License-Identifier: BSD-3-Clause

package dhchap

import (
	"errors"
	"slices"
)

// Config is what an end has and allows.
type Config struct {
	HostNQN, SubsysNQN string
	// Host is the host's secret. Controller is the controller's: a host that
	// has it wants the controller to prove that it has it, too.
	Host, Controller *Secret
	// Hashes and Groups are allowed, all if empty. A controller takes the
	// strongest of those that the host offers.
	Hashes []Hash
	Groups []Group
}

// AllHashes and AllGroups are what there is, weakest first.
var (
	AllHashes = []Hash{SHA256, SHA384, SHA512}
	AllGroups = []Group{NoGroup, FFDHE2048, FFDHE3072, FFDHE4096, FFDHE6144, FFDHE8192}
)

func (c *Config) hashes() []Hash {
	if len(c.Hashes) == 0 {
		return AllHashes
	}
	return c.Hashes
}

func (c *Config) groups() []Group {
	if len(c.Groups) == 0 {
		return AllGroups
	}
	return c.Groups
}

// step is where an exchange stands: whose message is due.
type step uint8

const (
	stepNegotiate step = iota
	stepChallenge
	stepReply
	stepSuccess1
	stepSuccess2
	stepDone
	stepFailure
)

// Controller is the controller's end of an exchange on one queue. Its methods
// must not be called at the same time.
type Controller struct {
	cfg   Config
	x     exchange
	step  step
	key   *private
	value []byte // of the challenge
	seq   uint32
	out   []byte // the message that is due
	err   *Error
}

// NewController begins to wait for a host.
func NewController(cfg Config) *Controller { return &Controller{cfg: cfg} }

// Done tells whether the host has proved who it is.
func (c *Controller) Done() bool { return c.step == stepDone }

// Failed tells whether the exchange has come to a bad end. It may be that the
// host does not know yet: then a message is due.
func (c *Controller) Failed() bool { return c.step == stepFailure }

// Hash and Group return what was agreed on.
func (c *Controller) Hash() Hash { return c.x.hash }

// Group is described at Hash.
func (c *Controller) Group() Group { return c.x.group }

// errTurn is a message or a request for one that is not due.
var errTurn = errors.New("dhchap: it is not this end's turn")

// Receive takes a message of the host. If it fails, Send gives the message
// that tells the host, and the queue is of no more use. Computing takes
// milliseconds.
func (c *Controller) Receive(p []byte) error {
	err := c.receive(p)
	if err == nil {
		return nil
	}
	c.step, c.err = stepFailure, err
	c.out = failure(idFailure1, c.x.id, err.Reason)
	return err
}

func (c *Controller) receive(p []byte) *Error {
	if c.step == stepNegotiate && len(p) >= sizeFailure {
		c.x.id = le.Uint16(p[4:]) // the host chooses it
	}
	kind, err := kindOf(p, c.x.id)
	if err != nil {
		return err
	}
	switch {
	case kind == idNegotiate && c.step == stepNegotiate:
		return c.negotiate(p)
	case kind == idReply && c.step == stepReply:
		return c.reply(p)
	case kind == idSuccess2 && c.step == stepSuccess2:
		c.step = stepDone
		return nil
	}
	return failed(ReasonIncorrectProtocol, "message %#x is not due", kind)
}

// negotiate chooses hash and group, and asks for the response.
func (c *Controller) negotiate(p []byte) *Error {
	n, err := parseNegotiate(p)
	if err != nil {
		return err
	}
	c.x.host, c.x.subsys = c.cfg.HostNQN, c.cfg.SubsysNQN
	for _, h := range c.cfg.hashes() {
		if slices.Contains(n.hashes, h) {
			c.x.hash = max(c.x.hash, h)
		}
	}
	if c.x.hash == NoHash {
		return failed(ReasonHash, "none of the host's hashes %v is allowed: %v are", n.hashes, c.cfg.hashes())
	}
	found := false
	for _, g := range c.cfg.groups() {
		if slices.Contains(n.groups, g) {
			c.x.group, found = max(c.x.group, g), true
		}
	}
	if !found {
		return failed(ReasonGroup, "none of the host's groups %v is allowed: %v are", n.groups, c.cfg.groups())
	}
	out := challenge{hash: c.x.hash, group: c.x.group, seq: randomSequence(), value: randomChallenge(c.x.hash)}
	if c.x.group != NoGroup {
		var e error
		if c.key, e = newPrivate(c.x.group); e != nil {
			return failed(ReasonFailed, "%v", e)
		}
		out.public = c.key.public()
	}
	c.value, c.seq = out.value, out.seq
	c.out, c.step = out.put(c.x.id), stepChallenge
	return nil
}

// reply checks the host's response and makes this end's.
func (c *Controller) reply(p []byte) *Error {
	r, err := parseReply(p, c.x.hash, c.x.group)
	if err != nil {
		return err
	}
	if c.key != nil {
		var e error
		if c.x.session, e = c.key.shared(r.public); e != nil {
			return failed(ReasonIncorrectPayload, "%v", e)
		}
	}
	if !equal(c.x.hostResponse(c.cfg.Host, c.value, c.seq), r.response) {
		return failed(ReasonFailed, "host %s has not the secret", c.cfg.HostNQN)
	}
	var own []byte
	if r.value != nil {
		if c.cfg.Controller == nil {
			return failed(ReasonFailed, "host %s wants the controller to prove itself, which has no secret", c.cfg.HostNQN)
		}
		own = c.x.controllerResponse(c.cfg.Controller, r.value, r.seq)
	}
	c.out, c.step = success1(c.x.id, c.x.hash, own), stepSuccess1
	return nil
}

// Send returns the message that is due to the host.
func (c *Controller) Send() ([]byte, error) {
	switch c.step {
	case stepChallenge:
		c.step = stepReply
	case stepSuccess1:
		c.step = stepDone
		if c.out[8]&1 != 0 {
			c.step = stepSuccess2
		}
	case stepFailure:
	default:
		return nil, errTurn
	}
	out := c.out
	if c.out = nil; out == nil {
		return nil, errTurn
	}
	return out, nil
}
