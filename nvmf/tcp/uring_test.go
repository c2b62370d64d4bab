// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf"
	"github.com/gospdk/gospdk/sock"
)

// TestUringReadWrite goes to and fro between small transfers, which io_uring
// gives, and large ones, which are read.
func TestUringReadWrite(t *testing.T) {
	probe, err := sock.NewUringGroup()
	if err != nil {
		t.Skip(err) // a container may forbid it
	}
	probe.Close()
	impls := sock.NewImpls()
	if err := impls.SetDefault(sock.Uring); err != nil {
		t.Fatal(err)
	}
	for _, o := range []hostOptions{{noFlow: true}, {hdgst: true, ddgst: true}} {
		t.Run(fmt.Sprintf("%+v", o), func(t *testing.T) {
			g := newRig(t, Options{MaxDataSize: 1 << 20, Sock: impls})
			h := g.ioQueue(g.login(o), 1)
			for range 5 {
				h.transfer(4096, 64, true)
				h.transfer(4096, 1, true)
				h.transfer(8192, 32, false)
				h.transfer(128<<10, 16, false)
				h.transfer(1<<20, 3, false)
			}
			for range 20 { // comes and goes in the middle of something
				h.transfer(512, 2*smallRun, true)
				other := g.ioQueue(g.login(o), 1)
				other.transfer(4096, smallRun, true)
				other.conn.Close()
			}
		})
	}
}

// TestListenersOfTwoImplementations has hosts come by listeners with different
// sockets, whose work alternates on one thread.
func TestListenersOfTwoImplementations(t *testing.T) {
	g := newRig(t, Options{})
	ctx := context.Background()
	id := nvme.TransportID{Traddr: g.l.Address().Traddr, Trsvcid: g.l.Address().Trsvcid}
	for _, bad := range []struct {
		impl string
		id   nvme.TransportID
		want string
	}{
		{"urinng", nvme.TransportID{Traddr: id.Traddr, Trsvcid: "0"}, `impl_name "urinng"`},
		{sock.SSL, nvme.TransportID{Traddr: id.Traddr, Trsvcid: "0"}, "secure_channel"},
		{sock.Uring, id, "sock_impl posix: use another port"},
	} {
		if _, err := g.tr.listen(ctx, g.target.Discovery(), bad.id, nvmf.ListenOptions{SockImpl: bad.impl}); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("sock_impl %s: %v", bad.impl, err)
		}
	}
	posix := g.ioQueue(g.login(hostOptions{}), 1)
	var err error
	if g.l, err = g.tr.listen(ctx, g.sub, nvme.TransportID{Traddr: "127.0.0.1", Trsvcid: "0"}, nvmf.ListenOptions{SockImpl: sock.Uring}); err != nil {
		t.Fatal(err)
	}
	uring := g.ioQueue(g.login(hostOptions{}), 1)
	for range 5 {
		posix.transfer(4096, 8, false)
		uring.transfer(4096, 8, true)
		a := rw(nvme.CmdRead, 0, make([]byte, 128<<10))
		b := rw(nvme.CmdRead, 0, make([]byte, 128<<10))
		ra, rb := map[uint16]*hostIO{posix.start(a): a}, map[uint16]*hostIO{uring.start(b): b}
		for _, x := range []struct {
			h  *host
			io map[uint16]*hostIO
		}{{uring, rb}, {posix, ra}} {
			for done := false; !done; {
				_, done = x.h.step(x.io)
			}
		}
		if !bytes.Equal(a.data, b.data) {
			t.Fatal("the hosts read different data")
		}
	}
}
