// SPDX-License-Identifier: BSD-3-Clause

package thread

// pollerHeap is a binary heap of timed pollers, the next due first. Each
// poller knows its slot, so that it can be taken out from anywhere; nothing
// is allocated but by push.
type pollerHeap []*Poller

func (h pollerHeap) less(i, j int) bool {
	if h[i].next != h[j].next {
		return h[i].next < h[j].next
	}
	return h[i].seq < h[j].seq
}

func (h pollerHeap) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].slot, h[j].slot = i, j
}

func (h *pollerHeap) push(p *Poller) {
	p.slot = len(*h)
	*h = append(*h, p)
	h.fix(p.slot)
}

// remove takes out the poller at slot i.
func (h *pollerHeap) remove(i int) {
	last := len(*h) - 1
	p := (*h)[i]
	h.swap(i, last)
	(*h)[last] = nil
	*h = (*h)[:last]
	p.slot = -1
	if i < last {
		h.fix(i)
	}
}

// fix restores the order after the poller at slot i got another time.
func (h pollerHeap) fix(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !h.less(i, parent) {
			break
		}
		h.swap(i, parent)
		i = parent
	}
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h.less(child+1, child) {
			child++
		}
		if !h.less(child, i) {
			return
		}
		h.swap(i, child)
		i = child
	}
}
