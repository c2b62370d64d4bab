// SPDX-License-Identifier: BSD-3-Clause

package identify

import "github.com/gospdk/gospdk/nvme"

// maxErrors bounds the entries of the error log that are asked for.
const maxErrors = 64

// readLog reads a log page that has the form of T, or returns nil.
func readLog[T any](q *asker, id nvme.LogPageID) *T {
	l := new(T)
	if !q.log(id, nvme.Bytes(l)) {
		return nil
	}
	return l
}

func (r *Report) logPages(q *asker) {
	c := r.Controller
	if p := make([]nvme.ErrorLogEntry, min(c.NumErrorEntries(), maxErrors)); len(p) > 0 {
		raw := make([]byte, len(p)*len(nvme.Bytes(&p[0])))
		if q.log(nvme.LogError, raw) {
			for i := range p {
				size := len(nvme.Bytes(&p[i]))
				copy(nvme.Bytes(&p[i]), raw[i*size:])
			}
			r.Errors = p
		}
	}
	r.Health = readLog[nvme.SMARTLog](q, nvme.LogSMART)
	r.Firmware = readLog[nvme.FirmwareSlotLog](q, nvme.LogFirmwareSlot)
	if c.LPA&nvme.LPACommandEffects != 0 {
		r.Effects = readLog[nvme.CommandEffectsLog](q, nvme.LogCommandEffects)
	}
	if c.LPA&nvme.LPASupportedLogPages != 0 {
		if pages := readLog[nvme.SupportedLogPagesLog](q, nvme.LogSupportedPages); pages != nil {
			for id, s := range pages {
				if s&nvme.LogPageSupported != 0 {
					r.Pages = append(r.Pages, nvme.LogPageID(id))
				}
			}
		}
	}
	if c.CMIC&nvme.CMICANAReporting != 0 {
		raw := make([]byte, 16+32*min(int(c.NANAGRPID), 1024)+4*min(int(c.NN), 65536))
		if q.log(nvme.LogANA, raw) {
			_, r.ANA, _ = nvme.ParseANALog(raw) // what is whole of it
		}
	}
}
