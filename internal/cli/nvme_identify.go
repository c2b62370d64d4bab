// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gospdk/gospdk/internal/nvmecli"
	"github.com/gospdk/gospdk/nvme"
)

var nvmeIdentifying = []nvmeVerb{
	{name: "id-ctrl", short: "Show what a controller is", run: func(x *nvmeCall, _ context.Context) error {
		return x.print(nvmecli.IDController{IdentifyController: x.c.Identify()})
	}},
	{name: "id-ns", short: "Show what a namespace is", flags: nsidFlag, run: (*nvmeCall).idNS},
	{name: "list-ns", short: "List the active namespaces, or with --all those allocated", flags: func(cmd *cobra.Command, x *nvmeCall) {
		cmd.Flags().BoolVarP(&x.all, "all", "a", false, "those that are allocated")
	}, run: (*nvmeCall).listNS},
	{name: "list-ctrl", short: "List the controllers of the subsystem", run: (*nvmeCall).listControllers},
	{name: "ns-descs", short: "Show the identifiers of a namespace", flags: nsidFlag, run: (*nvmeCall).descriptors},
	{name: "show-regs", short: "Show the controller's properties", run: (*nvmeCall).registers},
	{name: "get-property", short: "Read a controller property", flags: func(cmd *cobra.Command, x *nvmeCall) {
		cmd.Flags().Uint32VarP(&x.offset32, "offset", "O", 0, "offset of the property, such as 0x8")
	}, run: (*nvmeCall).property},
}

func (x *nvmeCall) idNS(context.Context) error {
	ns, err := x.namespace()
	if err != nil {
		return err
	}
	return x.print(nvmecli.IDNamespace{NSID: ns.ID(), IdentifyNamespace: ns.Data()})
}

// list is identifiers under a name.
type list struct {
	key string // in JSON, of the list and of its elements
	of  string
	ids []uint32
}

// MarshalJSON writes nvme-cli's keys.
func (l list) MarshalJSON() ([]byte, error) {
	all := []nvmecli.Object{}
	for _, id := range l.ids {
		all = append(all, nvmecli.Object{{Name: l.of, Value: id}})
	}
	return nvmecli.Object{{Name: l.key, Value: all}}.MarshalJSON()
}

func (x *nvmeCall) printList(l list) error {
	if x.json() {
		return nvmecli.PrintJSON(x.out, l)
	}
	for i, id := range l.ids {
		fmt.Fprintf(x.out, "[%4d]:%#x\n", i, id)
	}
	return nil
}

func (x *nvmeCall) listNS(ctx context.Context) error {
	cns := nvme.CNSActiveNamespaces
	if x.all {
		cns = nvme.CNSAllocatedNamespaces
	}
	buf := make([]byte, 4096)
	if err := x.c.IdentifyData(ctx, cns, 0, 0, 0, buf); err != nil {
		return err
	}
	l := list{key: "nsid_list", of: "nsid"}
	for ; len(buf) > 0; buf = buf[4:] {
		if id := binary.LittleEndian.Uint32(buf); id != 0 {
			l.ids = append(l.ids, id)
		}
	}
	return x.printList(l)
}

func (x *nvmeCall) listControllers(ctx context.Context) error {
	buf := make([]byte, 4096)
	if err := x.c.IdentifyData(ctx, nvme.CNSControllers, 0, 0, 0, buf); err != nil {
		return err
	}
	l := list{key: "ctrl_list", of: "ctrl_id"}
	for i := range min(int(binary.LittleEndian.Uint16(buf)), 2047) {
		l.ids = append(l.ids, uint32(binary.LittleEndian.Uint16(buf[2+2*i:])))
	}
	return x.printList(l)
}

func (x *nvmeCall) descriptors(context.Context) error {
	ns, err := x.namespace()
	if err != nil {
		return err
	}
	eui, nguid, id := ns.EUI64(), ns.NGUID(), ns.UUID()
	o := nvmecli.Object{}
	for _, d := range []struct {
		name string
		p    []byte
	}{{"eui64", eui[:]}, {"nguid", nguid[:]}, {"uuid", id[:]}} {
		if s := hex.EncodeToString(d.p); strings.Trim(s, "0") != "" {
			if d.name == "uuid" {
				s = nvmecli.GUID(d.p)
			}
			o = append(o, nvmecli.Field{Name: d.name, Text: s, Value: s})
		}
	}
	o = append(o, nvmecli.Field{Name: "csi", Text: fmt.Sprint(uint8(ns.CSI())), Value: uint8(ns.CSI())})
	if !x.json() {
		fmt.Fprintf(x.out, "NVME Namespace Identification Descriptors NS %d:\n", ns.ID())
	}
	return x.print(columns{o, 8})
}

// columns is an object with a width for its names.
type columns struct {
	nvmecli.Object
	width int
}

// Print implements printer.
func (c columns) Print(w io.Writer) error { return c.Object.Print(w, c.width) }

func (x *nvmeCall) registers(context.Context) error {
	o := nvmecli.Object{}
	add := func(name string, v uint64) {
		o = append(o, nvmecli.Field{Name: name, Text: fmt.Sprintf("%x", v), Value: v})
	}
	add("cap", uint64(x.c.CAP()))
	for _, r := range []struct {
		name string
		off  uint64
	}{{"vs", nvme.RegVS}, {"cc", nvme.RegCC}, {"csts", nvme.RegCSTS}} {
		v, err := x.c.ReadRegister(r.off)
		if err != nil {
			return err
		}
		add(r.name, uint64(v))
	}
	return x.print(columns{o, 8})
}

func (x *nvmeCall) property(context.Context) error {
	v, err := x.c.ReadRegister(uint64(x.offset32))
	if err != nil {
		return err
	}
	name := fmt.Sprintf("property %#02x", x.offset32)
	return x.print(columns{nvmecli.Object{{Name: name, Text: fmt.Sprintf("%#x", v), Value: v}}, len(name)})
}
