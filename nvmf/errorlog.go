// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"encoding/binary"
	"slices"

	"github.com/gospdk/gospdk/nvme"
)

// logs is what log pages report and a reset forgets: the namespaces that have
// changed since the host looked.
type logs struct {
	changed        []uint32 // sorted
	changedTooMany bool

	notices     []nvme.ReservationNotificationLog // oldest first
	noticeCount uint64
}

// errorEntry is one entry of the Error Information log page.
type errorEntry struct {
	count  uint64
	sqid   uint16
	cid    uint16
	status nvme.Status
	nsid   uint32
	lba    uint64
}

func (l *logs) reset() {
	l.changed, l.changedTooMany = l.changed[:0], false
}

func (l *Life) addError(e errorEntry) {
	e.count = l.errorCount + 1
	l.errors[l.errorCount%errorEntries] = e
	l.errorCount++
}

// logFailure logs a command that failed and says so in its status (More). The
// log is there when the host can know of the failure: the message overtakes the
// completion.
func (l *Lane) logFailure(r *Request) {
	e := errorEntry{sqid: r.queue.ID, cid: r.Cmd.CID, status: r.Status, nsid: r.Cmd.NSID}
	if r.queue.ID != 0 {
		e.lba = r.Cmd.SLBA()
	}
	r.Status = r.Status.WithMore()
	c := l.c
	if l == c.home {
		c.life.addError(e)
		return
	}
	c.thread.Send(func() { c.life.addError(e) })
}

// worthLogging tells whether the failure of an I/O command says something
// about the controller or the command: a comparison that found a difference
// and a command that was given up do not.
func worthLogging(s nvme.Status) bool {
	return s.SCT() != nvme.SCTPath && !s.Is(nvme.StatusCompareFailure) && !s.Is(nvme.StatusAbortedSQDeletion) &&
		!s.Is(nvme.StatusAbortedByRequest) && !s.Is(nvme.StatusAbortedFailedFused) && !s.Is(nvme.StatusAbortedMissingFused)
}

// errorPage fills p, newest entry first.
func (l *Life) errorPage(p []byte) []byte {
	le := binary.LittleEndian
	for i := range min(l.errorCount, errorEntries) {
		e := &l.errors[(l.errorCount-1-i)%errorEntries]
		b := p[i*errorEntrySize:]
		le.PutUint64(b[0:], e.count)
		le.PutUint16(b[8:], e.sqid)
		le.PutUint16(b[10:], e.cid)
		le.PutUint16(b[12:], uint16(e.status)<<1)
		le.PutUint16(b[14:], 0xffff) // no parameter is blamed
		le.PutUint64(b[16:], e.lba)
		le.PutUint32(b[24:], e.nsid)
	}
	return p
}

// addChanged notes that nsid has changed.
func (l *logs) addChanged(nsid uint32) {
	i, found := slices.BinarySearch(l.changed, nsid)
	switch {
	case found:
	case len(l.changed) == maxChanged:
		l.changedTooMany = true
	default:
		l.changed = slices.Insert(l.changed, i, nsid)
	}
}

// changedPage fills p with the identifiers, or with FFFFFFFFh alone if they
// are too many.
func (l *logs) changedPage(p []byte) []byte {
	if l.changedTooMany {
		binary.LittleEndian.PutUint32(p, changedOverflow)
		return p
	}
	for i, nsid := range l.changed {
		binary.LittleEndian.PutUint32(p[4*i:], nsid)
	}
	return p
}
