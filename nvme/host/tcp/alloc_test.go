// SPDX-License-Identifier: BSD-3-Clause

//go:build !race

package tcp_test

import (
	"testing"

	"github.com/gospdk/gospdk/nvme/host"
	target "github.com/gospdk/gospdk/nvmf/tcp"
)

// TestNoAllocations moves data in all the ways that there are. The target,
// whose data path allocates nothing either, is in the same process.
func TestNoAllocations(t *testing.T) {
	for _, digests := range []bool{false, true} {
		c := newRig(t, target.Options{}).connect(host.Options{HeaderDigest: digests, DataDigest: digests})
		ns, qp := c.Namespace(1), qpair(t, c, host.QPairOptions{})
		var rs [16]*request
		var bufs [16][]byte
		for i := range rs {
			rs[i], bufs[i] = newRequest(), make([]byte, 128<<10)
		}
		round := func() {
			for i, r := range rs {
				submit := qp.Write
				if i%2 == 0 {
					submit = qp.Read
				}
				if err := submit(ns, &r.Request, bufs[i], 0, uint32(1<<(i/2)), 0); err != nil {
					t.Fatal(err)
				}
			}
			wait(t, qp, rs[:]...)
		}
		for range 100 { // queues grow to what they need
			round()
		}
		if n := testing.AllocsPerRun(200, round); n != 0 {
			t.Errorf("digests %t: %v allocations", digests, n)
		}
	}
}
