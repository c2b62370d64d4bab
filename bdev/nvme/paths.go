// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/thread"
)

// A Disk has a path on each controller of its group that has its namespace.
// Its channels learn of paths that come and go by messages.

// join makes n a path of the disk, if it is the same namespace.
func (d *Disk) join(n *nvmeNS) error {
	ns := n.ns.Load()
	switch data := ns.Data(); {
	case data == nil || data.NMIC&1 == 0:
		return errors.New("namespace cannot be shared: it says so itself (NMIC bit 0)")
	case !d.same(ns):
		return errors.New("namespaces are not identical: the one of this path has another identity or format")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.leaving {
		return errDiskLeaves
	}
	n.disk = d
	d.paths = append(d.paths, n)
	for _, ch := range d.channels {
		ch.t.Send(func() { ch.addPath(n) })
	}
	return nil
}

// errDiskLeaves is the error of a path to a disk that is being removed. There
// will be a new one.
var errDiskLeaves = errors.New("its device is being removed, and made again then")

// leave ends a path, and the disk if it is the last one, and waits: for the
// IO that is on the path, or the users of the disk.
func (n *nvmeNS) leave(ctx context.Context) {
	d := n.disk
	d.mu.Lock()
	if len(d.paths) == 1 && d.paths[0] == n {
		d.leaving = true
		d.mu.Unlock()
		err := d.m.reg.UnregisterFrom(ctx, moduleName, d.info.Name)
		if err != nil && !errors.Is(err, bdev.ErrNotFound) {
			log.Errorf("%s: removing %s: %v", n.c, d.info.Name, err)
		}
		return
	}
	d.paths = slices.DeleteFunc(d.paths, func(o *nvmeNS) bool { return o == n })
	var left sync.WaitGroup
	for _, ch := range d.channels {
		left.Add(1)
		if !ch.t.Send(func() { ch.removePath(n, left.Done) }) {
			left.Done()
		}
	}
	d.mu.Unlock()
	n.c.forget(n)
	left.Wait()
}

// listPaths returns the paths, in the order in which they are tried.
func (d *Disk) listPaths() []*nvmeNS {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.paths)
}

// chooseAgain has all channels choose their path anew.
func (d *Disk) chooseAgain() { d.epoch.Add(1) }

// prefer moves a path to the front.
func (d *Disk) prefer(n *nvmeNS) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.Index(d.paths, n)
	if i < 0 {
		return
	}
	d.paths = slices.Insert(slices.Delete(d.paths, i, i+1), 0, n)
	for _, ch := range d.channels {
		ch.t.Send(func() { ch.prefer(n) })
	}
}

// ioPath is a way to the namespace on a thread, to which it belongs.
type ioPath struct {
	n   *nvmeNS
	cc  *ctrlrChannel
	ref *thread.ChannelRef

	outstanding int    // requests that were sent this way
	gone        func() // set while it leaves: called once nothing is outstanding
	stats       *pathStats
}

// drainTime is how long the IO on a path that leaves may take. The controller
// aborts what is left, and it is tried on another path.
const drainTime = 2 * time.Second

func (c *channel) addPath(n *nvmeNS) {
	if c.closed || slices.ContainsFunc(c.paths, func(p *ioPath) bool { return p.n == n }) {
		return
	}
	if err := c.openPath(n); err != nil {
		log.Errorf("%s: thread %s has no path by %s: %v", c.d.info.Name, c.t.Name(), n.c, err)
	}
}

func (c *channel) openPath(n *nvmeNS) error {
	cc, r, err := n.c.openChannel(c.t)
	if err != nil {
		return err
	}
	p := &ioPath{n: n, cc: cc, ref: r}
	if c.d.m.options.Load().IOPathStat {
		p.stats = &pathStats{}
	}
	c.paths = append(c.paths, p)
	return nil
}

// removePath calls done when no request uses the path any more.
func (c *channel) removePath(n *nvmeNS, done func()) {
	i := slices.IndexFunc(c.paths, func(p *ioPath) bool { return p.n == n })
	if i < 0 {
		done()
		return
	}
	p := c.paths[i]
	c.paths = slices.Delete(c.paths, i, i+1)
	if c.current == p {
		c.current = nil
	}
	var force *time.Timer
	p.gone = func() {
		p.gone = nil
		if force != nil {
			force.Stop()
		}
		p.ref.Put()
		done()
	}
	if p.outstanding == 0 {
		p.gone()
		return
	}
	t := c.t
	force = time.AfterFunc(drainTime, func() {
		t.Send(func() {
			if p.gone != nil {
				p.gone()
			}
		})
	})
}

func (c *channel) prefer(n *nvmeNS) {
	i := slices.IndexFunc(c.paths, func(p *ioPath) bool { return p.n == n })
	if i < 0 {
		return
	}
	p := c.paths[i]
	c.paths = slices.Insert(slices.Delete(c.paths, i, i+1), 0, p)
	c.current = nil
}

// usable tells whether IO can go this way now.
func (p *ioPath) usable() bool {
	return p.cc.usable() && p.gone == nil && p.n.ns.Load().Controller() == p.cc.q.Controller() && p.n.access() <= accessSecond
}

// hopeful tells whether it may be possible soon.
func (p *ioPath) hopeful() bool {
	if p.gone != nil || !p.n.hopeful() || p.n.c.getState() == stateEnabled && !p.n.ns.Load().Active() {
		return false
	}
	return p.cc.hopeful()
}
