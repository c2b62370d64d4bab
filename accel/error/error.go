// SPDX-License-Identifier: BSD-3-Clause

// Package accelerror is the accel module "error", which lets operations fail
// or corrupts their results, and leaves the rest to another module. As in
// SPDK it has crc32c only, and does that only if the operation is assigned to
// it.
package accelerror

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gospdk/gospdk/accel"
	"github.com/gospdk/gospdk/thread"
)

// Kind is what is injected.
type Kind uint8

// Kinds, with SPDK's values.
const (
	Disable Kind = iota // nothing
	Corrupt             // a wrong result, with success
	Failure             // an error, without the operation being carried out
)

var kindNames = []string{"disable", "corrupt", "failure"}

// String returns the kind as SPDK names it.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("injection %d", uint8(k))
}

// ParseKind returns the kind of that name.
func ParseKind(name string) (Kind, error) {
	if i := slices.Index(kindNames, name); i >= 0 {
		return Kind(i), nil
	}
	return 0, fmt.Errorf("type %q: it must be one of %s: %w", name, strings.Join(kindNames, ", "), syscall.EINVAL)
}

// Injection says what happens to an operation.
type Injection struct {
	Op       accel.Op
	Kind     Kind
	Count    uint64 // how often on each channel; 0 is Disable
	Interval uint64 // every so many operations; 0 and 1 are each
	// Errcode is the status of Failure: an errno, negated or not. With 0,
	// as in SPDK, the operation ends with success without having been
	// carried out.
	Errcode int32
}

// Module is the error module.
type Module struct {
	inner accel.Module

	mu       sync.Mutex
	injected map[accel.Op]Injection
	channels []*channel
}

// New makes the module; inner is the one that does the work, usually the
// software module. Both are added to the framework.
func New(inner accel.Module) *Module {
	return &Module{inner: inner, injected: map[accel.Op]Injection{}}
}

// Name implements accel.Module.
func (*Module) Name() string { return "error" }

// Priority implements accel.Module: it is never chosen by itself.
func (*Module) Priority() int { return math.MinInt32 }

// Supports implements accel.Module.
func (*Module) Supports(op accel.Op) bool { return op == accel.OpCRC32C }

// Inject replaces what happens to an operation, on all channels.
func (m *Module) Inject(ctx context.Context, in Injection) error {
	if !m.Supports(in.Op) {
		return fmt.Errorf("opcode %q: the error module has crc32c only: %w", in.Op, syscall.EINVAL)
	}
	if int(in.Kind) >= len(kindNames) {
		return fmt.Errorf("type %s: it must be one of %s: %w", in.Kind, strings.Join(kindNames, ", "), syscall.EINVAL)
	}
	if in.Kind == Disable || in.Count == 0 {
		in.Kind, in.Count = Disable, 0
	}
	m.mu.Lock()
	m.injected[in.Op] = in
	channels := slices.Clone(m.channels)
	m.mu.Unlock()
	for _, c := range channels {
		err := thread.Do(ctx, c.t, func() error {
			c.points[in.Op] = &point{Injection: in}
			return nil
		})
		if err != nil && !errors.Is(err, thread.ErrExited) {
			return fmt.Errorf("inject into accel operation %s: %w", in.Op, err)
		}
	}
	return nil
}

// Injections returns what is injected, in the order of the operations.
func (m *Module) Injections() []Injection {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Injection
	for _, op := range accel.Ops() {
		if in := m.injected[op]; in.Kind != Disable {
			all = append(all, in)
		}
	}
	return all
}

// point counts an injection on one channel.
type point struct {
	Injection
	injected uint64 // so far
	since    uint64 // operations since the last one
}

// hit tells whether the next operation is to be hit.
func (p *point) hit() bool {
	if p.Kind == Disable {
		return false
	}
	p.since++
	if p.since < p.Interval {
		return false
	}
	p.since = 0
	if p.injected >= p.Count {
		p.Kind = Disable
		return false
	}
	p.injected++
	return true
}

// channel is the module on one thread.
type channel struct {
	m      *Module
	t      *thread.Thread
	inner  accel.ModuleChannel
	points map[accel.Op]*point
	failed []failure
	poller *thread.Poller
}

type failure struct {
	task   *accel.Task
	status syscall.Errno
}

// OpenChannel implements accel.Module.
func (m *Module) OpenChannel(t *thread.Thread) (accel.ModuleChannel, error) {
	inner, err := m.inner.OpenChannel(t)
	if err != nil {
		return nil, err
	}
	c := &channel{m: m, t: t, inner: inner, points: map[accel.Op]*point{}}
	c.startPoller()
	m.mu.Lock()
	defer m.mu.Unlock()
	for op, in := range m.injected {
		c.points[op] = &point{Injection: in}
	}
	m.channels = append(m.channels, c)
	return c, nil
}

// startPoller starts what ends failing tasks, anew after a panic of a user.
func (c *channel) startPoller() {
	c.poller = c.t.NewPoller(thread.PollerConfig{
		Name: "accel_error", Poll: c.poll, Arm: c.arm, OnPanic: func(any) { c.startPoller() },
	})
}

// Close implements accel.ModuleChannel.
func (c *channel) Close() {
	c.poller.Stop()
	c.inner.Close()
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	c.m.channels = slices.DeleteFunc(c.m.channels, func(o *channel) bool { return o == c })
}

// Submit implements accel.ModuleChannel.
func (c *channel) Submit(t *accel.Task) {
	p := c.points[t.Op]
	if p == nil || !p.hit() {
		c.inner.Submit(t)
		return
	}
	if p.Kind == Corrupt {
		t.Done = &corrupter{t.Done}
		c.inner.Submit(t)
		return
	}
	code := int64(p.Errcode)
	status := syscall.Errno(max(code, -code))
	c.failed = append(c.failed, failure{t, status})
}

// poll ends what fails, a round later, as SPDK does.
func (c *channel) poll() int {
	n := len(c.failed)
	for range n {
		f := c.failed[0]
		c.failed = c.failed[1:]
		f.task.Complete(f.status)
	}
	return n
}

func (c *channel) arm() time.Duration {
	if len(c.failed) > 0 {
		return 0
	}
	return thread.Forever
}

// corrupter stands before the user's Done.
type corrupter struct{ done accel.Completer }

// Complete implements accel.Completer.
func (c *corrupter) Complete(t *accel.Task) {
	t.Done = c.done
	t.CRC = uint64(uint32(t.CRC + 1))
	if c.done != nil {
		c.done.Complete(t)
	}
}
