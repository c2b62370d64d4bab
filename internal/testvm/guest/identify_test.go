// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"slices"
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

func (r *rig) identify(cns nvme.CNS, nsid uint32, csi nvme.CSI) []byte {
	r.Helper()
	page := make([]byte, nvme.IdentifySize)
	r.must(r.ctrlr.IdentifyData(r.ctx, cns, nsid, 0, csi, page))
	return page
}

// TestIdentifyLists reads the lists of namespaces and controllers of a
// subsystem with namespaces that are, and are not, attached.
func TestIdentifyLists(t *testing.T) {
	r := connect(t, "pair", host.Options{})
	namespaces := func(page []byte) (ids []uint32) {
		for i := 0; le.Uint32(page[i:]) != 0; i += 4 {
			ids = append(ids, le.Uint32(page[i:]))
		}
		return ids
	}
	for _, tt := range []struct {
		name string
		cns  nvme.CNS
		from uint32
		want []uint32
	}{
		{"active", nvme.CNSActiveNamespaces, 0, []uint32{1}},
		{"active above 1", nvme.CNSActiveNamespaces, 1, nil},
		{"allocated", nvme.CNSAllocatedNamespaces, 0, []uint32{1, 2, 3}},
		{"allocated above 1", nvme.CNSAllocatedNamespaces, 1, []uint32{2, 3}},
	} {
		if got := namespaces(r.identify(tt.cns, tt.from, 0)); !slices.Equal(got, tt.want) {
			t.Errorf("%s: namespaces %v, want %v", tt.name, got, tt.want)
		}
	}
	controllers := func(page []byte) []uint16 {
		l, err := nvme.View[nvme.ControllerList](page)
		r.must(err)
		return l.IDs()
	}
	if got := controllers(r.identify(nvme.CNSControllers, 0, 0)); !slices.Equal(got, []uint16{0, 1}) {
		t.Errorf("controllers %v of the subsystem, want 0 and 1", got)
	}
	if got := controllers(r.identify(nvme.CNSNamespaceControllers, 1, 0)); !slices.Equal(got, []uint16{0, 1}) {
		t.Errorf("namespace 1 is attached to %v, want 0 and 1", got)
	}
	if got := controllers(r.identify(nvme.CNSNamespaceControllers, 2, 0)); len(got) != 0 {
		t.Errorf("namespace 2 is attached to %v", got)
	}
	id, err := nvme.View[nvme.IdentifyNamespace](r.identify(nvme.CNSAllocatedNamespace, 2, 0))
	r.must(err)
	if id.NSZE != 8<<20/512 || id.NMIC&nvme.NMICShared != 0 {
		t.Errorf("namespace 2, which is not attached, has %d blocks; NMIC %#x", id.NSZE, id.NMIC)
	}
}

// TestIdentifyCommandSets compares what controllers say of command sets with
// what their namespaces use.
func TestIdentifyCommandSets(t *testing.T) {
	for _, tt := range []struct {
		serial string
		csi    nvme.CSI
	}{{"nvm", nvme.CSINVM}, {"zns", nvme.CSIZNS}} {
		r := connect(t, tt.serial, host.Options{})
		sets := r.identify(nvme.CNSIOCommandSets, 0, 0)
		if le.Uint64(sets)&(1<<tt.csi) == 0 {
			t.Errorf("%s: command sets %#x", tt.serial, le.Uint64(sets))
		}
		if list := r.identify(nvme.CNSIOCSActiveNamespaces, 0, tt.csi); le.Uint32(list) != 1 {
			t.Errorf("%s: namespace %d is the first with command set %v", tt.serial, le.Uint32(list), tt.csi)
		}
		if ns := r.namespace(1); ns.CSI() != tt.csi {
			t.Errorf("%s: command set %v, want %v", tt.serial, ns.CSI(), tt.csi)
		}
		if tt.csi == nvme.CSINVM {
			c, err := nvme.View[nvme.IdentifyControllerNVM](r.identify(nvme.CNSIOCSController, 0, tt.csi))
			r.must(err)
			if c.VSL != 7 {
				t.Errorf("VSL %d, want 7", c.VSL)
			}
		} else {
			c, err := nvme.View[nvme.IdentifyControllerZNS](r.identify(nvme.CNSIOCSController, 0, tt.csi))
			r.must(err)
			if c.ZASL != 5 {
				t.Errorf("ZASL %d, want 5", c.ZASL)
			}
		}
		r.close()
	}
}

// TestDirectives asks which directives there are.
func TestDirectives(t *testing.T) {
	const identify, dataPlacement = 1 << 0, 1 << 2
	for _, tt := range []struct {
		serial string
		want   byte
	}{{"nvm", identify}, {"fdp", identify | dataPlacement}} {
		r := connect(t, tt.serial, host.Options{})
		p := make([]byte, 4096)
		_, err := r.ctrlr.DirectiveReceive(r.ctx, 1, nvme.DirectiveIdentifyReturnParameters, nvme.DirectiveIdentify, 0, 0, p)
		r.must(err)
		if p[0] != tt.want || p[32] != tt.want {
			t.Errorf("%s: directives %#x, %#x of them enabled, want %#x", tt.serial, p[0], p[32], tt.want)
		}
		r.close()
	}
}

// TestAbort aborts commands that may have been done by then: every one, and
// every abort, completes once.
func TestAbort(t *testing.T) {
	q, ns, buf := disk(t)
	const n = 32
	fill(buf, 0, 1)
	var cs, aborts []*command
	for range n {
		c := newCommand()
		cs = append(cs, c)
		q.must(q.Write(ns, &c.Request, buf, 0, 2048, 0))
	}
	for _, c := range cs {
		a := newCommand()
		aborts = append(aborts, a)
		q.must(q.Abort(&c.Request, &a.Request))
	}
	q.wait(cs...)
	q.rig.admin("the aborts", func() bool {
		if _, err := q.ProcessCompletions(0); err != nil {
			q.Fatal(err)
		}
		return !slices.ContainsFunc(aborts, func(a *command) bool { return !a.ended })
	})
	for i, c := range cs {
		s := c.Status().Code()
		if s != nvme.StatusSuccess && s != nvme.StatusAbortedByRequest {
			t.Errorf("write %d: %v", i, s)
		}
		if a := aborts[i].Status(); a.IsError() {
			t.Errorf("abort %d: %v", i, a)
		}
	}
	q.write(ns, buf, 0, 2048)
	clear(buf)
	q.read(ns, buf, 0, 2048)
	check(t, "read back", buf, 0, 1)
}
