// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/internal/nvmecli"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

var nvmeZones = append([]nvmeVerb{
	{name: "report-zones", short: "List the zones of a zoned namespace", flags: func(cmd *cobra.Command, x *nvmeCall) {
		nsidFlag(cmd, x)
		cmd.Flags().Uint64VarP(&x.start, "start-lba", "s", 0, "block that the first zone holds")
		cmd.Flags().Uint32VarP(&x.entries, "descs", "d", 16, "number of zones")
		cmd.Flags().Uint8VarP(&x.sel, "state", "S", 0, "only those in a state: 1 empty, 2 and 3 open, 4 closed, 5 full, 6 read only, 7 offline")
	}, run: (*nvmeCall).reportZones},
}, zoneVerbs()...)

// zoneVerbs are the actions on zones.
func zoneVerbs() (all []nvmeVerb) {
	for _, v := range []struct {
		name, short, destroys string
		action                host.ZoneAction
	}{
		{"open-zone", "Open zones", "", host.ZoneAction(nvme.ZoneOpen)},
		{"close-zone", "Close zones", "", host.ZoneAction(nvme.ZoneClose)},
		{"finish-zone", "Make zones full", "", host.ZoneAction(nvme.ZoneFinish)},
		{"reset-zone", "Make zones empty", "all data of the zones are lost", host.ZoneAction(nvme.ZoneReset)},
		{"offline-zone", "Take zones out of use", "all data of the zones are lost", host.ZoneAction(nvme.ZoneOffline)},
	} {
		all = append(all, nvmeVerb{name: v.name, short: v.short, destroys: v.destroys, flags: func(cmd *cobra.Command, x *nvmeCall) {
			nsidFlag(cmd, x)
			cmd.Flags().Uint64VarP(&x.start, "start-lba", "s", 0, "first block of the zone")
			cmd.Flags().BoolVarP(&x.all, "select-all", "a", false, "all zones")
		}, run: func(x *nvmeCall, ctx context.Context) error {
			return x.onBlocks(ctx, v.name+": Success", func(qp *host.QPair, ns *host.Namespace, r *host.Request) error {
				return qp.ZoneManagementSend(ns, r, v.action, x.start, x.all, nil)
			})
		}})
	}
	return all
}

const (
	zoneHeader     = 64
	zoneDescriptor = 64
	maxZones       = 1024
)

func (x *nvmeCall) reportZones(ctx context.Context) error {
	ns, err := x.namespace()
	if err != nil {
		return err
	}
	if x.entries == 0 || x.entries > maxZones {
		return usagef("--descs %d: it must be 1 to %d", x.entries, maxZones)
	}
	size := zoneHeader + int(x.entries)*zoneDescriptor
	buf, err := dma.Alloc(size, pageSize)
	if err != nil {
		return err
	}
	defer buf.Free()
	_, err = x.do(ctx, func(qp *host.QPair, r *host.Request) error {
		return qp.ZoneReport(ns, r, buf.Bytes()[:size], x.start, x.sel, false, true)
	})
	if err != nil {
		return err
	}
	var head nvme.ZoneReportHeader
	copy(nvme.Bytes(&head), buf.Bytes())
	n := min(int(head.Zones), int(x.entries))
	zones := []nvmecli.Object{}
	for i := range n {
		var z nvme.ZoneDescriptor
		copy(nvme.Bytes(&z), buf.Bytes()[zoneHeader+i*zoneDescriptor:])
		zones = append(zones, nvmecli.Object{
			{Name: "slba", Text: fmt.Sprintf("%#x", z.ZSLBA), Value: z.ZSLBA}, {Name: "wp", Text: fmt.Sprintf("%#x", z.WP), Value: z.WP},
			{Name: "cap", Text: fmt.Sprintf("%#x", z.ZCAP), Value: z.ZCAP}, {Name: "state", Text: z.State().String(), Value: z.State().String()},
			{Name: "type", Text: fmt.Sprintf("%#x", z.ZT), Value: z.ZT}, {Name: "attrs", Text: fmt.Sprintf("%#x", z.ZA), Value: z.ZA},
		})
	}
	if x.json() {
		return nvmecli.PrintJSON(x.out, nvmecli.Object{{Name: "nr_zones", Value: n}, {Name: "zone_list", Value: zones}})
	}
	fmt.Fprintf(x.out, "nr_zones: %d\n", n)
	for _, z := range zones {
		for _, f := range z {
			fmt.Fprintf(x.out, "%s: %-10s ", f.Name, f.Text)
		}
		fmt.Fprintln(x.out)
	}
	return nil
}
