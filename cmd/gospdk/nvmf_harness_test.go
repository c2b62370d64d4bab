// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gospdk/gospdk/app"
	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/host/pcie"
	"github.com/gospdk/gospdk/rpc"
)

const (
	node1 = "nqn.2016-06.io.spdk:cnode1"
	node2 = "nqn.2016-06.io.spdk:cnode2"
	uuid1 = "11111111-2222-3333-4444-555555555555"
)

// nvmfRig is a daemon and its methods.
type nvmfRig struct {
	*testing.T
	a   *app.App
	dir string
}

func newNVMfRig(t *testing.T, cfg app.Config) *nvmfRig {
	t.Helper()
	old := log.SetOutput(io.Discard)
	cfg.MainCore, cfg.NoCPULocks, cfg.LockDir = -1, true, t.TempDir()
	a, err := app.Start(t.Context(), cfg, target)
	if err != nil {
		t.Fatal(err)
	}
	g := &nvmfRig{t, a, t.TempDir()}
	t.Cleanup(func() {
		g.stop()
		log.SetOutput(old)
	})
	return g
}

func (g *nvmfRig) stop() {
	g.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), app.StopTimeout)
	defer cancel()
	if err := g.a.Stop(ctx); err != nil {
		g.Error(err)
	}
}

// expand puts the test's directory and names into parameters.
func (g *nvmfRig) expand(params string) string {
	return strings.NewReplacer("@DIR@", g.dir, "@1@", `"nqn":"`+node1+`"`, "@2@", `"nqn":"`+node2+`"`).Replace(params)
}

// call returns the answer as JSON.
func (g *nvmfRig) call(method, params string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	result, err := g.a.RPC.Call(ctx, method, json.RawMessage(g.expand(params)))
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(result)
	return string(b), err
}

// must is call of what succeeds.
func (g *nvmfRig) must(method, params string) string {
	g.Helper()
	s, err := g.call(method, params)
	if err != nil {
		g.Fatalf("%s %s: %v", method, params, err)
	}
	return s
}

// refused is call of what fails, with a code and words.
func (g *nvmfRig) refused(method, params string, code int, words ...string) {
	g.Helper()
	s, err := g.call(method, params)
	e, ok := errors.AsType[*rpc.Error](err)
	if !ok {
		g.Errorf("%s %s = %s, %v", method, params, s, err)
		return
	}
	for _, w := range words {
		if e.Code != code || !strings.Contains(e.Message, w) {
			g.Errorf("%s %s: %d %s, want %d and %q", method, params, e.Code, e.Message, code, w)
		}
	}
}

// serve makes a subsystem with a disk in memory, at a directory of its name.
func (g *nvmfRig) serve(node, disk, dir string) {
	g.Helper()
	g.must("bdev_malloc_create", `{"name":"`+disk+`","num_blocks":4096,"block_size":512}`)
	g.must("nvmf_create_subsystem", `{"nqn":"`+node+`","allow_any_host":true}`)
	g.must("nvmf_subsystem_add_ns", `{"nqn":"`+node+`","namespace":{"bdev_name":"`+disk+`"}}`)
	g.must("nvmf_subsystem_add_listener", listenAt(node, dir))
}

func listenAt(node, dir string) string {
	return `{"nqn":"` + node + `","listen_address":{"trtype":"VFIOUSER","traddr":"@DIR@/` + dir + `"}}`
}

// initiator is a host of the target. All but the counters belongs to one
// goroutine at a time.
type initiator struct {
	t     *testing.T
	c     *host.Controller
	qp    *host.QPair
	buf   *dma.Buffer
	ended bool
	req   host.Request
	rng   *rand.Rand

	loops atomic.Uint64 // of verified I/O
}

func (g *nvmfRig) connect(dir string) (*initiator, error) {
	id := nvme.TransportID{Trtype: nvme.TrtypeVFIOUser, Traddr: filepath.Join(g.dir, dir)}
	c, err := host.Connect(g.Context(), pcie.Transport{}, id, host.Options{})
	if err != nil {
		return nil, err
	}
	qp, err := c.AllocIOQPair(host.QPairOptions{})
	if err != nil {
		return nil, err
	}
	buf, err := dma.Alloc(8192, 4096)
	if err != nil {
		return nil, err
	}
	i := &initiator{t: g.T, c: c, qp: qp, buf: buf, rng: rand.New(rand.NewPCG(1, 2))}
	i.req.Done = i
	return i, nil
}

func (g *nvmfRig) mustConnect(dir string) *initiator {
	g.Helper()
	i, err := g.connect(dir)
	if err != nil {
		g.Fatal(err)
	}
	return i
}

// Complete implements host.Completer.
func (i *initiator) Complete(*host.Request) { i.ended = true }

// wait ends a command that was submitted.
func (i *initiator) wait(err error) error {
	for !i.ended && err == nil {
		_, err = i.qp.ProcessCompletions(0)
		runtime.Gosched()
	}
	i.ended = false
	if err != nil {
		return err
	}
	return i.req.Err()
}

// check writes random blocks of a namespace and reads them back.
func (i *initiator) check(nsid uint32) error {
	ns := i.c.Namespace(nsid)
	if ns == nil {
		return errors.New("no such namespace")
	}
	out, in := i.buf.Bytes()[:4096], i.buf.Bytes()[4096:]
	lba := i.rng.Uint64N(4096 - 8)
	for n := range out {
		out[n] = byte(i.rng.Uint32())
	}
	if err := i.wait(i.qp.Write(ns, &i.req, out, lba, 8, 0)); err != nil {
		return err
	}
	if err := i.wait(i.qp.Read(ns, &i.req, in, lba, 8, 0)); err != nil {
		return err
	}
	if !bytes.Equal(out, in) {
		return errors.New("other data came back")
	}
	return nil
}

func (i *initiator) detach() {
	i.t.Helper()
	if err := i.qp.Free(context.Background()); err != nil {
		i.t.Error(err)
	}
	if err := i.c.Detach(context.Background()); err != nil {
		i.t.Error(err)
	}
	i.buf.Free()
}

// background checks a namespace on and on until the function that it returns
// is called. Meanwhile it sees the asynchronous events.
func (i *initiator) background(nsid uint32) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-quit:
				return
			default:
			}
			if err := i.check(nsid); err != nil {
				i.t.Errorf("namespace %d: %v", nsid, err)
				return
			}
			if _, err := i.c.ProcessAdminCompletions(); err != nil {
				i.t.Error(err)
				return
			}
			i.loops.Add(1)
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

// eventually waits until something is so.
func (g *nvmfRig) eventually(what string, ok func() bool) {
	g.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); runtime.Gosched() {
		if time.Now().After(end) {
			g.Fatalf("%s: not within 20 s", what)
		}
	}
}
