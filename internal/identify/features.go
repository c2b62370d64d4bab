// SPDX-License-Identifier: BSD-3-Clause

package identify

import (
	"fmt"

	"github.com/gospdk/gospdk/nvme"
)

func (r *Report) arbitration(t *text) {
	v, ok := r.Features[nvme.FeatureArbitration]
	if !ok {
		return
	}
	t.section(narrow, "Arbitration")
	if burst := v & 7; burst == 7 {
		t.field("Arbitration Burst:", "no limit")
	} else {
		t.field("Arbitration Burst:", "%d", 1<<burst)
	}
	if r.CAP.AMS()&1 != 0 {
		t.field("Low Priority Weight:", "%d", v>>8&0xff+1)
		t.field("Medium Priority Weight:", "%d", v>>16&0xff+1)
		t.field("High Priority Weight:", "%d", v>>24+1)
	}
	t.line()
}

func (r *Report) power(t *text) {
	v, ok := r.Features[nvme.FeaturePowerManagement]
	if !ok {
		return
	}
	c := r.Controller
	states := c.PSD[:min(int(c.NPSS)+1, len(c.PSD))]
	t.section(33, "Power Management")
	t.field("Number of Power States:", "%d", len(states))
	t.field("Current Power State:", "Power State #%d", v&0x1f)
	for i := range states {
		powerState(t, i, &states[i])
	}
	t.supported("Non-Operational Permissive Mode:", c.CTRATT&nvme.CTRATTNonOperationalPower != 0)
	t.line()
}

func powerState(t *text, i int, p *nvme.PowerStateDescriptor) {
	const unit0001, notOperational = 1, 2 // of Flags
	t.printf("Power State #%d:\n", i)
	t.width = 32
	if p.Flags&unit0001 != 0 {
		t.field("  Max Power:", "%d.%04d W", p.MP/10000, p.MP%10000)
	} else {
		t.field("  Max Power:", "%3d.%02d W", p.MP/100, p.MP%100)
	}
	t.width = 33
	latency := func(us uint32) string {
		if us == 0 {
			return "Not Reported"
		}
		return fmt.Sprintf("%d microseconds", us)
	}
	t.choice("  Non-Operational State:", p.Flags&notOperational != 0, "Non-Operation", "Operational")
	t.field("  Entry Latency:", "%s", latency(p.ENLAT))
	t.field("  Exit Latency:", "%s", latency(p.EXLAT))
	t.field("  Relative Read Throughput:", "%d", p.RRT)
	t.field("  Relative Read Latency:", "%d", p.RRL)
	t.field("  Relative Write Throughput:", "%d", p.RWT)
	t.field("  Relative Write Latency:", "%d", p.RWL)
	t.field("  Idle Power:", "%s", watts(p.IDLP, p.IPS))
	t.field("  Active Power:", "%s", watts(p.ACTP, p.APW))
}

// watts prints a power whose scale is in the top bits of its companion: 1 is
// 0.0001 W, 2 is 0.01 W.
func watts(value uint16, scale uint8) string {
	switch scale >> 6 {
	case 1:
		return fmt.Sprintf("%d.%04d W", value/10000, value%10000)
	case 2:
		return fmt.Sprintf("%d.%02d W", value/100, value%100)
	}
	return " Not Reported"
}

func (r *Report) queues(t *text) {
	v, ok := r.Features[nvme.FeatureNumberOfQueues]
	if !ok {
		return
	}
	t.section(38, "Number of Queues")
	t.field("Number of I/O Submission Queues:", "%d", v&0xffff+1)
	t.field("Number of I/O Completion Queues:", "%d", v>>16+1)
	t.line()
}

func (r *Report) thermal(t *text) {
	c := r.Controller
	if c.HCTMA&1 == 0 {
		return
	}
	t.section(41, "Host Controlled Thermal Management")
	for _, limit := range []struct {
		name string
		k    uint16
	}{{"Minimum Thermal Management Temperature:", c.MNTMT}, {"Maximum Thermal Management Temperature:", c.MXTMT}} {
		if limit.k == 0 {
			t.field(limit.name, "Not Reported")
		} else {
			t.field(limit.name, "%s", kelvin(limit.k))
		}
	}
	t.line()
}

// extra asks for what the namespace's I/O command set adds. That of the NVM
// command set has a meaning only with extended LBA formats.
func (n *Namespace) extra(q *asker, extended bool) {
	if n.CSI != nvme.CSIZNS && (n.CSI != nvme.CSINVM || !extended) {
		return
	}
	p := q.commandSetData(n.ID, n.CSI)
	if p == nil {
		return
	}
	if n.CSI == nvme.CSIZNS {
		if d, err := nvme.Read[nvme.IdentifyNamespaceZNS](p); err == nil {
			n.addZoned(d)
		}
	} else if d, err := nvme.Read[nvme.IdentifyNamespaceNVM](p); err == nil {
		n.addNVM(d)
	}
}

func yes(on bool) string {
	if on {
		return "Yes"
	}
	return "No"
}

func (n *Namespace) addNVM(d nvme.IdentifyNamespaceNVM) {
	s := Section{Title: "NVM Specific Namespace Data", Fields: []Property{
		{"Logical Block Storage Tag Mask", fmt.Sprintf("%x", d.LBSTM)},
		{"16b Guard Storage Tag Support", yes(d.PIC&nvme.PICStorageTag16b != 0)},
		{"Storage Tag Check Read Support", yes(d.PIC&nvme.PICStorageTagCheck != 0)},
	}}
	guards := map[nvme.GuardFormat]string{nvme.Guard16b: "16b Guard PI", nvme.Guard32b: "32b Guard PI", nvme.Guard64b: "64b Guard PI"}
	for i, f := range d.ELBAF[:n.Data.NumFormats()] {
		guard := guards[f.PIF()]
		if guard == "" {
			guard = "Reserved"
		}
		s.Fields = append(s.Fields, Property{fmt.Sprintf("Extended LBA Format #%02d", i),
			fmt.Sprintf("Storage Tag Size: %-2d, Protection Information Format: %s", f.STS(), guard)})
	}
	n.Extra = append(n.Extra, s)
}

func (n *Namespace) addZoned(d nvme.IdentifyNamespaceZNS) {
	seconds := func(v uint32) string {
		if v == 0 {
			return "Not Reported"
		}
		return fmt.Sprintf("%d seconds", v)
	}
	n.Extra = append(n.Extra, Section{Title: "ZNS Specific Namespace Data", Fields: []Property{
		{"Variable Zone Capacity", yes(d.ZOC&1 != 0)},
		{"Zone Active Excursions", yes(d.ZOC&2 != 0)},
		{"Read Across Zone Boundaries", yes(d.OZCS&1 != 0)},
		{"Max Active Resources", count(d.MAR)},
		{"Max Open Resources", count(d.MOR)},
		{"Reset Recommended Limit", seconds(d.RRL)},
		{"Reset Recommended Limit 1", seconds(d.RRL1)},
		{"Reset Recommended Limit 2", seconds(d.RRL2)},
		{"Reset Recommended Limit 3", seconds(d.RRL3)},
		{"Finish Recommended Limit", seconds(d.FRL)},
		{"Finish Recommended Limit 1", seconds(d.FRL1)},
		{"Finish Recommended Limit 2", seconds(d.FRL2)},
		{"Finish Recommended Limit 3", seconds(d.FRL3)},
	}})
}
