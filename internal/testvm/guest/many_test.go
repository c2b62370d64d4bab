// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"flag"
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

var manyNamespaces = flag.Int("namespaces", 0, "`count` that TestMany expects in sum")

// TestMany finds every controller, and writes each namespace before it reads
// any back.
func TestMany(t *testing.T) {
	if *manyNamespaces == 0 {
		t.Skip("it needs a machine of its own, with many namespaces (-namespaces)")
	}
	want := 0
	for _, same := range addresses {
		for _, addr := range same {
			if err := bind(addr, *driver); err != nil {
				t.Fatal(err)
			}
			want++
		}
	}
	trids := []nvme.TransportID{{Trtype: nvme.TrtypePCIe}}
	cs, err := host.Probe(t.Context(), transport, trids, host.Options{NumIOQueues: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(cs) != want {
		t.Errorf("%d controllers, want %d", len(cs), want)
	}
	var queues []*queue
	sum := 0
	for _, c := range cs {
		r := &rig{T: t, ctx: t.Context(), ctrlr: c}
		t.Cleanup(r.close)
		queues = append(queues, r.queue(host.QPairOptions{}))
		sum += len(c.Namespaces())
	}
	if sum != *manyNamespaces {
		t.Errorf("%d namespaces, want %d", sum, *manyNamespaces)
	}
	buf := buffer(t, 4096)
	seed := func(i int, ns *host.Namespace) uint64 { return uint64(i)<<16 | uint64(ns.ID()) }
	for i, q := range queues {
		for _, ns := range q.ctrlr.Namespaces() {
			fill(buf, 0, seed(i, ns))
			q.write(ns, buf, 0, len(buf)/int(ns.BlockSize()))
		}
	}
	for i, q := range queues {
		for _, ns := range q.ctrlr.Namespaces() {
			clear(buf)
			q.read(ns, buf, 0, len(buf)/int(ns.BlockSize()))
			check(t, "namespace", buf, 0, seed(i, ns))
		}
	}
	for _, q := range queues {
		q.free()
	}
}
