// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"fmt"
	"math/bits"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
)

// nsChannel is a namespace as a controller has it: the block device's channel
// of the controller's thread, and what checking commands needs.
type nsChannel struct {
	ch        *bdev.UserChannel // nil after the namespace was removed
	blocks    uint64
	blockSize uint32 // bytes in Iov for a block
	metaSize  uint32 // bytes in Meta for a block
	maxBlocks uint32 // of one command, by MDTS

	nsid       uint32
	users      int // requests that use it
	writeCache bool
	lends      bool
	ops        uint32 // by bdev.Op, what the device supports
	ns         *Namespace
	gone       func() // called when it was removed and has no users
}

// namespace returns the namespace with that identifier, nil if there is none.
func (c *Controller) namespace(nsid uint32) *nsChannel {
	if i := nsid - 1; i < uint32(len(c.ns)) {
		return c.ns[i]
	}
	return nil
}

// attach gives the controller a namespace.
func (c *Controller) attach(ns *Namespace) error {
	info := &ns.info
	n := &nsChannel{
		blocks:     ns.blocks.Load(),
		blockSize:  info.BlockSize,
		nsid:       ns.nsid,
		writeCache: info.WriteCache,
		lends:      info.Lends && info.MDSize == 0,
		ns:         ns,
	}
	if info.MDSize > 0 && !info.MDInterleaved {
		if !c.opts.SeparateMetadata {
			return fmt.Errorf("nvmf: namespace %d: block device %s has separate metadata, which the transport does not carry", ns.nsid, ns.name)
		}
		n.metaSize = info.MDSize
	}
	n.maxBlocks = c.opts.MaxDataSize / n.blockSize
	if n.maxBlocks == 0 {
		return fmt.Errorf("nvmf: namespace %d: blocks of %d bytes are larger than the largest transfer of %d", ns.nsid, n.blockSize, c.opts.MaxDataSize)
	}
	for _, op := range bdev.Ops() {
		if ns.desc.Supports(op) {
			n.ops |= 1 << op
		}
	}
	ch, err := ns.desc.Channel(c.thread)
	if err != nil {
		return fmt.Errorf("nvmf: namespace %d: %w", ns.nsid, err)
	}
	n.ch = ch
	c.ns[ns.nsid-1] = n
	return nil
}

// detach takes a namespace away. done is called when no request uses it any
// more.
func (c *Controller) detach(ns *Namespace, done func()) {
	n := c.namespace(ns.nsid)
	if n == nil || n.ns != ns {
		done()
		return
	}
	c.ns[ns.nsid-1] = nil
	c.namespaceChanged(ns.nsid)
	if n.remove(done); n.users > 0 {
		c.reclaim()
	}
}

func (n *nsChannel) remove(done func()) {
	ch := n.ch
	n.gone = func() {
		n.ch = nil
		closeChannel(ch)
		done()
	}
	if n.users == 0 {
		n.gone()
	}
}

// closeChannels lets go of all namespaces. No request is in execution.
func (c *Controller) closeChannels() {
	for i, n := range c.ns {
		if n != nil {
			c.ns[i] = nil
			closeChannel(n.ch)
			n.ch = nil
		}
	}
}

func closeChannel(ch *bdev.UserChannel) {
	if err := ch.Close(); err != nil {
		log.Errorf("%v", err)
	}
}

func (n *nsChannel) get() { n.users++ }

func (n *nsChannel) put() {
	n.users--
	if n.gone != nil && n.users == 0 {
		n.gone()
	}
}

// removed tells whether the namespace was taken away while a request had it.
func (n *nsChannel) removed() bool { return n.gone != nil }

// resized takes the new size.
func (c *Controller) resized(ns *Namespace) {
	if n := c.namespace(ns.nsid); n != nil && n.ns == ns {
		n.blocks = ns.blocks.Load()
		c.namespaceChanged(ns.nsid)
	}
}

func (n *nsChannel) can(op bdev.Op) bool { return n.ops>>op&1 != 0 }

// supports tells whether the namespace executes an I/O command.
func (n *nsChannel) supports(op nvme.Opcode) bool {
	switch op {
	case nvme.CmdRead, nvme.CmdFlush, nvme.CmdVerify:
		return n.can(bdev.OpRead)
	case nvme.CmdWrite:
		return n.can(bdev.OpWrite)
	case nvme.CmdCompare:
		return n.can(bdev.OpCompare)
	case nvme.CmdWriteZeroes:
		return n.can(bdev.OpWriteZeroes)
	case nvme.CmdDatasetManagement:
		return n.can(bdev.OpUnmap)
	case nvme.CmdCopy:
		return n.can(bdev.OpCopy)
	}
	return false
}

// supports tells whether the controller executes an I/O command: every
// namespace does, or there is none yet, and the transport has not left it out.
func (c *Controller) supports(op nvme.Opcode) bool {
	if c.opts.masks(op) {
		return false
	}
	for _, n := range c.ns {
		if n != nil && !n.supports(op) {
			return false
		}
	}
	switch op {
	case nvme.CmdRead, nvme.CmdFlush, nvme.CmdVerify, nvme.CmdWrite, nvme.CmdCompare,
		nvme.CmdWriteZeroes, nvme.CmdDatasetManagement, nvme.CmdCopy:
		return true
	}
	return false
}

func (c *Controller) supportsFused() bool {
	for _, n := range c.ns {
		if n != nil && !n.can(bdev.OpCompareAndWrite) {
			return false
		}
	}
	return true
}

func (c *Controller) hasWriteCache() bool {
	for _, n := range c.ns {
		if n != nil && n.writeCache {
			return true
		}
	}
	return false
}

// fusedLimit is the largest fused pair in blocks.
func (n *nsChannel) fusedLimit() uint32 {
	return max(n.ns.info.AtomicCompareWrite, 1)
}

// logBlock is the logarithm of a block's data size.
func (n *nsChannel) logBlock() uint8 {
	return uint8(bits.TrailingZeros32(n.ns.info.DataSize()))
}
