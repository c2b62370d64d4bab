// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"slices"

	"github.com/gospdk/gospdk/log"
	spec "github.com/gospdk/gospdk/nvme"
)

// address is one way to connect to a controller (nvme_path_id).
type address struct {
	trid              spec.TransportID
	srcAddr, srcSvcid string
}

func (cfg *CtrlrConfig) address() address {
	return address{cfg.Trid, cfg.Host.SrcAddr, cfg.Host.SrcSvcid}
}

// same tells whether both are the same network path.
func (a address) same(b address) bool {
	return a.trid.Trtype == b.trid.Trtype && a.trid.Traddr == b.trid.Traddr && a.trid.Trsvcid == b.trid.Trsvcid &&
		a.srcAddr == b.srcAddr && a.srcSvcid == b.srcSvcid
}

// address returns the one in use.
func (c *ctrlr) address() address {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.addresses[0]
}

func (c *ctrlr) listAddresses() []address {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.addresses)
}

// addAddress adds one to fail over to.
func (c *ctrlr) addAddress(a address) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.addresses = append(c.addresses, a)
}

// failover turns to the next address, and puts the one in use to the end. It
// reports whether there is another one.
func (c *ctrlr) failover() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.addresses) == 1 {
		return false
	}
	c.addresses = append(c.addresses[1:], c.addresses[0])
	c.moved = true
	log.Noticef("%s: start failover to %s:%s", c.cfg.Name, c.addresses[0].trid.Traddr, c.addresses[0].trid.Trsvcid)
	return true
}

// removeAddresses takes off those that match and reports what that means:
// whether there were any, whether none is left, and whether the one in use
// was among them.
func (c *ctrlr) removeAddresses(match func(address) bool) (found, last, inUse bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	left := slices.DeleteFunc(slices.Clone(c.addresses), match)
	switch {
	case len(left) == len(c.addresses):
		return false, false, false
	case len(left) == 0:
		return true, true, true
	}
	inUse = match(c.addresses[0])
	c.moved = c.moved || inUse
	c.addresses = left
	return true, false, inUse
}

// takeMoved tells whether the address in use has changed since the last call.
func (c *ctrlr) takeMoved() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	moved := c.moved
	c.moved = false
	return moved
}
