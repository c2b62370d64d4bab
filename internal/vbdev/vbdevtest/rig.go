// SPDX-License-Identifier: BSD-3-Clause

// Package vbdevtest helps to test devices on top of others: a registry with
// disks in memory, and a thread that is polled by hand.
package vbdevtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/thread"
)

// patience bounds a test.
const patience = 30 * time.Second

// Rig is a registry that is closed at the end of the test.
type Rig struct {
	*testing.T
	Reg *bdev.Registry
	Ctx context.Context
}

// New makes a registry.
func New(t *testing.T) *Rig {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	r := &Rig{T: t, Reg: bdev.NewRegistry(), Ctx: ctx}
	t.Cleanup(func() {
		if err := r.Reg.Close(ctx); err != nil {
			t.Error(err)
		}
		cancel()
	})
	return r
}

// Must fails the test if there is an error.
func (r *Rig) Must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// Malloc registers a disk in memory and waits until it has been examined.
func (r *Rig) Malloc(cfg malloc.Config) {
	r.Helper()
	d, err := malloc.New(cfg)
	r.Must(err)
	r.Must(r.Reg.Register(r.Ctx, d))
	r.Must(r.Reg.WaitForExamine(r.Ctx))
}

// Disk registers a disk that has content before it is examined.
func (r *Rig) Disk(cfg malloc.Config, content []byte) {
	r.Helper()
	o := r.Reg.Options()
	o.AutoExamine = false
	r.Must(r.Reg.SetOptions(o))
	r.Malloc(cfg)
	r.Write(cfg.Name, 0, content)
	r.Must(r.Reg.Examine(r.Ctx, cfg.Name))
	r.Must(r.Reg.WaitForExamine(r.Ctx))
}

// Read reads n bytes of a device, all if n is negative.
func (r *Rig) Read(name string, off int64, n int) []byte {
	r.Helper()
	desc, err := r.Reg.Open(r.Ctx, name, bdev.Read, nil)
	r.Must(err)
	io := desc.Blocking()
	if n < 0 {
		n = int(io.Size() - off)
	}
	p := make([]byte, n)
	_, err = io.ReadAtContext(r.Ctx, p, off)
	r.Must(errors.Join(err, io.Close(), desc.Close()))
	return p
}

// Write writes to a device.
func (r *Rig) Write(name string, off int64, p []byte) {
	r.Helper()
	desc, err := r.Reg.Open(r.Ctx, name, bdev.Write, nil)
	r.Must(err)
	io := desc.Blocking()
	_, err = io.WriteAtContext(r.Ctx, p, off)
	r.Must(errors.Join(err, io.Close(), desc.Close()))
}

// Names returns the names of all devices.
func (r *Rig) Names() (names []string) {
	for _, i := range r.Reg.List() {
		names = append(names, i.Name)
	}
	return names
}

// Until waits for something that happens on another goroutine.
func (r *Rig) Until(what string, ok func() bool) {
	r.Helper()
	for !ok() {
		if r.Ctx.Err() != nil {
			r.Fatalf("waited %v in vain for %s", patience, what)
		}
		time.Sleep(time.Millisecond)
	}
}

// User is a channel on a thread that is polled by hand.
type User struct {
	*Rig
	Thread *thread.Thread
	Desc   *bdev.Desc
	Ch     *bdev.UserChannel
	ended  int
}

// User opens a device for writing; it is closed at the end of the test.
func (r *Rig) User(name string) *User {
	r.Helper()
	u := &User{Rig: r, Thread: thread.New(r.T.Name())}
	var err error
	u.Desc, err = r.Reg.Open(r.Ctx, name, bdev.Write, nil)
	r.Must(err)
	u.Ch, err = u.Desc.Channel(u.Thread)
	r.Must(err)
	r.Cleanup(u.Close)
	return u
}

// Close closes channel and descriptor, once.
func (u *User) Close() {
	if u.Ch == nil {
		return
	}
	u.Must(u.Ch.Close())
	u.Ch = nil
	u.Thread.Exit()
	u.Until("the thread to exit", func() bool { u.Thread.Poll(); return u.Thread.Exited() })
	u.Must(u.Desc.Close())
}

// Complete implements bdev.Completer.
func (u *User) Complete(*bdev.IO) { u.ended++ }

// Do submits an IO and waits for its end.
func (u *User) Do(io *bdev.IO) bdev.Status {
	u.Helper()
	io.Done = u
	want := u.ended + 1
	u.Ch.Submit(io)
	for u.ended < want {
		u.Thread.Poll()
		if u.Ctx.Err() != nil {
			u.Fatalf("%s does not end", io.Op)
		}
	}
	return io.Status
}
