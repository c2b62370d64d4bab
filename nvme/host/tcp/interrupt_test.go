// SPDX-License-Identifier: BSD-3-Clause

package tcp_test

import (
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/host/tcp"
	target "github.com/gospdk/gospdk/nvmf/tcp"
)

// TestInterrupts sleeps instead of polling.
func TestInterrupts(t *testing.T) {
	c := newRig(t, target.Options{}).connect(host.Options{Interrupts: true, NumIOQueues: 2})
	ns, qp := c.Namespace(1), qpair(t, c, host.QPairOptions{})
	if woken, err := qp.Wait(0); woken || err != nil {
		t.Fatalf("an idle queue pair: %t, %v", woken, err)
	}
	r := newRequest()
	for _, blocks := range []uint32{1, 2048} {
		for _, submit := range []func(*host.Namespace, *host.Request, []byte, uint64, uint32, host.IOFlags) error{qp.Write, qp.Read} {
			must(t, submit(ns, &r.Request, make([]byte, blocks*blockSize), 0, blocks, 0))
			for r.done == 0 {
				n, err := qp.ProcessCompletions(0)
				must(t, err)
				if n > 0 {
					continue
				}
				woken, err := qp.Wait(patience)
				must(t, err)
				if !woken {
					t.Fatalf("not woken within %v", patience)
				}
				qp.ClearInterrupt()
			}
			r.done = 0
			must(t, r.Err())
		}
	}
}

// TestDiscoveryController connects to the discovery subsystem, which is what
// no name means.
func TestDiscoveryController(t *testing.T) {
	g := newRig(t, target.Options{})
	trid := g.trid()
	trid.Subnqn = ""
	c := connect(t, tcp.Transport{}, trid, host.Options{})
	if !c.IsDiscovery() || len(c.Namespaces()) != 0 || c.TransportID().Subnqn != nvme.DiscoveryNQN {
		t.Errorf("%v with %d namespaces, discovery %t", c.TransportID(), len(c.Namespaces()), c.IsDiscovery())
	}
}
