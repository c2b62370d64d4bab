// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"fmt"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme/host"
)

// watch has commands that take too long reported.
func (c *ctrlr) watch(hc *host.Controller) {
	if o := c.m.Options(); o.Timeout > 0 {
		hc.SetTimeout(o.Timeout, o.AdminTimeout, c.timedOut)
	}
}

// timedOut is called by who polls the queue.
func (c *ctrlr) timedOut(t host.Timeout) {
	log.Warnf("%s: a command is outstanding for %v", c, t.Age)
	reset := func(why string) { c.report(fmt.Errorf("a command timed out after %v%s", t.Age, why)) }
	switch c.m.options.Load().ActionOnTimeout {
	case TimeoutReset:
		reset("")
	case TimeoutAbort:
		if t.QPair == nil { // there is no abort of admin commands
			reset("")
			return
		}
		a := &timeoutAbort{c: c}
		a.Done = a
		if err := t.QPair.Abort(t.Request, &a.Request); err != nil {
			reset(fmt.Sprintf(", and the abort failed: %v", err))
		}
	}
}

// timeoutAbort is the abort of a command that timed out.
type timeoutAbort struct {
	host.Request
	c *ctrlr
}

// Complete implements host.Completer.
func (a *timeoutAbort) Complete(*host.Request) {
	if a.Status().IsError() {
		a.c.report(fmt.Errorf("the abort of a command that timed out failed: %v", a.Status()))
	}
}
