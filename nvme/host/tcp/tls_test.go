// SPDX-License-Identifier: BSD-3-Clause

package tcp_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/host/tcp"
	"github.com/gospdk/gospdk/nvme/psk"
	"github.com/gospdk/gospdk/nvmf"
	target "github.com/gospdk/gospdk/nvmf/tcp"
)

// newTLSRig makes a target that one host may come to with TLS, by that key.
func newTLSRig(t *testing.T, key string) *rig {
	t.Helper()
	g := newRig(t, target.Options{ConnectTimeout: 5 * time.Second})
	g.target.SetKeyReader(func(name string) ([]byte, error) {
		if name == "key" {
			return []byte(key), nil
		}
		return nil, fmt.Errorf("no key %q: %w", name, syscall.ENOKEY)
	})
	g.sub.AllowAnyHost(false)
	must(t, g.sub.AddHostWithKeys(hostNQN, nvmf.HostKeys{PSK: "key"}))
	must(t, g.l.Close())
	var err error
	g.l, err = g.tr.ListenTLS(context.Background(), g.sub, "127.0.0.1", "0")
	must(t, err)
	return g
}

// settled lets goroutines of connections that were closed come to their end.
func settled(t *testing.T) {
	t.Cleanup(func() {
		for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
			p := make([]byte, 1<<20)
			if p = p[:runtime.Stack(p, true)]; !bytes.Contains(p, []byte("sock.carry")) && !bytes.Contains(p, []byte("tls13")) {
				return
			}
		}
		t.Error("relays have not ended")
	})
}

func TestTLS(t *testing.T) {
	for _, hash := range []psk.Hash{psk.None, psk.SHA256, psk.SHA384} {
		t.Run(hash.String(), func(t *testing.T) {
			settled(t)
			key := psk.Generate(hash).String()
			g := newTLSRig(t, key)
			c := g.connect(host.Options{HostNQN: hostNQN, TLSKey: key, HeaderDigest: true, DataDigest: true})
			qp := qpair(t, c, host.QPairOptions{})
			const size = 256 << 10
			mem, err := dma.Alloc(2*size, 4096)
			must(t, err)
			defer mem.Free()
			out, in := mem.Bytes()[:size], mem.Bytes()[size:]
			rnd := rand.New(rand.NewPCG(1, 2))
			for i := range out {
				out[i] = byte(rnd.Uint32())
			}
			for _, bytesOf := range []int{blockSize, 4096, 64 << 10, size} {
				n := uint32(bytesOf / blockSize)
				r := newRequest()
				must(t, qp.Write(c.Namespace(1), &r.Request, out[:bytesOf], 8, n, 0))
				wait(t, qp, r)
				r = newRequest()
				must(t, qp.Read(c.Namespace(1), &r.Request, in[:bytesOf], 8, n, 0))
				wait(t, qp, r)
				if !bytes.Equal(in[:bytesOf], out[:bytesOf]) {
					t.Errorf("%d bytes are others", bytesOf)
				}
			}
			must(t, c.Reset(context.Background()))
		})
	}
}

func TestTLSRefused(t *testing.T) {
	settled(t)
	key := psk.Generate(psk.SHA256)
	g := newTLSRig(t, key.String())
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for name, o := range map[string]host.Options{
		"decrypt error":        {HostNQN: hostNQN, TLSKey: psk.Generate(psk.SHA256).String()},
		"unknown PSK identity": {HostNQN: hostNQN + "x", TLSKey: key.String()},
		"TLSKey":               {HostNQN: hostNQN, TLSKey: "nonsense"},
		"":                     {HostNQN: hostNQN, ConnectTimeout: 300 * time.Millisecond}, // no TLS
	} {
		c, err := host.Connect(ctx, tcp.Transport{}, g.trid(), o)
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%q: %v", name, err)
		}
		if err == nil {
			must(t, c.Detach(ctx))
		}
	}
	// What is no TLS at all is closed, and does not keep the listener from
	// closing; nor does what says nothing.
	for _, text := range []string{"GET / HTTP/1.0\r\n\r\n", ""} {
		a := g.l.Address()
		c, err := net.Dial("tcp", net.JoinHostPort(a.Traddr, a.Trsvcid))
		must(t, err)
		defer c.Close()
		_, err = c.Write([]byte(text))
		must(t, err)
		must(t, c.SetReadDeadline(time.Now().Add(patience)))
		if text != "" {
			if n, err := c.Read(make([]byte, 100)); err == nil && n > 7 {
				t.Errorf("%q is answered with %d bytes", text, n)
			}
		}
	}
	// The port is for TLS.
	if _, err := g.tr.Listen(ctx, g.target.Discovery(), "127.0.0.1", g.l.Address().Trsvcid); err == nil {
		t.Error("a listener without TLS at the same port")
	}
	// TLS where there is none.
	must(t, g.l.Close())
	var err error
	g.l, err = g.tr.Listen(ctx, g.sub, "127.0.0.1", "0")
	must(t, err)
	if _, err := host.Connect(ctx, tcp.Transport{}, g.trid(), host.Options{HostNQN: hostNQN, TLSKey: key.String(), ConnectTimeout: 300 * time.Millisecond}); err == nil {
		t.Error("TLS with a listener that has none")
	}
}
