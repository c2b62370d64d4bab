// SPDX-License-Identifier: BSD-3-Clause

package tcp_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/host/tcp"
	target "github.com/gospdk/gospdk/nvmf/tcp"
)

// shapes are targets and hosts that differ in what goes over the network.
var shapes = []struct {
	name   string
	target target.Options
	tr     tcp.Transport
	host   host.Options
}{
	{"plain", target.Options{}, tcp.Transport{}, host.Options{}},
	{"header digest", target.Options{}, tcp.Transport{}, host.Options{HeaderDigest: true}},
	{"data digest", target.Options{}, tcp.Transport{}, host.Options{DataDigest: true}},
	{"both digests, aligned", target.Options{CPDA: 31}, tcp.Transport{}, host.Options{HeaderDigest: true, DataDigest: true}},
	{"several R2Ts", target.Options{MaxDataSize: 1 << 20}, tcp.Transport{MaxR2T: 4}, host.Options{}},
	{"small H2CData", target.Options{MaxDataSize: 8192}, tcp.Transport{}, host.Options{}},
	{"much in the capsule", target.Options{InCapsule: 8192}, tcp.Transport{}, host.Options{DataDigest: true}},
	{"little in the capsule", target.Options{InCapsule: 16}, tcp.Transport{}, host.Options{}},
	{"no SQ flow control", target.Options{}, tcp.Transport{}, host.Options{DisableSQFlowControl: true}},
	{"no SUCCESS", target.Options{NoC2HSuccess: true}, tcp.Transport{}, host.Options{DisableSQFlowControl: true}},
}

// TestSizes writes and reads all sizes that matter, at odd addresses, and
// compares every byte.
func TestSizes(t *testing.T) {
	for _, shape := range shapes {
		t.Run(shape.name, func(t *testing.T) {
			g := newRig(t, shape.target)
			c := connect(t, shape.tr, g.trid(), shape.host)
			ns, qp := c.Namespace(1), qpair(t, c, host.QPairOptions{})
			if ns == nil || ns.Size() != diskSize {
				t.Fatalf("namespace 1: %v", ns)
			}
			rnd := rand.New(rand.NewPCG(1, 2))
			out, in, none := make([]byte, 1<<20+64), make([]byte, 1<<20+64), make([]byte, 1<<20+64)
			r := newRequest()
			for _, blocks := range []int{1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 127, 255, 256, 257, 1000, 2047, 2048} {
				size := blocks * blockSize
				fill(rnd, out)
				clear(in)
				a, b := rnd.IntN(64), rnd.IntN(64)
				lba := rnd.Uint64N(diskSize/blockSize - uint64(blocks))
				must(t, qp.Write(ns, &r.Request, out[a:a+size], lba, uint32(blocks), 0))
				wait(t, qp, r)
				must(t, qp.Read(ns, &r.Request, in[b:b+size], lba, uint32(blocks), 0))
				wait(t, qp, r)
				if !bytes.Equal(out[a:a+size], in[b:b+size]) {
					t.Fatalf("%d blocks at %d: read something else than written", blocks, lba)
				}
				if !bytes.Equal(in[:b], none[:b]) || !bytes.Equal(in[b+size:], none[b+size:]) {
					t.Fatalf("%d blocks at %d: bytes beside the buffer were written", blocks, lba)
				}
				must(t, qp.Compare(ns, &r.Request, out[a:a+size], lba, uint32(blocks), 0))
				wait(t, qp, r)
			}
		})
	}
}

func fill(rnd *rand.Rand, b []byte) {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], rnd.Uint64())
	rand.NewChaCha8(seed).Read(b)
}

// TestScattered moves data from and to pieces of odd sizes.
func TestScattered(t *testing.T) {
	for _, digest := range []bool{false, true} {
		t.Run(fmt.Sprintf("digest %t", digest), func(t *testing.T) {
			c := newRig(t, target.Options{}).connect(host.Options{DataDigest: digest})
			ns, qp := c.Namespace(1), qpair(t, c, host.QPairOptions{})
			rnd := rand.New(rand.NewPCG(3, 4))
			r := newRequest()
			for range 30 {
				blocks := 1 + rnd.IntN(600)
				out, in := make([]byte, blocks*blockSize), make([]byte, blocks*blockSize)
				fill(rnd, out)
				must(t, qp.WriteV(ns, &r.Request, scatter(rnd, out), 5, uint32(blocks), 0))
				wait(t, qp, r)
				must(t, qp.ReadV(ns, &r.Request, scatter(rnd, in), 5, uint32(blocks), 0))
				wait(t, qp, r)
				if !bytes.Equal(out, in) {
					t.Fatalf("%d blocks: read something else than written", blocks)
				}
			}
		})
	}
}

func scatter(rnd *rand.Rand, b []byte) (iov [][]byte) {
	for len(b) > 0 {
		n := min(len(b), 1+rnd.IntN(5000))
		iov = append(iov, b[:n], nil)
		b = b[n:]
	}
	return iov
}

// TestDepth keeps a queue full, beyond its size, with commands of all sizes.
func TestDepth(t *testing.T) {
	c := newRig(t, target.Options{}).connect(host.Options{HeaderDigest: true})
	ns, qp := c.Namespace(1), qpair(t, c, host.QPairOptions{Size: 16})
	rnd := rand.New(rand.NewPCG(5, 6))
	const each = 128 // blocks that a request may use
	var rs []*request
	var out, in [][]byte
	for i := range 100 {
		n := 1 + rnd.IntN(each)
		out, in = append(out, make([]byte, n*blockSize)), append(in, make([]byte, n*blockSize))
		fill(rnd, out[i])
		rs = append(rs, newRequest())
		must(t, qp.Write(ns, &rs[i].Request, out[i], uint64(i)*each, uint32(n), 0))
	}
	wait(t, qp, rs...)
	for i := range rs {
		must(t, qp.Read(ns, &rs[i].Request, in[i], uint64(i)*each, uint32(len(in[i])/blockSize), 0))
	}
	wait(t, qp, rs...)
	for i := range in {
		if !bytes.Equal(out[i], in[i]) {
			t.Fatalf("request %d: read something else than written", i)
		}
	}
	if s := qp.Stats(); s.Submitted != s.Completions || s.Submitted < 200 {
		t.Errorf("%+v", s)
	}
}
