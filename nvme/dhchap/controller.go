// SPDX-License-Identifier: BSD-3-Clause

package dhchap

import (
	"errors"
	"slices"
)

// Config is what an end has and allows.
type Config struct {
	HostNQN, SubsysNQN string
	// Secrets returns the host's secret and the controller's, which is nil if
	// there is none: a host that has it wants the controller to prove that it
	// has it, too. They are asked for when they are needed, and wiped then.
	Secrets func() (host, controller *Secret, err error)
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

// State is where an exchange stands: whose message is due.
type State uint8

// States.
const (
	StateNegotiate State = iota
	StateChallenge
	StateReply
	StateSuccess1
	StateSuccess2
	StateFailure1  // it has failed, and the host is to be told
	StateCompleted // whoever had to has proved who it is
	StateError     // it has failed, as the other end has said
)

var stateNames = []string{"negotiate", "challenge", "reply", "success1", "success2", "failure1", "completed", "error"}

// String returns SPDK's word for it.
func (s State) String() string { return stateNames[s] }

// Controller is the controller's end of an exchange on one queue. Its methods
// must not be called at the same time.
type Controller struct {
	cfg   Config
	x     exchange
	state State
	key   *private
	value []byte // of the challenge
	seq   uint32
	out   []byte // the message that is due
}

// NewController begins to wait for a host.
func NewController(cfg Config) *Controller { return &Controller{cfg: cfg} }

// State returns where the exchange stands.
func (c *Controller) State() State { return c.state }

// Done tells whether the host has proved who it is.
func (c *Controller) Done() bool { return c.state == StateCompleted }

// Failed tells whether the exchange has come to a bad end. It may be that the
// host does not know yet: then Send gives the message that says so.
func (c *Controller) Failed() bool { return c.state == StateFailure1 || c.state == StateError }

// Hash and Group return what was agreed on, NoHash before that.
func (c *Controller) Hash() Hash { return c.x.hash }

// Group is described at Hash.
func (c *Controller) Group() Group { return c.x.group }

// Close forgets the keys of an exchange that is given up. One that has come to
// its end has none.
func (c *Controller) Close() {
	c.key.wipe()
	c.key = nil
	c.x.forget()
}

// fail ends the exchange.
func (c *Controller) fail(err *Error) error {
	c.Close()
	if err.Peer {
		c.state, c.out = StateError, nil
		return err
	}
	c.state, c.out = StateFailure1, failure(idFailure1, c.x.id, err.Reason)
	return err
}

// Receive takes a message of the host. If it fails, with an [*Error], Send
// gives the message that tells the host, and the queue is of no more use.
// Computing takes milliseconds.
func (c *Controller) Receive(p []byte) error {
	if err := c.receive(p); err != nil {
		return c.fail(err)
	}
	return nil
}

func (c *Controller) receive(p []byte) *Error {
	if c.state == StateNegotiate && len(p) >= sizeFailure {
		c.x.id = le.Uint16(p[4:]) // the host chooses it
	}
	kind, err := kindOf(p, c.x.id)
	if err != nil {
		return err
	}
	switch {
	case kind == idNegotiate && c.state == StateNegotiate:
		return c.negotiate(p)
	case kind == idReply && c.state == StateReply:
		return c.reply(p)
	case kind == idSuccess2 && c.state == StateSuccess2:
		if len(p) != sizeHeader {
			return failed(ReasonIncorrectPayload, "a success of %d bytes, it must have %d", len(p), sizeHeader)
		}
		c.state = StateCompleted
		return nil
	case kind == idFailure2 && (c.state == StateReply || c.state == StateSuccess2):
		return ended(p)
	}
	return failed(ReasonIncorrectProtocol, "message %#x is not due in state %s", kind, c.state)
}

// negotiate chooses hash and group, and asks for the response.
func (c *Controller) negotiate(p []byte) *Error {
	n, err := parseNegotiate(p)
	if err != nil {
		return err
	}
	c.x.host, c.x.subsys = c.cfg.HostNQN, c.cfg.SubsysNQN
	hash := NoHash
	for _, h := range c.cfg.hashes() {
		if slices.Contains(n.hashes, h) {
			hash = max(hash, h)
		}
	}
	if hash == NoHash {
		return failed(ReasonHash, "none of the host's hashes %v is allowed: %v are", n.hashes, c.cfg.hashes())
	}
	group, found := NoGroup, false
	for _, g := range c.cfg.groups() {
		if slices.Contains(n.groups, g) {
			group, found = max(group, g), true
		}
	}
	if !found {
		return failed(ReasonGroup, "none of the host's groups %v is allowed: %v are", n.groups, c.cfg.groups())
	}
	c.x.hash, c.x.group = hash, group
	out := challenge{hash: hash, group: group, seq: nextSequence(), value: randomChallenge(hash)}
	if group != NoGroup {
		c.key = newPrivate(group)
		out.public = c.key.public()
	}
	c.value, c.seq = out.value, out.seq
	c.out, c.state = out.put(c.x.id), StateChallenge
	return nil
}

// reply checks the host's response and makes this end's.
func (c *Controller) reply(p []byte) *Error {
	r, err := parseReply(p, c.x.hash, c.x.group)
	if err != nil {
		return err
	}
	host, controller, e := c.cfg.Secrets()
	defer host.Wipe()
	defer controller.Wipe()
	switch {
	case e != nil:
		return failed(ReasonFailed, "%v", e)
	case host == nil:
		return failed(ReasonFailed, "there is no secret of host %s", c.cfg.HostNQN)
	}
	defer c.Close()
	if c.key != nil {
		if c.x.session, e = c.key.shared(r.public); e != nil {
			return failed(ReasonIncorrectPayload, "%v", e)
		}
	}
	if !equal(c.x.hostResponse(host, c.value, c.seq), r.response) {
		return failed(ReasonFailed, "host %s has not the secret", c.cfg.HostNQN)
	}
	var own []byte
	if r.value != nil {
		if controller == nil {
			return failed(ReasonFailed, "host %s wants the controller to prove itself, which has no secret", c.cfg.HostNQN)
		}
		own = c.x.controllerResponse(controller, r.value, r.seq)
	}
	c.out, c.state = success1(c.x.id, c.x.hash, own), StateSuccess1
	return nil
}

// ErrShort is of a host that takes fewer bytes than the failure message has.
var ErrShort = errors.New("dhchap: the host takes fewer bytes than the message has")

// Send returns the message that is due to the host, which takes up to room
// bytes. If none is due, or it does not fit, that ends the exchange: the
// message says so, and err tells why. Only [ErrShort] comes without one.
func (c *Controller) Send(room int) (p []byte, err error) {
	switch {
	case c.out == nil:
		err = c.fail(failed(ReasonIncorrectProtocol, "no message to the host is due in state %s", c.state))
	case len(c.out) > room && c.state != StateFailure1:
		err = c.fail(failed(ReasonIncorrectPayload, "the host takes %d bytes of a message of %d", room, len(c.out)))
	}
	out := c.out
	switch c.state {
	case StateChallenge:
		c.state = StateReply
	case StateSuccess1:
		c.state = StateCompleted
		if out[8]&1 != 0 {
			c.state = StateSuccess2
		}
	case StateFailure1: // as often as the host asks
		if len(out) > room {
			return nil, ErrShort
		}
		return out, err
	}
	c.out = nil
	return out, err
}
