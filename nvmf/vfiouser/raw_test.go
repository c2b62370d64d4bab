// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"context"
	"encoding/binary"
	"net"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/mmio"
	"github.com/gospdk/gospdk/internal/vfiosock"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/vfiouser"
)

// rawClient speaks vfio-user itself, so that it decides about every region of
// its memory. Its queues are those of client, through a bar of its own.
type rawClient struct {
	client
	sock   *vfiosock.Socket
	caller *vfiosock.Caller
	done   sync.WaitGroup

	mu     sync.Mutex
	dark   map[uint64][]byte // memory that is not shared, reached by messages
	silent bool              // messages for it get no answer
}

// region is memory of the client.
type region struct {
	addr uint64
	fd   int
	mem  []byte
}

func (g *rig) raw() *rawClient {
	g.t.Helper()
	conn, err := net.Dial("unix", filepath.Join(g.dir, SocketName))
	if err != nil {
		g.t.Fatal(err)
	}
	c := &rawClient{client: client{t: g.t}, sock: vfiosock.New(conn.(*net.UnixConn)), dark: map[uint64][]byte{}}
	c.caller = vfiosock.NewCaller(c.sock)
	c.bar = rawBAR{c}
	c.done.Go(c.receive)
	g.t.Cleanup(c.hangUp)
	c.call(vfiouser.CmdVersion, make([]byte, 4))
	return c
}

func (c *rawClient) hangUp() {
	c.sock.Close()
	c.done.Wait()
}

// receive delivers replies and answers the target's DMA messages.
func (c *rawClient) receive() {
	for {
		m, err := c.sock.Receive()
		if err != nil {
			c.caller.Fail(err)
			return
		}
		if m.IsReply() {
			c.caller.Deliver(m)
			continue
		}
		c.serveDMA(m)
		m.Close()
	}
}

func (c *rawClient) serveDMA(m *vfiosock.Message) {
	h := vfiouser.Header{ID: m.ID, Command: m.Command, Flags: vfiouser.FlagReply}
	a, err := vfiouser.ParseDMAAccess(m.Payload)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.silent {
		return
	}
	for base, mem := range c.dark {
		if err != nil || a.Addr < base || a.Addr+a.Count > base+uint64(len(mem)) {
			continue
		}
		at := mem[a.Addr-base:][:a.Count]
		reply := vfiouser.DMAAccess{Addr: a.Addr, Count: a.Count}
		if m.Command == vfiouser.CmdDMAWrite {
			copy(at, a.Data)
		} else {
			reply.Data = at
		}
		_ = c.sock.Send(h, reply.Append(nil), nil)
		return
	}
	h.Flags |= vfiouser.FlagError
	h.Error = uint32(syscall.EFAULT)
	_ = c.sock.Send(h, nil, nil)
}

func (c *rawClient) try(cmd vfiouser.Command, payload []byte, fds ...int) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	m, err := c.caller.Call(ctx, cmd, payload, fds)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	return m.Payload, nil
}

func (c *rawClient) call(cmd vfiouser.Command, payload []byte, fds ...int) []byte {
	c.t.Helper()
	p, err := c.try(cmd, payload, fds...)
	if err != nil {
		c.t.Fatalf("%v: %v", cmd, err)
	}
	return p
}

// share offers n bytes at addr as shared memory.
func (c *rawClient) share(addr uint64, n int) *region {
	c.t.Helper()
	return c.shareWith(addr, n, vfiouser.DMARead|vfiouser.DMAWrite)
}

func (c *rawClient) shareWith(addr uint64, n int, flags vfiouser.DMAMapFlags) *region {
	c.t.Helper()
	fd, err := unix.MemfdCreate("client", unix.MFD_CLOEXEC)
	if err == nil {
		err = unix.Ftruncate(fd, int64(n))
	}
	if err != nil {
		c.t.Fatal(err)
	}
	mem, err := unix.Mmap(fd, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { unix.Close(fd); unix.Munmap(mem) })
	m := vfiouser.DMAMap{ArgSize: vfiouser.DMAMapSize, Flags: flags | vfiouser.DMAMmap, Addr: addr, Size: uint64(n)}
	c.call(vfiouser.CmdDMAMap, m.Append(nil), fd)
	return &region{addr, fd, mem}
}

// keep offers n bytes at addr that only messages reach.
func (c *rawClient) keep(addr uint64, n int) []byte {
	c.t.Helper()
	mem := make([]byte, n)
	c.mu.Lock()
	c.dark[addr] = mem
	c.mu.Unlock()
	m := vfiouser.DMAMap{ArgSize: vfiouser.DMAMapSize, Flags: vfiouser.DMARead | vfiouser.DMAWrite, Addr: addr, Size: uint64(n)}
	c.call(vfiouser.CmdDMAMap, m.Append(nil))
	return mem
}

func (c *rawClient) unshare(r *region) {
	c.t.Helper()
	m := vfiouser.DMAUnmap{ArgSize: vfiouser.DMAUnmapSize, Addr: r.addr, Size: uint64(len(r.mem))}
	c.call(vfiouser.CmdDMAUnmap, m.Append(nil))
}

// gone waits for the target to hang up.
func (c *rawClient) gone() {
	c.t.Helper()
	gone := make(chan struct{})
	go func() { c.done.Wait(); close(gone) }()
	select {
	case <-gone:
	case <-time.After(patience):
		c.t.Fatal("the target has not hung up")
	}
}

// rawBAR is BAR 0 by messages: doorbells are trapped.
type rawBAR struct{ c *rawClient }

func (b rawBAR) Size() uint64              { return bar0Size }
func (b rawBAR) Mem(uint64, uint64) []byte { return nil }

func (b rawBAR) read(off uint64, n uint32) ([]byte, error) {
	a := vfiouser.RegionAccess{Offset: off, Region: vfiouser.RegionBAR0, Count: n}
	p, err := b.c.try(vfiouser.CmdRegionRead, a.Append(nil))
	if err != nil {
		return nil, err
	}
	r, err := vfiouser.ParseRegionAccess(p)
	return r.Data, err
}

func (b rawBAR) write(off uint64, p []byte) error {
	a := vfiouser.RegionAccess{Offset: off, Region: vfiouser.RegionBAR0, Count: uint32(len(p)), Data: p}
	_, err := b.c.try(vfiouser.CmdRegionWrite, a.Append(nil))
	return err
}

func (b rawBAR) Read32(off uint64) (uint32, error) {
	p, err := b.read(off, 4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(p), nil
}

func (b rawBAR) Read64(off uint64) (uint64, error) {
	p, err := b.read(off, 8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(p), nil
}

func (b rawBAR) Write32(off uint64, v uint32) error {
	return b.write(off, binary.LittleEndian.AppendUint32(nil, v))
}

func (b rawBAR) Write64(off uint64, v uint64) error {
	return b.write(off, binary.LittleEndian.AppendUint64(nil, v))
}

// rawQueue is a queue in a region of a raw client.
type rawQueue struct {
	c        *rawClient
	id       uint16
	size     uint32
	mem      *region
	tail     uint32
	head     uint32
	phase    bool
	lazyHead bool // the head doorbell is left alone
}

// Places in the region that queues are in.
const (
	rawAdmin = 0x0000 // submission queue, completion queue at + 0x1000
	rawIO    = 0x2000
	rawSize  = 0x10000
)

// enableIn makes the admin queues in mem.
func (c *rawClient) enableIn(mem *region, entries uint32) *rawQueue {
	c.t.Helper()
	q := &rawQueue{c: c, size: entries, mem: mem, phase: true}
	c.write32(nvme.RegAQA, (entries-1)|(entries-1)<<16)
	c.write64(nvme.RegASQ, mem.addr+rawAdmin)
	c.write64(nvme.RegACQ, mem.addr+rawAdmin+0x1000)
	c.write32(nvme.RegCC, enableCC)
	c.eventually("ready", func() bool { return c.csts().RDY() })
	return q
}

func (c *rawClient) ioQueue(admin *rawQueue, entries uint32) *rawQueue {
	c.t.Helper()
	q := &rawQueue{c: c, id: 1, size: entries, mem: admin.mem, phase: true}
	base := admin.mem.addr + rawIO
	admin.want("create completion queue", nvme.Command{Opcode: nvme.AdminCreateIOCQ, PRP1: base + 0x1000, CDW10: 1 | (entries-1)<<16, CDW11: 1}, 0)
	admin.want("create submission queue", nvme.Command{Opcode: nvme.AdminCreateIOSQ, PRP1: base, CDW10: 1 | (entries-1)<<16, CDW11: 1 | 1<<16}, 0)
	return q
}

func (q *rawQueue) base() uint64 { return uint64(q.id) * rawIO }

func (q *rawQueue) put(cmd nvme.Command) {
	copy(q.mem.mem[q.base()+uint64(q.tail)*commandSize:], nvme.Bytes(&cmd))
	q.tail = (q.tail + 1) % q.size
}

func (q *rawQueue) ring() {
	q.c.t.Helper()
	q.c.write32(uint64(nvme.DoorbellOffset(q.id, false, 4)), q.tail)
}

func (q *rawQueue) poll() (nvme.Completion, bool) {
	cpl := peekCompletion(q.mem.mem[q.base()+0x1000:], q.head)
	if cpl.Phase() != q.phase {
		return cpl, false
	}
	if q.head++; q.head == q.size {
		q.head, q.phase = 0, !q.phase
	}
	return cpl, true
}

func (q *rawQueue) wait() nvme.Completion {
	q.c.t.Helper()
	var cpl nvme.Completion
	q.c.eventually("completion", func() (ok bool) { cpl, ok = q.poll(); return ok })
	if !q.lazyHead {
		q.ringHead()
	}
	return cpl
}

func (q *rawQueue) ringHead() {
	q.c.t.Helper()
	q.c.write32(uint64(nvme.DoorbellOffset(q.id, true, 4)), q.head)
}

// status returns that of the next completion.
func (q *rawQueue) status() nvme.Status {
	q.c.t.Helper()
	cpl := q.wait()
	return cpl.Status()
}

func (q *rawQueue) want(what string, cmd nvme.Command, s nvme.Status) {
	q.c.t.Helper()
	q.put(cmd)
	q.ring()
	if got := q.status(); !got.Is(s) {
		q.c.t.Errorf("%s: %v, want %v", what, got, s)
	}
}

// put64 stores words for a PRP list or an SGL.
func (r *region) put64(off uint64, words ...uint64) {
	for i, w := range words {
		mmio.Store64(mmio.At64(r.mem, off+uint64(8*i)), w)
	}
}

// settle lets the target's thread run a few rounds.
func (g *rig) settle() {
	for range 3 {
		g.onThread(func() {})
	}
	runtime.Gosched()
}
