// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"slices"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/thread"
)

// channel is a disk on a thread.
type channel struct {
	d      *Disk
	t      *thread.Thread
	paths  []*ioPath
	closed bool

	policy  Policy
	epoch   uint32  // of the disk, when the path was chosen
	current *ioPath // that IO goes on
	used    uint32  // how many went on it in turn

	free  []*request // that are not in use
	slab  []byte     // DMA memory of requests to come
	slabs []*dma.Buffer

	waiting []*request // that are to be tried (again) later
	retry   *thread.Poller
}

func (d *Disk) newChannel(t *thread.Thread) (*channel, error) {
	c := &channel{d: d, t: t}
	d.mu.Lock()
	d.channels = append(d.channels, c)
	paths := slices.Clone(d.paths)
	d.mu.Unlock()
	for _, n := range paths {
		if err := c.openPath(n); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

// Close implements bdev.Channel.
func (c *channel) Close() {
	c.closed = true
	c.d.mu.Lock()
	c.d.channels = slices.DeleteFunc(c.d.channels, func(o *channel) bool { return o == c })
	c.d.mu.Unlock()
	if c.retry != nil {
		c.retry.Stop()
	}
	for _, p := range c.paths {
		p.ref.Put()
	}
	c.paths = nil
	for _, b := range c.slabs {
		b.Free()
	}
}

// retryPeriod is how often IO that waits is looked at.
const retryPeriod = time.Millisecond

// park has r wait for delay, and then for a path.
func (c *channel) park(r *request, delay time.Duration) {
	r.due = c.t.Clock().Now() + delay
	c.waiting = append(c.waiting, r)
	if c.retry == nil {
		c.retry = c.t.NewPoller(thread.PollerConfig{Name: "bdev_nvme_retry_io", Period: retryPeriod, Poll: c.retryWaiting})
	} else if len(c.waiting) == 1 {
		c.retry.Resume()
	}
}

// retryWaiting is a poller.
func (c *channel) retryWaiting() (n int) {
	now := c.t.Clock().Now()
	list := c.waiting
	c.waiting = nil
	for _, r := range list {
		switch {
		case c.d.resetting.Load() > 0:
			r.finish(bdev.StatusAborted)
		case r.due > now:
			c.waiting = append(c.waiting, r)
			continue
		default:
			r.start()
		}
		n++
	}
	if len(c.waiting) == 0 {
		c.retry.Pause()
	}
	return n
}

// Submit implements bdev.Channel.
func (c *channel) Submit(io *bdev.IO) {
	r := c.take()
	if r == nil {
		io.Complete(bdev.StatusNoMemory)
		return
	}
	r.io, r.retries, io.Driver = io, 0, r
	switch io.Op {
	case bdev.OpFlush:
		if !c.d.flushes {
			r.finish(bdev.StatusSuccess)
			return
		}
	case bdev.OpReset:
		r.reset()
		return
	case bdev.OpAbort:
		r.abort()
		return
	case bdev.OpNVMeAdmin:
		r.admin()
		return
	}
	r.start()
}

const (
	descriptorSize = 64 // bytes of DMA memory of a request, for its ranges
	slabSize       = 64 << 10
)

// take returns a request that is not in use.
func (c *channel) take() *request {
	if n := len(c.free) - 1; n >= 0 {
		r := c.free[n]
		c.free = c.free[:n]
		return r
	}
	if len(c.slab) == 0 {
		b, err := dma.Alloc(slabSize, 4096)
		if err != nil {
			flag.Infof("%s: %v", c.d.info.Name, err)
			return nil
		}
		c.slabs, c.slab = append(c.slabs, b), b.Bytes()
	}
	r := &request{ch: c, ranges: c.slab[:descriptorSize:descriptorSize]}
	c.slab = c.slab[descriptorSize:]
	r.halves[0].Done, r.halves[1].Done = r, r
	r.msg.Run, r.msg.Arg = requestEnded, r
	return r
}

// requestEnded runs what a request has become on its own thread.
func requestEnded(m *thread.Msg) {
	r := m.Arg.(*request)
	r.ended(r)
}

var _ host.Completer = (*request)(nil)
