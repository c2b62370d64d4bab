// SPDX-License-Identifier: BSD-3-Clause

// Package iobuf is the memory that data passes through: pools of small and
// large buffers which all users of a program share, with a cache for each
// thread.
//
// A [Channel] belongs to one thread. Getting a buffer from its cache takes no
// lock; the pool below is asked for a batch at a time. Who finds no buffer
// waits with a [Waiter] and is served in order, whichever thread gives one
// back.
//
// The memory is DMA memory. It is mapped at first need, a piece at a time, so
// that a program which uses few buffers has few.
package iobuf

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/log"
)

// Defaults and least values, which are SPDK's. The large size has room for
// 128 KiB of data and their metadata.
const (
	DefaultSmallCount = 8192
	DefaultLargeCount = 1024
	DefaultSmallSize  = 8 << 10
	DefaultLargeSize  = 132 << 10

	MinSmallCount = 64
	MinLargeCount = 8
	MinSmallSize  = 4096
	MinLargeSize  = 8192

	// Alignment is that of each buffer. Sizes are rounded up to it.
	Alignment = 4096
)

// chunkBytes is about how much memory is mapped at once.
const chunkBytes = 1 << 20

// batch is how many buffers travel between a cache and the pool, at most.
const batch = 32

// Options are the sizes of a pool; zero fields mean the defaults.
type Options struct {
	SmallCount, LargeCount uint64
	SmallSize, LargeSize   uint32 // bytes
	// NUMA keeps a pool of these counts for each node, from which the
	// threads of that node are served.
	NUMA bool
}

func (o Options) withDefaults() Options {
	set := func(v *uint64, def uint64) {
		if *v == 0 {
			*v = def
		}
	}
	set(&o.SmallCount, DefaultSmallCount)
	set(&o.LargeCount, DefaultLargeCount)
	if o.SmallSize == 0 {
		o.SmallSize = DefaultSmallSize
	}
	if o.LargeSize == 0 {
		o.LargeSize = DefaultLargeSize
	}
	return o
}

func (o *Options) check() error {
	for _, f := range []struct {
		name       string
		value, min uint64
	}{
		{"small_pool_count", o.SmallCount, MinSmallCount},
		{"large_pool_count", o.LargeCount, MinLargeCount},
		{"small_bufsize", uint64(o.SmallSize), MinSmallSize},
		{"large_bufsize", uint64(o.LargeSize), MinLargeSize},
	} {
		if f.value < f.min {
			return fmt.Errorf("%s %d: it must be at least %d: %w", f.name, f.value, f.min, syscall.EINVAL)
		}
	}
	if o.LargeSize < o.SmallSize {
		return fmt.Errorf("large_bufsize %d: it must be at least small_bufsize %d: %w", o.LargeSize, o.SmallSize, syscall.EINVAL)
	}
	if o.LargeSize > 1<<30 {
		return fmt.Errorf("large_bufsize %d: it must be at most 1 GiB: %w", o.LargeSize, syscall.EINVAL)
	}
	return nil
}

// Pool holds the buffers of a program. Its methods may be called from any
// goroutine.
type Pool struct {
	mu       sync.Mutex
	opts     Options
	nodes    map[int]*[2]*class // by node; only 0 without Options.NUMA
	modules  []string           // in the order in which they were registered
	channels []*Channel
}

// New makes a pool. It panics if the options are wrong; SetOptions tells what
// is.
func New(o Options) *Pool {
	p := &Pool{}
	if err := p.SetOptions(o); err != nil {
		panic("iobuf: " + err.Error())
	}
	return p
}

// SetOptions changes the sizes. It fails with EBUSY once the pool is in use.
func (p *Pool) SetOptions(o Options) error {
	return p.set(o.withDefaults())
}

func (p *Pool) set(o Options) error {
	if err := o.check(); err != nil {
		return err
	}
	o.SmallSize, o.LargeSize = roundUp(o.SmallSize), roundUp(o.LargeSize)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.nodes != nil {
		return fmt.Errorf("the buffer pools are in use; set their sizes before the program initializes its subsystems: %w", syscall.EBUSY)
	}
	p.opts = o
	return nil
}

func roundUp(size uint32) uint32 { return (size + Alignment - 1) &^ (Alignment - 1) }

// Options returns the sizes.
func (p *Pool) Options() Options {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.opts
}

// Register makes a user of the pool known, which Stats then lists. Opening a
// channel does so too.
func (p *Pool) Register(module string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.register(module)
}

func (p *Pool) register(module string) {
	if !slices.Contains(p.modules, module) {
		p.modules = append(p.modules, module)
	}
}

// classes returns the buffers of a node. p.mu is held.
func (p *Pool) classes(node int) *[2]*class {
	if p.nodes == nil {
		p.nodes = map[int]*[2]*class{}
	}
	c := p.nodes[node]
	if c == nil {
		c = &[2]*class{newClass("small", p.opts.SmallSize, p.opts.SmallCount), newClass("large", p.opts.LargeSize, p.opts.LargeCount)}
		p.nodes[node] = c
	}
	return c
}

// Close gives the memory back to the system. It fails while channels are
// open.
func (p *Pool) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.channels); n > 0 {
		return fmt.Errorf("close the buffer pools: %d channels are open, of module %s and others: %w", n, p.channels[0].module, syscall.EBUSY)
	}
	for _, classes := range p.nodes {
		for _, c := range classes {
			if err := c.close(); err != nil {
				return err
			}
		}
	}
	p.nodes = nil
	return nil
}

// class is the buffers of one size on one node.
type class struct {
	name string
	size int
	max  int

	// starving is the number of shelves that wait, for a look without
	// the lock.
	starving atomic.Int32

	mu      sync.Mutex
	free    [][]byte
	made    int
	chunks  []*dma.Buffer
	shelves []*shelf // of all open channels
	queue   []*shelf // those that wait, first come first served
	warned  bool
}

func newClass(name string, size uint32, count uint64) *class {
	return &class{name: name, size: int(size), max: int(min(count, 1<<30))}
}

// take moves up to n buffers to s's cache. If there is none, s is noted as
// waiting and called when one comes.
func (c *class) take(s *shelf, n int, wait bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.free) == 0 && !c.grow() {
		if wait && !s.queued {
			s.queued = true
			c.queue = append(c.queue, s)
			c.starving.Store(int32(len(c.queue)))
			c.recall(s)
		}
		return false
	}
	n = min(n, len(c.free))
	rest := len(c.free) - n
	s.cache = append(s.cache, c.free[rest:]...)
	clear(c.free[rest:])
	c.free = c.free[:rest]
	return true
}

// grow maps another chunk. c.mu is held.
func (c *class) grow() bool {
	n := min(max(1, chunkBytes/c.size), c.max-c.made)
	if n == 0 {
		return false
	}
	buf, err := dma.Alloc(n*c.size, Alignment)
	if err != nil {
		if !c.warned {
			c.warned = true
			log.Warnf("iobuf: %s buffers: only %d of %d fit into memory: %v", c.name, c.made, c.max, err)
		}
		return false
	}
	c.chunks = append(c.chunks, buf)
	mem := buf.Bytes()
	for at := 0; at < len(mem); at += c.size {
		c.free = append(c.free, mem[at:at+c.size:at+c.size])
	}
	c.made += n
	return true
}

// give takes buffers back and calls those that wait for them.
func (c *class) give(bufs [][]byte) {
	c.mu.Lock()
	c.free = append(c.free, bufs...)
	c.wake(len(bufs))
	c.mu.Unlock()
}

// pass lets the next one have what the one that was called did not need.
func (c *class) pass() {
	c.mu.Lock()
	c.wake(len(c.free))
	c.mu.Unlock()
}

// wake calls up to n of those that wait. c.mu is held.
func (c *class) wake(n int) {
	n = min(n, len(c.queue))
	for _, s := range c.queue[:n] {
		s.queued = false
		if s.sent.CompareAndSwap(false, true) {
			s.t.SendMsg(&s.msg)
		}
	}
	c.queue = slices.Delete(c.queue, 0, n)
	c.starving.Store(int32(len(c.queue)))
}

// recall asks the threads for what their caches hold: without, s might wait
// for a thread that itself waits for what s is about to do. c.mu is held.
func (c *class) recall(s *shelf) {
	for _, o := range c.shelves {
		if o != s && o.recalled.CompareAndSwap(false, true) {
			o.t.SendMsg(&o.recall)
		}
	}
}

// join makes s known to those that wait.
func (c *class) join(s *shelf) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shelves = append(c.shelves, s)
}

// forget takes s out of the queue, and no longer asks it for buffers.
func (c *class) forget(s *shelf) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shelves = slices.DeleteFunc(c.shelves, func(o *shelf) bool { return o == s })
	c.queue = slices.DeleteFunc(c.queue, func(o *shelf) bool { return o == s })
	c.starving.Store(int32(len(c.queue)))
	s.queued = false
}

func (c *class) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.free) != c.made {
		return fmt.Errorf("close the buffer pools: %d of %d %s buffers have not been given back: %w", c.made-len(c.free), c.made, c.name, syscall.EBUSY)
	}
	for _, b := range c.chunks {
		b.Free()
	}
	c.chunks, c.free, c.made = nil, nil, 0
	return nil
}
