// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"slices"
	"time"

	"github.com/gospdk/gospdk/nvme"
)

// Injection makes commands fail, for tests of what stands above the driver.
type Injection struct {
	Opcode nvme.Opcode
	// Status that the commands end with.
	Status nvme.Status
	// Count of commands to fail.
	Count uint32
	// DoNotSubmit ends them without the controller, after Delay; otherwise
	// they are executed and only their status is replaced.
	DoNotSubmit bool
	Delay       time.Duration
}

type injection struct{ Injection }

// AddInjection makes coming commands of an opcode fail; it replaces an earlier
// one for that opcode.
func (qp *QPair) AddInjection(i Injection) {
	qp.RemoveInjection(i.Opcode)
	qp.injections = append(qp.injections, &injection{i})
	qp.updateSpecial()
}

// RemoveInjection ends AddInjection. Requests already held back still fail.
func (qp *QPair) RemoveInjection(op nvme.Opcode) {
	qp.injections = slices.DeleteFunc(qp.injections, func(i *injection) bool { return i.Opcode == op })
	qp.updateSpecial()
}

// AddAdminInjection is AddInjection for admin commands.
func (c *Controller) AddAdminInjection(i Injection) {
	c.adminMu.Lock()
	defer c.adminMu.Unlock()
	if c.admin != nil {
		c.admin.AddInjection(i)
	}
}

// RemoveAdminInjection is RemoveInjection for admin commands.
func (c *Controller) RemoveAdminInjection(op nvme.Opcode) {
	c.adminMu.Lock()
	defer c.adminMu.Unlock()
	if c.admin != nil {
		c.admin.RemoveInjection(op)
	}
}

func (qp *QPair) findInjection(op nvme.Opcode, doNotSubmit bool) *injection {
	for _, i := range qp.injections {
		if i.Opcode == op && i.DoNotSubmit == doNotSubmit && i.Count > 0 {
			return i
		}
	}
	return nil
}

// injectSubmit holds r back if it is to fail without the controller.
func (qp *QPair) injectSubmit(r *Request) bool {
	i := qp.findInjection(r.cmd.Opcode, true)
	if i == nil {
		return false
	}
	i.Count--
	r.state = reqInjected
	r.submitted = qp.ctrlr.clock.Now() + i.Delay
	r.Completion = nvme.NewCompletion(0, qp.id, 0, i.Status)
	qp.injected.push(r)
	return true
}

// pollInjected ends requests whose delay is over.
func (qp *QPair) pollInjected() {
	now := qp.ctrlr.clock.Now()
	var keep requestList
	for r := qp.injected.pop(); r != nil; r = qp.injected.pop() {
		if now < r.submitted {
			keep.push(r)
			continue
		}
		qp.end(r, r.Completion.Status())
	}
	qp.injected = keep
}

// injectCompletion replaces the status of r if it is to fail afterwards.
func (qp *QPair) injectCompletion(r *Request) {
	if r.Completion.Status().IsError() {
		return
	}
	if i := qp.findInjection(r.cmd.Opcode, false); i != nil {
		i.Count--
		r.Completion.SetStatus(i.Status, r.Completion.Phase())
	}
}
