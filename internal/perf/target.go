// SPDX-License-Identifier: BSD-3-Clause

package perf

import (
	"fmt"

	"github.com/gospdk/gospdk/nvme/host"
)

// Target is a namespace to work on.
type Target struct {
	Name  string // as reports print it
	Ctrlr *host.Controller
	NS    *host.Namespace
}

// layout is how I/Os lie on a namespace: in slots of the largest I/O size.
type layout struct {
	block      uint32 // bytes of a block as the host transfers it
	slots      uint64
	slotBlocks uint32
	meta       uint32 // bytes of separate metadata of a block
	flags      host.IOFlags
}

func (t *Target) layout(c *Config) (layout, error) {
	ns := t.NS
	l := layout{block: ns.ExtendedBlockSize()}
	if ns.MetadataSize() > 0 && !ns.Interleaved() {
		l.meta = ns.MetadataSize()
	}
	l.flags = c.Flags
	if ns.ProtectionType() == 0 {
		l.flags &^= host.FlagPRACT | host.FlagPRCHKGuard | host.FlagPRCHKApp | host.FlagPRCHKRef
	}
	if l.flags&host.FlagPRACT != 0 && ns.MetadataSize() == 8 {
		// The controller adds and strips the metadata.
		l.block, l.meta = ns.BlockSize(), 0
	}
	for _, size := range c.Sizes {
		if size%l.block != 0 {
			return l, fmt.Errorf("%s: I/O size %d is not a multiple of the block size %d; choose another -o", t.Name, size, l.block)
		}
	}
	if c.Verify && (l.block < 16 || l.block%8 != 0) {
		return l, fmt.Errorf("%s: the block size %d cannot hold a verify pattern", t.Name, l.block)
	}
	l.slotBlocks = c.maxSize() / l.block
	if l.slots = ns.NumBlocks() / uint64(l.slotBlocks); l.slots == 0 {
		return l, fmt.Errorf("%s: its %d blocks of %d bytes are less than one I/O of %d bytes; choose a smaller -o",
			t.Name, ns.NumBlocks(), l.block, c.maxSize())
	}
	return l, nil
}
