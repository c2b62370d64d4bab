// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/bdevtest"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/dif"
	spec "github.com/gospdk/gospdk/nvme"
)

// loneDisk makes the device of the first namespace without registering it,
// as the suite wants it.
func loneDisk(t *testing.T, g *rig, check dif.Flags) (bdev.Device, func()) {
	t.Helper()
	ctx := context.Background()
	m := NewModule(bdev.NewRegistry(), transports)
	b, err := m.group("Nvme0")
	must(t, err)
	c := m.newCtrlr(CtrlrConfig{Name: "Nvme0", Trid: g.trid(), DIFCheck: check, Policy: m.Options().Multipath}, b, transports[g.kind])
	b.ctrlrs = append(b.ctrlrs, c)
	must(t, c.connect(ctx))
	hc := c.hc.Load()
	n := &nvmeNS{c: c, id: 1}
	n.ns.Store(hc.Namespace(1))
	n.disk, err = c.newDisk(ctx, hc, n)
	must(t, err)
	c.setState(stateEnabled)
	go c.keep()
	return n.disk, func() { must(t, <-m.removeLater(c)); must(t, m.reg.Close(ctx)) }
}

func TestConformance(t *testing.T) {
	for _, c := range []struct {
		kind spec.TransportType
		disk malloc.Config
	}{
		{spec.TrtypeVFIOUser, malloc.Config{Name: "512", NumBlocks: 4096, BlockSize: 512}},
		{spec.TrtypeTCP, malloc.Config{Name: "4096", NumBlocks: 1024, BlockSize: 4096}},
		{spec.TrtypeTCP, malloc.Config{Name: "interleaved", NumBlocks: 4096, BlockSize: 512, MDSize: 8, MDInterleaved: true}},
	} {
		t.Run(c.kind.String()+"/"+c.disk.Name, func(t *testing.T) {
			bdevtest.Run(t, func(t *testing.T) (bdev.Device, func()) {
				return loneDisk(t, newRig(t, c.kind, c.disk), 0)
			})
		})
	}
}
