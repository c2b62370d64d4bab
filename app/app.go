// SPDX-License-Identifier: BSD-3-Clause

// Package app is the daemon: it starts reactors and subsystems in order,
// listens for JSON-RPC, loads a configuration and stops everything again, as
// SPDK's application framework does.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/gospdk/gospdk/accel"
	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/claim"
	"github.com/gospdk/gospdk/keyring"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/notify"
	"github.com/gospdk/gospdk/reactor"
	"github.com/gospdk/gospdk/reactor/scheduler"
	"github.com/gospdk/gospdk/rpc"
	"github.com/gospdk/gospdk/sock"
	"github.com/gospdk/gospdk/thread"
	"github.com/gospdk/gospdk/thread/iobuf"
)

var flag = log.Flag("app_config")

// StopTimeout bounds an orderly stop.
const StopTimeout = 30 * time.Second

// Config says how to run. The zero value is a target on the first free CPU
// without RPC addresses.
type Config struct {
	// Name is the program's, such as "spdk_tgt".
	Name    string
	Version string
	// Mask names the CPUs, a reactor each. If it is empty, the first CPU is
	// taken that no other program has claimed.
	Mask reactor.Mask
	// MainCore is the CPU of the first thread, and the scheduling core; -1
	// for the first of the mask.
	MainCore int
	// Poll keeps the reactors from ever sleeping.
	Poll bool
	// NoCPULocks leaves the files alone by which programs claim CPUs.
	NoCPULocks bool
	// LockDir is where these files are; /var/tmp if empty.
	LockDir string

	// Trace says how tracepoints are recorded.
	Trace Trace

	// RPC lists where to listen for requests; none is allowed.
	RPC []Listener
	// RPCLog gets a line for each request, if it is set.
	RPCLog io.Writer
	// RPCsAllowed, if not empty, names the only methods that may be called.
	RPCsAllowed []string
	// WaitForRPC leaves the start of the subsystems to framework_start_init.
	WaitForRPC bool
	// Configuration is the content of a configuration file, nil for none.
	Configuration []byte
	// IgnoreInitErrors goes on after a failed entry of the configuration.
	IgnoreInitErrors bool
}

// Env is what modules build on.
type Env struct {
	RPC      *rpc.Registry
	Reactors *reactor.Set
	Iobuf    *iobuf.Pool
	Sock     *sock.Impls
	Notify   *notify.Log
	Accel    *accel.Framework
	Bdevs    *bdev.Registry
	Keyring  *keyring.Keyring
}

// Modules makes what the program consists of beside the framework: it is
// called once, adds block device modules to env.Bdevs and returns further
// subsystems, in any order.
type Modules func(env *Env) ([]*Subsystem, error)

// App is a running daemon.
type App struct {
	Env
	cfg        Config
	subsystems []*Subsystem // in the order of their start
	sched      *scheduler.Runner
	appThread  *thread.Thread
	locks      cpuLocks
	servers    []*server
	switches   switchMonitor

	initOnce sync.Mutex
	started  int           // subsystems that have been started
	pending  configuration // to be loaded after framework_start_init
	ready    chan struct{} // closed when they all have

	stopOnce sync.Once
	stopErr  error
}

// Start starts a daemon. ctx bounds the call, with the configuration's
// loading; the daemon lives until Stop.
func Start(ctx context.Context, cfg Config, modules Modules) (_ *App, err error) {
	a := &App{cfg: cfg, ready: make(chan struct{})}
	a.locks.dir = cfg.LockDir
	if a.locks.dir == "" {
		a.locks.dir = claim.Dir
	}
	defer func() {
		if err != nil {
			stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), StopTimeout)
			defer cancel()
			err = errors.Join(err, a.Stop(stop))
		}
	}()
	if err := cfg.Trace.start(); err != nil {
		return nil, err
	}
	if err := a.startReactors(ctx); err != nil {
		return nil, err
	}
	a.switches.enable(true, a.Reactors)
	if err := a.build(modules); err != nil {
		return nil, err
	}
	if err := a.listen(); err != nil {
		return nil, err
	}
	return a, a.configure(ctx)
}

// startReactors claims CPUs and starts a reactor on each.
func (a *App) startReactors(ctx context.Context) error {
	mask, err := a.chooseCPUs()
	if err != nil {
		return err
	}
	if a.Reactors, err = reactor.Start(reactor.Config{Mask: mask, Poll: a.cfg.Poll}); err != nil {
		return err
	}
	main := a.cfg.MainCore
	if main < 0 {
		main = mask.CPUs()[0]
	}
	if !mask.Has(main) {
		return fmt.Errorf("main core %d: it is not in the core mask %s", main, mask.List())
	}
	a.sched = scheduler.NewRunner(a.Reactors, main)
	first, err := reactor.MaskOf(main)
	if err != nil {
		return err
	}
	if a.appThread, err = a.Reactors.NewThread(ctx, "app_thread", first); err != nil {
		return err
	}
	log.Noticef("Total cores available: %d", mask.Count())
	return nil
}

// build makes the framework's parts and the modules, and registers methods.
func (a *App) build(modules Modules) error {
	a.RPC = rpc.NewRegistry()
	a.Notify = notify.New()
	a.Iobuf = iobuf.New(iobuf.Options{})
	a.Sock = sock.NewImpls()
	a.Accel = accel.New(accel.WithIobuf(a.Iobuf))
	a.Bdevs = bdev.NewRegistry(bdev.WithIobuf(a.Iobuf), bdev.WithNotify(a.Notify), bdev.WithThreads(a.Reactors.Threads))
	a.Keyring = keyring.New()
	more, err := modules(&a.Env)
	if err != nil {
		return err
	}
	if a.subsystems, err = inOrder(append(a.framework(), more...)); err != nil {
		return err
	}
	a.registerRPC()
	for _, m := range a.Bdevs.Modules() {
		register(a.RPC, m)
	}
	return nil
}

// configure starts the subsystems with the configuration, or leaves that to
// framework_start_init. The servers take requests when it is done, or earlier
// for those that set up.
func (a *App) configure(ctx context.Context) error {
	file, err := parseConfiguration(a.cfg.Configuration)
	if err != nil {
		return fmt.Errorf("the configuration: %w", err)
	}
	if err := a.load(ctx, file, rpc.StateStartup); err != nil {
		return err
	}
	if a.cfg.WaitForRPC {
		a.pending = file
		a.serve()
		return nil
	}
	if err := a.Init(ctx); err != nil {
		return err
	}
	if err := a.load(ctx, file, rpc.StateRuntime); err != nil {
		return err
	}
	a.serve()
	return nil
}
