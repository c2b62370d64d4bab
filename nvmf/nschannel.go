// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dif"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/thread"
)

// nsChannel is a namespace as a lane has it: the block device's channel of the
// thread, and what checking commands needs.
type nsChannel struct {
	ch        *bdev.UserChannel // nil after the namespace was removed
	hidden    *bdev.UserChannel // without metadata, nil unless strips is set
	blocks    uint64
	blockSize uint32 // bytes in Iov for a block
	metaSize  uint32 // bytes in Meta for a block
	maxBlocks uint32 // of one command, by MDTS

	nsid       uint32
	users      int // requests that use it
	writeCache bool
	lends      bool
	zoned      bool
	protected  bool   // there is protection information
	strips     bool   // which the controller can make and take away
	raw        bool   // all I/O commands go to the device as they are
	ops        uint32 // by bdev.Op, what the device supports
	ns         *Namespace
	ana        *anaAccess // nil if all is optimized
	idle       []func()   // called when it has no users
	gone       func()     // called when it was removed and has no users
}

// namespace returns the namespace with that identifier, nil if there is none.
func (l *Lane) namespace(nsid uint32) *nsChannel {
	if i := nsid - 1; i < uint32(len(l.ns)) {
		return l.ns[i]
	}
	return nil
}

// namespace is Lane.namespace for admin commands.
func (c *Controller) namespace(nsid uint32) *nsChannel { return c.home.namespace(nsid) }

// attach gives the lane a namespace.
func (l *Lane) attach(ns *Namespace) error {
	c, info := l.c, &ns.info
	n := &nsChannel{
		blocks:     ns.blocks.Load(),
		blockSize:  info.BlockSize,
		nsid:       ns.nsid,
		writeCache: info.WriteCache,
		lends:      ns.desc.Lends() && info.DIF == dif.Disabled,
		zoned:      info.Zoned && info.ZoneSize > 0,
		protected:  info.DIF != dif.Disabled,
		raw:        ns.sub.opts.Passthrough,
		ana:        c.access(),
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
	n.strips = protects(info) && info.MDInterleaved && info.MDSize == info.DIFPIFormat.Size()
	if err := n.open(ns.desc, l.thread); err != nil {
		return fmt.Errorf("nvmf: namespace %d: %w", ns.nsid, err)
	}
	l.ns[ns.nsid-1] = n
	return nil
}

func (n *nsChannel) open(desc *bdev.Desc, t *thread.Thread) (err error) {
	if n.ch, err = desc.Channel(t); err != nil || !n.strips {
		return err
	}
	if n.hidden, err = desc.HiddenChannel(t); err != nil {
		closeChannel(n.ch)
	}
	return err
}

// close closes the channels. No request uses them.
func (n *nsChannel) close() {
	closeChannel(n.ch)
	if n.hidden != nil {
		closeChannel(n.hidden)
	}
	n.ch, n.hidden = nil, nil
}

// detach takes a namespace away. done is called when no request uses it any
// more.
func (l *Lane) detach(ns *Namespace, done func()) {
	if n := l.namespace(ns.nsid); n != nil && n.ns == ns {
		l.ns[ns.nsid-1] = nil
		l.changed(ns.nsid)
		l.remove(n, done)
		return
	}
	for _, n := range l.leaving {
		if n.ns == ns { // whoever detached it has not waited for the end
			first := n.gone
			n.gone = func() { first(); done() }
			return
		}
	}
	done()
}

// changed tells the host of a namespace; the controller's own lane does, for
// all.
func (l *Lane) changed(nsid uint32) {
	if l == l.c.home {
		l.c.namespaceChanged(nsid)
	}
}

// remove closes the channel when no request uses it any more.
func (l *Lane) remove(n *nsChannel, done func()) {
	l.leaving = append(l.leaving, n)
	n.gone = func() {
		l.leaving = slices.DeleteFunc(l.leaving, func(o *nsChannel) bool { return o == n })
		n.close()
		done()
	}
	if n.users == 0 {
		n.gone()
		return
	}
	l.reclaim()
}

// closeChannels lets go of all namespaces. No request is in execution.
func (l *Lane) closeChannels() {
	for i, n := range l.ns {
		if n != nil {
			l.ns[i] = nil
			n.close()
		}
	}
}

func closeChannel(ch *bdev.UserChannel) {
	if err := ch.Close(); err != nil {
		log.Errorf("%v", err)
	}
}

// get has a request use the namespace until put. It fails when the namespace
// has been taken away.
func (n *nsChannel) get() bool {
	if n.removed() {
		return false
	}
	n.users++
	return true
}

func (n *nsChannel) put() {
	if n.users--; n.users > 0 {
		return
	}
	for len(n.idle) > 0 {
		fn := n.idle[0]
		n.idle = n.idle[1:]
		fn()
	}
	if n.gone != nil {
		n.gone()
	}
}

// removed tells whether the namespace was taken away while a request had it.
func (n *nsChannel) removed() bool { return n.gone != nil }

// resized takes the new size.
func (l *Lane) resized(ns *Namespace) {
	if n := l.namespace(ns.nsid); n != nil && n.ns == ns {
		n.blocks = ns.blocks.Load()
		l.changed(ns.nsid)
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
	case nvme.CmdZoneAppend:
		return n.appends()
	case nvme.CmdZoneManagementSend:
		return n.zoned && n.can(bdev.OpZoneManagement)
	case nvme.CmdZoneManagementReceive:
		return n.zoned && n.can(bdev.OpZoneReport)
	}
	return reserves(op)
}

// supports tells whether the controller executes an I/O command: every
// namespace does, or there is none yet, and the transport has not left it out.
func (c *Controller) supports(op nvme.Opcode) bool {
	if c.opts.masks(op) {
		return false
	}
	for _, n := range c.home.ns {
		if n != nil && !n.supports(op) {
			return false
		}
	}
	switch op {
	case nvme.CmdRead, nvme.CmdFlush, nvme.CmdVerify, nvme.CmdWrite, nvme.CmdCompare,
		nvme.CmdWriteZeroes, nvme.CmdDatasetManagement, nvme.CmdCopy:
		return true
	}
	return reserves(op)
}

// supportsZoned tells whether every zoned namespace executes a command of
// that command set.
func (c *Controller) supportsZoned(op nvme.Opcode) bool {
	for _, n := range c.home.ns {
		if n != nil && n.zoned && !n.supports(op) {
			return false
		}
	}
	return c.hasZones()
}

func (c *Controller) supportsFused() bool {
	for _, n := range c.home.ns {
		if n != nil && !n.can(bdev.OpCompareAndWrite) {
			return false
		}
	}
	return true
}

func (c *Controller) hasWriteCache() bool {
	for _, n := range c.home.ns {
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
