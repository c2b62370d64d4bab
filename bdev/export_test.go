// SPDX-License-Identifier: BSD-3-Clause

package bdev

import "testing"

// NewHistogram makes a histogram for a test.
func NewHistogram(t *testing.T, o HistogramOptions) *Histogram {
	h, err := o.newHistogram()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Add counts a value.
func (h *Histogram) Add(v uint64) { h.add(v) }

// Locks returns how many locks the channel's thread knows of.
func (c *UserChannel) Locks() int { return len(c.k.locks) }
