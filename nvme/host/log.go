// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
)

// nvmeLog is shared with the transports: one flag shows the whole driver.
var nvmeLog = log.Flag("nvme")

func (qp *QPair) commandText(r *Request) string {
	if qp.id == 0 {
		return nvme.FormatAdminCommand(qp.id, &r.cmd)
	}
	return nvme.FormatIOCommand(qp.id, &r.cmd)
}

func (qp *QPair) logCommand(r *Request) {
	nvmeLog.Debugf("%s", qp.commandText(r))
}

func (qp *QPair) logCompletion(r *Request) {
	nvmeLog.Debugf("%s", nvme.FormatCompletion(qp.id, &r.Completion))
}

func (qp *QPair) logFailure(r *Request) {
	log.Noticef("%s", qp.commandText(r))
	log.Noticef("%s", nvme.FormatCompletion(qp.id, &r.Completion))
}

// logManual tells of a request that the driver ended without the controller.
func (qp *QPair) logManual(r *Request) {
	if !r.Completion.Status().IsError() {
		return
	}
	if qp.id == 0 && r.cmd.Opcode == nvme.AdminAsyncEventRequest {
		if nvmeLog.Enabled() {
			qp.logCompletion(r)
		}
		return
	}
	if qp.ctrlr.opts.DisableErrorLogging {
		return
	}
	log.Noticef("Command completed manually:")
	qp.logFailure(r)
}
