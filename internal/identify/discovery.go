// SPDX-License-Identifier: BSD-3-Clause

package identify

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// discovery prints the discovery log in spdk_nvme_identify's layout.
func (r *Report) discovery(t *text) {
	if r.Discovery == nil {
		return
	}
	t.section(wide, "Discovery Log Page")
	t.field("Generation Counter:", "%d", r.Discovery.Log.GENCTR)
	t.field("Number of Records:", "%d", r.Discovery.Log.NUMREC)
	t.field("Record Format:", "%d", r.Discovery.Log.RECFMT)
	t.line()
	for i := range r.Discovery.Entries {
		t.discoveryEntry(i, &r.Discovery.Entries[i])
	}
}

func (t *text) discoveryEntry(i int, e *nvme.DiscoveryEntry) {
	t.printf("Discovery Log Entry %d\n%s\n", i, strings.Repeat("-", 22))
	t.field("Transport Type:", "%d (%s)", e.TRTYPE, nvme.TransportType(e.TRTYPE))
	t.field("Address Family:", "%d (%s)", uint8(e.ADRFAM), e.ADRFAM)
	subtype := "Unknown"
	switch e.SUBTYPE {
	case nvme.DiscoverySubtypeReferral:
		subtype = "Referral to a discovery service"
	case nvme.DiscoverySubtypeNVM:
		subtype = "NVM Subsystem"
	case nvme.DiscoverySubtypeCurrent:
		subtype = "Current Discovery Subsystem"
	}
	t.field("Subsystem Type:", "%d (%s)", e.SUBTYPE, subtype)
	t.printf("Entry Flags:\n")
	t.printf("  Duplicate Returned Information:\t\t\t%d\n", e.EFLAGS&nvme.DiscoveryFlagDuplicate)
	t.printf("  Explicit Persistent Connection Support for Discovery: %d\n", e.EFLAGS&nvme.DiscoveryFlagPersistent>>1)
	t.printf("Transport Requirements:\n")
	t.field("  Secure Channel:", "%s", []string{"Not Specified", "Required", "Not Required", "Reserved"}[e.TREQ&3])
	t.field("Port ID:", "%d (0x%04x)", e.PORTID, e.PORTID)
	t.field("Controller ID:", "%d (0x%04x)", e.CNTLID, e.CNTLID)
	t.field("Admin Max SQ Size:", "%d", e.ASQSZ)
	t.field("Transport Service Identifier:", "%s", nvme.Text(e.TRSVCID[:]))
	t.field("NVM Subsystem Qualified Name:", "%s", nvme.Text(e.SUBNQN[:]))
	t.field("Transport Address:", "%s", nvme.Text(e.TRADDR[:]))
	t.line()
}

// record is an entry of the discovery log in nvme-cli's words.
type record struct {
	Trtype  string `json:"trtype"`
	Adrfam  string `json:"adrfam"`
	Subtype string `json:"subtype"`
	Treq    string `json:"treq"`
	PortID  uint16 `json:"portid"`
	Trsvcid string `json:"trsvcid"`
	Subnqn  string `json:"subnqn"`
	Traddr  string `json:"traddr"`
	Eflags  string `json:"eflags"`
	Sectype string `json:"sectype,omitempty"`
}

// discoveryLog is a discovery log in nvme-cli's words.
type discoveryLog struct {
	From    string   `json:"from,omitempty"` // which nvme-cli has not
	GenCtr  uint64   `json:"genctr"`
	Records []record `json:"records"`
}

func newDiscoveryLog(d *host.Discovery) discoveryLog {
	l := discoveryLog{GenCtr: d.Log.GENCTR, Records: []record{}}
	for i := range d.Entries {
		l.Records = append(l.Records, newRecord(&d.Entries[i]))
	}
	return l
}

func name(names []string, i int) string {
	if i < len(names) && names[i] != "" {
		return names[i]
	}
	return "unrecognized"
}

func newRecord(e *nvme.DiscoveryEntry) record {
	r := record{
		Trtype:  name([]string{0: "pcie", 1: "rdma", 2: "fc", 3: "tcp", 254: "loop"}, int(e.TRTYPE)),
		Adrfam:  name([]string{0: "pci", 1: "ipv4", 2: "ipv6", 3: "infiniband", 4: "fibre-channel", 254: "loop"}, int(e.ADRFAM)),
		Subtype: name([]string{1: "discovery subsystem referral", 2: "nvme subsystem", 3: "current discovery subsystem"}, int(e.SUBTYPE)),
		Treq:    name([]string{"not specified", "required", "not required"}, int(e.TREQ&3)),
		PortID:  e.PORTID,
		Trsvcid: nvme.Text(e.TRSVCID[:]),
		Subnqn:  nvme.Text(e.SUBNQN[:]),
		Traddr:  nvme.Text(e.TRADDR[:]),
		Eflags:  "none",
	}
	if e.TREQ&4 != 0 {
		r.Treq += ", sq flow control disable supported"
	}
	var flags []string
	for _, f := range []struct {
		bit  uint16
		name string
	}{
		{nvme.DiscoveryFlagPersistent, "explicit discovery connections"},
		{nvme.DiscoveryFlagDuplicate, "duplicate discovery information"},
		{nvme.DiscoveryFlagNoCDC, "no cdc connectivity"},
	} {
		if e.EFLAGS&f.bit != 0 {
			flags = append(flags, f.name)
		}
	}
	if len(flags) > 0 {
		r.Eflags = strings.Join(flags, ", ")
	}
	if nvme.TransportType(e.TRTYPE) == nvme.TrtypeTCP {
		r.Sectype = name([]string{"none", "tls", "tls13"}, int(e.TSAS[0]))
	}
	return r
}

// PrintDiscovery writes discovery logs as "nvme discover" does; where there are
// several, each after the address that it is from.
func PrintDiscovery(w io.Writer, found []*host.Discovery) error {
	out := bufio.NewWriter(w)
	for _, d := range found {
		if len(found) > 1 {
			fmt.Fprintf(out, "\nFrom %v", d.From)
		}
		fmt.Fprintf(out, "\nDiscovery Log Number of Records %d, Generation counter %d\n", len(d.Entries), d.Log.GENCTR)
		for i := range d.Entries {
			r := newRecord(&d.Entries[i])
			fmt.Fprintf(out, "=====Discovery Log Entry %d======\n", i)
			fmt.Fprintf(out, "trtype:  %s\nadrfam:  %s\nsubtype: %s\ntreq:    %s\nportid:  %d\n", r.Trtype, r.Adrfam, r.Subtype, r.Treq, r.PortID)
			fmt.Fprintf(out, "trsvcid: %s\nsubnqn:  %s\ntraddr:  %s\neflags:  %s\n", r.Trsvcid, r.Subnqn, r.Traddr, r.Eflags)
			if r.Sectype != "" {
				fmt.Fprintf(out, "sectype: %s\n", r.Sectype)
			}
		}
	}
	return out.Flush()
}

// PrintDiscoveryJSON writes discovery logs as "nvme discover -o json" does:
// one as an object, several as a list of them with the address that each is
// from.
func PrintDiscoveryJSON(w io.Writer, found []*host.Discovery) error {
	logs := make([]discoveryLog, len(found))
	for i, d := range found {
		logs[i] = newDiscoveryLog(d)
		if len(found) > 1 {
			logs[i].From = d.From.String()
		}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if len(logs) == 1 {
		return e.Encode(logs[0])
	}
	return e.Encode(logs)
}
