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

// mergesSource tells whether next may read the source of the copy t instead.
func mergesSource(t, next *Task) bool {
	switch next.Op {
	case OpCopy, OpDecompress, OpEncrypt, OpDecrypt, OpCopyCRC32C, OpDIFGenerateCopy, OpDIFVerifyCopy:
	default:
		return false
	}
	if length(t.Src) != length(t.Dst) || !same(t.Dst, next.Src) || neededLater(t.Dst, next.next) {
		return false
	}
	return len(next.Dst) == 0 || next.mayShare(t.Src, next.Dst)
}

func (t *Task) takeSource(from *Task) {
	if len(t.Dst) == 0 { // encrypts in place
		t.Dst = from.Dst
	}
	t.Src = from.Src
}

// mayShare tells whether the operation may read src and write dst: when they
// lie apart, or are the same and it works in place.
func (t *Task) mayShare(src, dst [][]byte) bool {
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
		return same(t.Dst, later.Src) && length(later.Src) == length(later.Dst) &&
			!neededLater(later.Src, later.next) && t.mayShare(t.Src, later.Dst)
	case OpCRC32C, OpCRC64, OpDIXGenerate, OpDIXVerify:
		// They write nothing themselves: it is what comes before.
		return same(t.Src, later.Src) && t.prev != nil && t.prev.canRedirect(later)
	}
	return false
}

func (t *Task) redirect(later *Task) {
	switch t.Op {
	case OpCRC32C, OpCRC64, OpDIXGenerate, OpDIXVerify:
		t.prev.redirect(later)
		t.Src = later.Dst
	default:
		t.Dst = later.Dst
	}
}

// neededLater tells whether t or a task after it uses memory of iov.
func neededLater(iov [][]byte, t *Task) bool {
	for ; t != nil; t = t.next {
		for _, l := range [][][]byte{t.Src, t.Src2} {
			if touches(iov, l) {
				return true
			}
		}
	}
	return false
}

// same tells whether two lists are the same pieces of memory.
func same(a, b [][]byte) bool {
	if len(a) != len(b) || len(a) == 0 {
		return false
	}
	for i, p := range a {
		q := b[i]
		if len(p) != len(q) || len(p) > 0 && &p[0] != &q[0] {
			return false
		}
	}
	return true
}

// touches tells whether any two pieces of the lists begin at the same place.
func touches(a, b [][]byte) bool {
	for _, p := range a {
		for _, q := range b {
			if len(p) > 0 && len(q) > 0 && &p[0] == &q[0] {
				return true
			}
		}
	}
	return false
}
