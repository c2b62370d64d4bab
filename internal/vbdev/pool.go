// SPDX-License-Identifier: BSD-3-Clause

package vbdev

// Pool keeps what a channel needs for each IO under way. It grows to the
// largest number that was ever under way at once and then allocates no more.
// It belongs to the channel's thread.
type Pool[T any] struct {
	free []*T
	make func() *T
}

// NewPool makes an empty pool of what make returns.
func NewPool[T any](make func() *T) Pool[T] { return Pool[T]{make: make} }

// Get takes one out.
func (p *Pool[T]) Get() *T {
	if n := len(p.free); n > 0 {
		v := p.free[n-1]
		p.free = p.free[:n-1]
		return v
	}
	return p.make()
}

// Put takes one back.
func (p *Pool[T]) Put(v *T) { p.free = append(p.free, v) }
