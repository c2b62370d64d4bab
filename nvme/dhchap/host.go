// SPDX-License-Identifier: BSD-3-Clause

package dhchap

import "slices"

// Host is the host's end of an exchange on one queue. Its methods must not be
// called at the same time.
type Host struct {
	cfg   Config
	x     exchange
	state State
	proof []byte // the response that is due from the controller, nil for none
	out   []byte
}

// NewHost begins an exchange, with a transaction of the host's choice.
func NewHost(cfg Config, transaction uint16) *Host {
	h := &Host{cfg: cfg}
	h.x.id, h.x.host, h.x.subsys = transaction, cfg.HostNQN, cfg.SubsysNQN
	n := negotiate{hashes: cfg.hashes(), groups: cfg.groups()}
	h.out = n.put(transaction)
	return h
}

// Send returns the message that is due to the controller, nil if one of the
// controller's is due or nothing is.
func (h *Host) Send() []byte {
	out := h.out
	h.out = nil
	return out
}

// Due tells whether Send has a message.
func (h *Host) Due() bool { return h.out != nil }

// Done tells whether the exchange has succeeded. A last message may be due.
func (h *Host) Done() bool { return h.state == StateCompleted }

// Receive takes a message of the controller, perhaps with something behind it.
// If it fails, with an [*Error], the exchange is over; Send gives the message
// that tells the controller, unless it was the controller that has ended it.
func (h *Host) Receive(p []byte) error {
	err := h.receive(p)
	if err == nil {
		return nil
	}
	if h.state = StateError; !err.Peer {
		h.out = failure(idFailure2, h.x.id, err.Reason)
	}
	return err
}

func (h *Host) receive(p []byte) *Error {
	kind, err := kindOf(p, h.x.id)
	if err != nil {
		return err
	}
	switch {
	case kind == idFailure1:
		return ended(p)
	case kind == idChallenge && h.state == StateNegotiate:
		return h.challenge(p)
	case kind == idSuccess1 && h.state == StateReply:
		return h.success(p)
	}
	return failed(ReasonIncorrectProtocol, "message %#x is not due", kind)
}

func (h *Host) challenge(p []byte) *Error {
	c, err := parseChallenge(p)
	switch {
	case err != nil:
		return err
	case !slices.Contains(h.cfg.hashes(), c.hash):
		return failed(ReasonHash, "the controller chose %s, which was not offered", c.hash)
	case !slices.Contains(h.cfg.groups(), c.group):
		return failed(ReasonGroup, "the controller chose %s, which was not offered", c.group)
	}
	own, controller, e := h.cfg.Secrets()
	defer own.Wipe()
	defer controller.Wipe()
	switch {
	case e != nil:
		return failed(ReasonFailed, "%v", e)
	case own == nil:
		return failed(ReasonFailed, "there is no secret of host %s", h.cfg.HostNQN)
	}
	h.x.hash, h.x.group = c.hash, c.group
	var out reply
	if c.group != NoGroup {
		key := newPrivate(c.group)
		defer key.wipe()
		if h.x.session, e = key.shared(c.public); e != nil {
			return failed(ReasonIncorrectPayload, "%v", e)
		}
		defer h.x.forget()
		out.public = key.public()
	}
	out.response = h.x.hostResponse(own, c.value, c.seq)
	if controller != nil {
		out.value, out.seq = randomChallenge(c.hash), nextSequence()
		h.proof = h.x.controllerResponse(controller, out.value, out.seq)
	}
	h.out, h.state = out.put(h.x.id), StateReply
	return nil
}

func (h *Host) success(p []byte) *Error {
	response, err := parseSuccess1(p, h.x.hash)
	if err != nil {
		return err
	}
	if h.proof != nil {
		if !equal(h.proof, response) {
			return failed(ReasonFailed, "the controller of %s has not its secret", h.cfg.SubsysNQN)
		}
		h.out = header(sizeHeader, typeDHCHAP, idSuccess2, h.x.id)
	}
	h.state = StateCompleted
	return nil
}
