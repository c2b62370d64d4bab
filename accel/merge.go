// SPDX-License-Identifier: BSD-3-Clause

package accel

// merge leaves copies out: one whose destination is the source of the next
// task, and one whose source is the destination of the former. So data that
// is copied and encrypted is read once. Unlike SPDK it looks whether anybody
// else in the sequence reads the memory in between, which is then not written.
func (s *Sequence) merge() {
	for t := s.head; t != nil && t.next != nil; {
		next := t.next
		switch {
		case t.Op == OpCopy && mergesSource(t, next):
			next.takeSource(t)
			s.leaveOut(t)
			t = next
		case next.Op == OpCopy && t.canRedirect(next):
			t.redirect(next)
			s.leaveOut(next) // and look at t and what follows now
		default:
			t = next
		}
	}
}

func (s *Sequence) leaveOut(t *Task) {
	t.Status = 0
	s.remove(t)
}

// operand is a task's source or destination.
type operand struct {
	iov [][]byte
	buf *Buffer
}

func (t *Task) source() operand      { return operand{t.Src, t.SrcBuf} }
func (t *Task) destination() operand { return operand{t.Dst, t.DstBuf} }

func (o operand) empty() bool { return o.buf == nil && len(o.iov) == 0 }

func (o operand) length() uint64 {
	if o.buf != nil {
		return uint64(max(0, o.buf.Len))
	}
	return length(o.iov)
}

// mergesSource tells whether next may read the source of the copy t instead.
func mergesSource(t, next *Task) bool {
	switch next.Op {
	case OpCopy, OpDecompress, OpEncrypt, OpDecrypt, OpCopyCRC32C, OpDIFGenerateCopy, OpDIFVerifyCopy:
	default:
		return false
	}
	between, dst := t.destination(), next.destination()
	if t.source().length() != between.length() || !same(between, next.source()) {
		return false
	}
	if dst.empty() || same(dst, between) { // it will be written after all
		return true
	}
	return !neededLater(between, next.next) && next.mayShare(t.source(), dst)
}

func (t *Task) takeSource(from *Task) {
	if t.destination().empty() { // encrypts in place
		t.Dst, t.DstBuf = from.Dst, from.DstBuf
	}
	t.Src, t.SrcBuf = from.Src, from.SrcBuf
}

// mayShare tells whether the operation may read src and write dst: when they
// lie apart, or are the same and it works in place.
func (t *Task) mayShare(src, dst operand) bool {
	if !touches(src, dst) {
		return true
	}
	switch t.Op {
	case OpCopy, OpCopyCRC32C, OpEncrypt, OpDecrypt:
		return same(src, dst)
	}
	return false
}

// canRedirect tells whether t may write to the destination of the copy that
// comes later instead, and what lies between follow.
func (t *Task) canRedirect(later *Task) bool {
	switch t.Op {
	case OpDecompress, OpFill, OpEncrypt, OpDecrypt, OpDIFGenerateCopy, OpDIFVerifyCopy:
		between := later.source()
		return same(t.destination(), between) && between.length() == later.destination().length() &&
			!neededLater(between, later.next) && t.mayShare(t.source(), later.destination())
	case OpCRC32C, OpCRC64, OpDIXGenerate, OpDIXVerify:
		// They write no data: it is what comes before.
		return same(t.source(), later.source()) && t.prev != nil && t.prev.canRedirect(later)
	}
	return false
}

func (t *Task) redirect(later *Task) {
	switch t.Op {
	case OpCRC32C, OpCRC64, OpDIXGenerate, OpDIXVerify:
		t.prev.redirect(later)
		t.Src, t.SrcBuf = later.Dst, later.DstBuf
	default:
		t.Dst, t.DstBuf = later.Dst, later.DstBuf
	}
}

// neededLater tells whether t or a task after it reads from o.
func neededLater(o operand, t *Task) bool {
	for ; t != nil; t = t.next {
		if touches(o, t.source()) || touches(o, operand{iov: t.Src2}) {
			return true
		}
	}
	return false
}

// same tells whether two operands are the same pieces of memory.
func same(a, b operand) bool {
	if a.buf != nil || b.buf != nil {
		return a.buf == b.buf
	}
	if len(a.iov) != len(b.iov) || len(a.iov) == 0 {
		return false
	}
	for i, p := range a.iov {
		q := b.iov[i]
		if len(p) != len(q) || len(p) > 0 && &p[0] != &q[0] {
			return false
		}
	}
	return true
}

// touches tells whether any two pieces of the operands begin at the same
// place.
func touches(a, b operand) bool {
	if a.buf != nil || b.buf != nil {
		return a.buf == b.buf
	}
	for _, p := range a.iov {
		for _, q := range b.iov {
			if len(p) > 0 && len(q) > 0 && &p[0] == &q[0] {
				return true
			}
		}
	}
	return false
}
