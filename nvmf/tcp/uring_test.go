// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"fmt"
	"testing"

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
