// SPDX-License-Identifier: BSD-3-Clause

package dhchap

import "slices"

// Host is the host's end of an exchange on one queue. Its methods must not be
// called at the same time.
type Host struct {
	cfg   Config
	x     exchange
	step  step
	value []byte // of the challenge to the controller
	seq   uint32
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
func (h *Host) Done() bool { return h.step == stepDone }

// Receive takes a message of the controller. If it fails, Send gives the
// message that tells the controller.
func (h *Host) Receive(p []byte) error {
	err := h.receive(p)
	if err == nil {
		return nil
	}
	h.step = stepFailure
	h.out = failure(idFailure2, h.x.id, err.Reason)
	return err
}

func (h *Host) receive(p []byte) *Error {
	kind, err := kindOf(p, h.x.id)
	if err != nil {
		return err
	}
	switch {
	case kind == idChallenge && h.step == stepNegotiate:
		return h.challenge(p)
	case kind == idSuccess1 && h.step == stepReply:
		return h.success(p)
	}
	return failed(ReasonIncorrectProtocol, "message %#x is not due", kind)
}

func (h *Host) challenge(p []byte) *Error {
	c, err := parseChallenge(p)
	if err != nil {
		return err
	}
	if !slices.Contains(h.cfg.hashes(), c.hash) {
		return failed(ReasonHash, "the controller chose %s, which was not offered", c.hash)
	}
	if !slices.Contains(h.cfg.groups(), c.group) {
		return failed(ReasonGroup, "the controller chose %s, which was not offered", c.group)
	}
	h.x.hash, h.x.group = c.hash, c.group
	var out reply
	if c.group != NoGroup {
		key, e := newPrivate(c.group)
		if e == nil {
			h.x.session, e = key.shared(c.public)
		}
		if e != nil {
			return failed(ReasonIncorrectPayload, "%v", e)
		}
		out.public = key.public()
	}
	out.response = h.x.hostResponse(h.cfg.Host, c.value, c.seq)
	if h.cfg.Controller != nil {
		out.value, out.seq = randomChallenge(c.hash), randomSequence()
		h.value, h.seq = out.value, out.seq
	}
	h.out, h.step = out.put(h.x.id), stepReply
	return nil
}

func (h *Host) success(p []byte) *Error {
	response, err := parseSuccess1(p, h.x.hash)
	if err != nil {
		return err
	}
	if h.cfg.Controller != nil {
		if !equal(h.x.controllerResponse(h.cfg.Controller, h.value, h.seq), response) {
			return failed(ReasonFailed, "the controller of %s has not its secret", h.cfg.SubsysNQN)
		}
		h.out = header(sizeHeader, typeDHCHAP, idSuccess2, h.x.id)
	}
	h.step = stepDone
	return nil
}
