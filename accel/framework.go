// SPDX-License-Identifier: BSD-3-Clause

package accel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/thread/iobuf"
)

var flag = log.Flag("accel")

// ErrNotStarted is returned for what needs a framework that runs.
var ErrNotStarted = errors.New("accel framework is not started")

// ErrStarted is returned for what has to be decided before the start. It is
// syscall.EINVAL, as SPDK has it.
var ErrStarted = fmt.Errorf("accel framework is started already: %w", syscall.EINVAL)

// Options are the sizes that SPDK gives to its pools. Tasks, sequences and
// buffers belong to their users here, so the counts are only kept.
type Options struct {
	SmallCacheSize uint32 // small buffers that a channel keeps for itself
	LargeCacheSize uint32 // large buffers that a channel keeps for itself
	TaskCount      uint32 // at least 8
	SequenceCount  uint32
	BufCount       uint32
}

// DefaultOptions are SPDK's.
var DefaultOptions = Options{SmallCacheSize: 128, LargeCacheSize: 16, TaskCount: 2048, SequenceCount: 2048, BufCount: 2048}

// minTasks is the smallest Options.TaskCount.
const minTasks = 8

type state uint8

const (
	stateNew state = iota
	stateStarted
	stateClosed
)

// Framework knows the modules and what they do. Its methods may be called
// from any goroutine, except as said.
type Framework struct {
	mu       sync.Mutex
	state    state
	opts     Options
	modules  []Module // by priority, the smallest first
	drivers  []Driver
	driver   Driver // nil for none
	assigned [numOps]string
	byOp     [numOps]Module // after Start

	pool    *iobuf.Pool
	ownPool bool

	keys     []*Key
	channels []*Channel
	past     Stats // of channels that are closed
}

// Option is an option of [New].
type Option func(*Framework)

// WithIobuf gives the framework the pool that the buffers of sequences come
// from. Without it, it has its own.
func WithIobuf(p *iobuf.Pool) Option { return func(f *Framework) { f.pool = p } }

// New makes a framework without modules.
func New(opts ...Option) *Framework {
	f := &Framework{opts: DefaultOptions}
	for _, o := range opts {
		o(f)
	}
	if f.pool == nil {
		f.pool, f.ownPool = iobuf.New(iobuf.Options{}), true
	}
	return f
}

// AddModule adds a module, before Start.
func (f *Framework) AddModule(m Module) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state != stateNew {
		return fmt.Errorf("add accel module %s: %w", m.Name(), ErrStarted)
	}
	if f.find(m.Name()) != nil {
		return fmt.Errorf("add accel module %s: it already exists: %w", m.Name(), syscall.EEXIST)
	}
	at := slices.IndexFunc(f.modules, func(o Module) bool { return m.Priority() < o.Priority() })
	if at < 0 {
		at = len(f.modules)
	}
	f.modules = slices.Insert(f.modules, at, m)
	return nil
}

// AddDriver adds a driver that SetDriver can choose.
func (f *Framework) AddDriver(d Driver) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.ContainsFunc(f.drivers, func(o Driver) bool { return o.Name() == d.Name() }) {
		return fmt.Errorf("add accel driver %s: it already exists: %w", d.Name(), syscall.EEXIST)
	}
	f.drivers = append(f.drivers, d)
	return nil
}

// SetDriver chooses the driver that executes sequences, "" for none. It
// concerns channels that are made afterwards; SPDK allows it before the start
// only.
func (f *Framework) SetDriver(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state != stateNew {
		return fmt.Errorf("set accel driver %q: %w", name, ErrStarted)
	}
	if name == "" {
		f.driver = nil
		return nil
	}
	at := slices.IndexFunc(f.drivers, func(d Driver) bool { return d.Name() == name })
	if at < 0 {
		return fmt.Errorf("accel driver %q: there is none of that name; known are: %s: %w", name, list(f.drivers), syscall.ENODEV)
	}
	f.driver = f.drivers[at]
	return nil
}

// DriverName returns the name of the chosen driver, "" without one.
func (f *Framework) DriverName() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.driver == nil {
		return ""
	}
	return f.driver.Name()
}

// list returns the names of all, or "none".
func list[T interface{ Name() string }](all []T) string {
	if len(all) == 0 {
		return "none"
	}
	names := make([]string, len(all))
	for i, v := range all {
		names[i] = v.Name()
	}
	return strings.Join(names, ", ")
}

// find returns the module of that name, nil if there is none.
func (f *Framework) find(name string) Module {
	for _, m := range f.modules {
		if m.Name() == name {
			return m
		}
	}
	return nil
}

// AssignOp gives an operation to a module by name, whatever the priorities
// say, before Start, which checks that the module exists and has it.
func (f *Framework) AssignOp(op Op, module string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state != stateNew {
		return fmt.Errorf("assign accel operation %s to module %q: %w", op, module, ErrStarted)
	}
	if op == 0 || op >= numOps {
		return fmt.Errorf("assign %s to accel module %q: there is no such operation: %w", op, module, syscall.EINVAL)
	}
	f.assigned[op] = module
	return nil
}

// SetOptions replaces the options, before Start.
func (f *Framework) SetOptions(o Options) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if o.TaskCount < minTasks {
		return fmt.Errorf("accel option task_count %d: it must be at least %d: %w", o.TaskCount, minTasks, syscall.EINVAL)
	}
	if f.state != stateNew {
		return fmt.Errorf("set accel options: %w", ErrStarted)
	}
	f.opts = o
	return nil
}

// Options returns the options.
func (f *Framework) Options() Options {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.opts
}

// Start initializes the modules and decides which does what.
func (f *Framework) Start(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state != stateNew {
		return fmt.Errorf("start accel framework: %w", ErrStarted)
	}
	if err := f.initModules(ctx); err != nil {
		return err
	}
	if err := f.assign(); err != nil {
		return errors.Join(err, f.closeModules(ctx))
	}
	f.pool.Register("accel")
	f.state = stateStarted
	return nil
}

func (f *Framework) initModules(ctx context.Context) error {
	for i := 0; i < len(f.modules); {
		m, ok := f.modules[i].(Initializer)
		if !ok {
			i++
			continue
		}
		switch err := m.Init(ctx); {
		case err == nil:
			i++
		case errors.Is(err, syscall.ENODEV):
			log.Noticef("No devices for module %s, skipping", f.modules[i].Name())
			f.modules = slices.Delete(f.modules, i, i+1)
		default:
			err = fmt.Errorf("accel module %s: %w", f.modules[i].Name(), err)
			for _, m := range f.modules[:i] {
				if m, ok := m.(Initializer); ok {
					err = errors.Join(err, m.Close(ctx))
				}
			}
			return err
		}
	}
	return nil
}

func (f *Framework) closeModules(ctx context.Context) (err error) {
	for _, m := range f.modules {
		if m, ok := m.(Initializer); ok {
			err = errors.Join(err, m.Close(ctx))
		}
	}
	return err
}

// assign fills byOp.
func (f *Framework) assign() error {
	for op := OpCopy; op < numOps; op++ {
		for _, m := range f.modules { // the last that has it wins
			if m.Supports(op) {
				f.byOp[op] = m
			}
		}
		name := f.assigned[op]
		if name == "" {
			continue
		}
		m := f.find(name)
		if m == nil {
			return fmt.Errorf("accel operation %s is assigned to module %q: there is no such module; known are: %s: %w",
				op, name, list(f.modules), syscall.EINVAL)
		}
		if !m.Supports(op) {
			return fmt.Errorf("accel operation %s is assigned to module %q, which does not support it: %w", op, name, syscall.EINVAL)
		}
		f.byOp[op] = m
	}
	for _, pair := range [][2]Op{{OpEncrypt, OpDecrypt}, {OpCompress, OpDecompress}} {
		if f.byOp[pair[0]] != f.byOp[pair[1]] {
			return fmt.Errorf("accel operations %s and %s are assigned to different modules; assign both to the same one: %w",
				pair[0], pair[1], syscall.EINVAL)
		}
	}
	return nil
}

// Close ends the framework. It fails while there are channels.
func (f *Framework) Close(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.channels); n > 0 {
		return fmt.Errorf("close accel framework: %d channels are open: %w", n, syscall.EBUSY)
	}
	if f.state == stateClosed {
		return nil
	}
	started := f.state == stateStarted
	f.state = stateClosed
	for _, k := range f.keys {
		k.wipe()
	}
	f.keys = nil
	var err error
	if started {
		err = f.closeModules(ctx)
	}
	if f.ownPool {
		err = errors.Join(err, f.pool.Close())
	}
	return err
}

// ModuleInfo describes a module.
type ModuleInfo struct {
	Name string
	Ops  []Op // that it supports
}

// Modules describes the modules, by priority, the smallest first.
func (f *Framework) Modules() []ModuleInfo {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]ModuleInfo, len(f.modules))
	for i, m := range f.modules {
		all[i].Name = m.Name()
		for op := OpCopy; op < numOps; op++ {
			if m.Supports(op) {
				all[i].Ops = append(all[i].Ops, op)
			}
		}
	}
	return all
}

// Assignment is an operation and the module that does it.
type Assignment struct {
	Op     Op
	Module string
}

// Assignments tells which module does what, in the order of the operations.
// Operations that no module has are left out.
func (f *Framework) Assignments() []Assignment {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []Assignment
	for op, m := range f.byOp {
		if m != nil {
			all = append(all, Assignment{Op(op), m.Name()})
		}
	}
	return all
}

// CompressLevels returns the smallest and greatest level of an algorithm.
func (f *Framework) CompressLevels(a CompAlgo) (low, high uint32, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m, ok := f.byOp[OpCompress].(CompressModule); ok {
		if low, high, ok := m.CompressLevels(a); ok {
			return low, high, nil
		}
	}
	return 0, 0, fmt.Errorf("no accel module compresses with %s: %w", a, syscall.ENOTSUP)
}

// Alignment returns the logarithm to base 2 of the alignment that an
// operation needs of its buffers, 0 for none; blockSize is that of OpEncrypt
// and OpDecrypt.
func (f *Framework) Alignment(op Op, blockSize uint32) uint8 {
	f.mu.Lock()
	defer f.mu.Unlock()
	var bits uint8
	if op < numOps {
		if m, ok := f.byOp[op].(Aligner); ok {
			bits = m.Alignment(op, blockSize)
		}
	}
	if d, ok := f.driver.(Aligner); ok {
		bits = max(bits, d.Alignment(op, blockSize))
	}
	return bits
}
