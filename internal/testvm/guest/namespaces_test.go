// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// TestNamespaces has one controller with several namespaces of different
// formats and gaps between their identifiers.
func TestNamespaces(t *testing.T) {
	r := connect(t, "multi", host.Options{})
	want := []struct {
		nsid, block        uint32
		size               uint64
		uuid, nguid, eui64 string
	}{
		{1, 512, 16 << 20, "11111111222233334444555555555555", "000102030405060708090a0b0c0d0e0f", "0011223344556677"},
		{2, 4096, 8 << 20, "", "", ""},
		{7, 512, 4 << 20, "", "", ""},
	}
	var got []string
	for _, ns := range r.ctrlr.Namespaces() {
		got = append(got, fmt.Sprint(ns.ID()))
	}
	if fmt.Sprint(got) != "[1 2 7]" {
		t.Fatalf("namespaces %v, want 1, 2 and 7", got)
	}
	q := r.queue(host.QPairOptions{})
	buf := buffer(t, 4096)
	for i, w := range want {
		ns := r.namespace(w.nsid)
		if ns.BlockSize() != w.block || ns.Size() != w.size || ns.CSI() != nvme.CSINVM {
			t.Errorf("namespace %d: %d bytes in blocks of %d, command set %v", w.nsid, ns.Size(), ns.BlockSize(), ns.CSI())
		}
		uuid, nguid, eui := ns.UUID(), ns.NGUID(), ns.EUI64()
		for _, id := range []struct {
			name, want string
			got        []byte
		}{{"UUID", w.uuid, uuid[:]}, {"NGUID", w.nguid, nguid[:]}, {"EUI64", w.eui64, eui[:]}} {
			if id.want != "" && hex.EncodeToString(id.got) != id.want {
				t.Errorf("namespace %d: %s %x, want %s", w.nsid, id.name, id.got, id.want)
			}
		}
		for _, lba := range []uint64{0, ns.NumBlocks() - 1} {
			fill(buf[:w.block], lba, uint64(i+1))
			q.write(ns, buf, lba, 1)
		}
	}
	for i, w := range want {
		ns := r.namespace(w.nsid)
		for _, lba := range []uint64{0, ns.NumBlocks() - 1} {
			q.read(ns, buf, lba, 1)
			check(t, fmt.Sprintf("namespace %d", w.nsid), buf[:w.block], lba, uint64(i+1))
		}
		q.want("a read behind the end", nvme.StatusLBAOutOfRange, func(r *host.Request) error { return q.Read(ns, r, buf, ns.NumBlocks(), 1, 0) })
	}
	q.want("a read of no namespace", nvme.StatusInvalidNamespace, func(r *host.Request) error {
		return q.Raw(r, nvme.Command{Opcode: nvme.CmdRead, NSID: 300}, buf[:512], nil)
	})
	q.want("a read of an inactive namespace", nvme.StatusInvalidField, func(r *host.Request) error {
		return q.Raw(r, nvme.Command{Opcode: nvme.CmdRead, NSID: 5}, buf[:512], nil)
	})
}

// TestKernelSeesNamespaces compares what the kernel makes of the namespaces
// with what our driver does.
func TestKernelSeesNamespaces(t *testing.T) {
	r := connect(t, "multi", host.Options{})
	sizes := make(map[int]uint64)
	for _, ns := range r.ctrlr.Namespaces() {
		sizes[int(ns.ID())] = ns.Size()
	}
	r.close()
	for nsid, size := range sizes {
		kernelIO(t, r.addr, nsid, func(_ *os.File, got int64, _ []byte) {
			if uint64(got) != size {
				t.Errorf("namespace %d has %d bytes for the kernel, %d for our driver", nsid, got, size)
			}
		})
	}
}

// pair is a subsystem with two controllers. Namespace 1 is shared; 2 is
// private, 3 shared, and neither is attached.
func pair(t *testing.T) (a, b *rig) {
	t.Helper()
	both := addresses["pair"]
	if len(both) != 2 {
		t.Fatalf("%d controllers have serial number \"pair\", want 2", len(both))
	}
	return connectAt(t, transport, both[0], host.Options{}), connectAt(t, transport, both[1], host.Options{})
}

func TestTwoControllers(t *testing.T) {
	a, b := pair(t)
	ida, idb := a.ctrlr.Identify(), b.ctrlr.Identify()
	if ida.CNTLID == idb.CNTLID || ida.SUBNQN != idb.SUBNQN || ida.CMIC&nvme.CMICMultipleControllers == 0 {
		t.Errorf("controllers %d and %d of %q and %q, CMIC %#x", ida.CNTLID, idb.CNTLID, nvme.Text(ida.SUBNQN[:]), nvme.Text(idb.SUBNQN[:]), ida.CMIC)
	}
	na, nb := a.namespace(1), b.namespace(1)
	if na.UUID() != nb.UUID() || na.Data().NMIC&nvme.NMICShared == 0 {
		t.Errorf("namespace 1 is not shared: %x and %x, NMIC %#x", na.UUID(), nb.UUID(), na.Data().NMIC)
	}
	qa, qb := a.queue(host.QPairOptions{}), b.queue(host.QPairOptions{})
	qa.sweep(na, writing, contiguous, 1)
	qb.sweep(nb, reading, contiguous, 1)

	// One is reset while the other works.
	buf := buffer(t, 64<<12)
	var cs []*command
	for i := range 64 {
		c := newCommand()
		cs = append(cs, c)
		p := buf[i<<12 : (i+1)<<12]
		fill(p, uint64(i)<<12, 2)
		b.must(qb.Write(nb, &c.Request, p, uint64(i)*8, 8, 0))
	}
	a.must(a.ctrlr.Reset(a.ctx))
	qb.wait(cs...)
	for i, c := range cs {
		if s := c.Status(); s.IsError() {
			t.Fatalf("write %d of the controller that was not reset: %v", i, s)
		}
	}
	clear(buf)
	qa.read(na, buf, 0, len(buf)/512)
	check(t, "read by the controller that was reset", buf, 0, 2)
}

func TestAttach(t *testing.T) {
	a, b := pair(t)
	ida, idb := a.ctrlr.Identify().CNTLID, b.ctrlr.Identify().CNTLID
	if a.ctrlr.Identify().OACS&nvme.OACSNamespaceManagement == 0 {
		t.Fatal("the controller has no namespace management")
	}
	var events []host.Event
	b.ctrlr.OnEvent(func(e host.Event) { events = append(events, e) })
	a.attachPrivate(b, ida, idb)

	// A shared namespace goes to both. b hears of it and finds it by itself.
	a.must(a.ctrlr.AttachNamespace(a.ctx, 3, ida, idb))
	b.admin("the namespace to appear", func() bool { return b.ctrlr.Namespace(3) != nil })
	if len(events) == 0 || events[0].Type != uint8(nvme.AsyncEventNotice) || events[0].Info != nvme.NoticeNamespaceAttribute || events[0].LogPage != uint8(nvme.LogChangedNamespaces) {
		t.Errorf("events %+v", events)
	}
	a.must(a.ctrlr.Rescan(a.ctx))
	na, nb := a.namespace(3), b.namespace(3)
	qa, qb := a.queue(host.QPairOptions{}), b.queue(host.QPairOptions{})
	buf := buffer(t, 4096)
	fill(buf, 0, 3)
	qa.write(na, buf, 8, 8)
	clear(buf)
	qb.read(nb, buf, 8, 8)
	check(t, "read by the other controller", buf, 0, 3)

	events = nil
	a.must(a.ctrlr.DetachNamespace(a.ctx, 3, ida, idb))
	b.admin("the namespace to go", func() bool { return b.ctrlr.Namespace(3) == nil })
	a.must(a.ctrlr.Rescan(a.ctx))
	c := newCommand()
	if err := qa.Read(na, &c.Request, buf, 0, 1, 0); !errors.Is(err, host.ErrInactive) || na.Active() {
		t.Errorf("a read of the namespace that was detached: %v", err)
	}
	a.refused("detaching again", a.ctrlr.DetachNamespace(a.ctx, 3, ida), nvme.StatusNamespaceNotAttached)
	a.refused("attaching to nobody's identifier", a.ctrlr.AttachNamespace(a.ctx, 3, 0x77), nvme.StatusControllerListInvalid)
	qa.read(a.namespace(1), buf, 0, 1)
}

// attachPrivate attaches a namespace that one controller at a time may have.
func (a *rig) attachPrivate(b *rig, ida, idb uint16) {
	a.Helper()
	if a.ctrlr.Namespace(2) != nil {
		a.Fatal("namespace 2 is attached from the start")
	}
	a.must(a.ctrlr.AttachNamespace(a.ctx, 2, ida))
	a.must(a.ctrlr.Rescan(a.ctx))
	q := a.queue(host.QPairOptions{})
	q.sweep(a.namespace(2), writing, contiguous, 7)
	q.sweep(a.namespace(2), reading, contiguous, 7)
	a.refused("attaching twice", a.ctrlr.AttachNamespace(a.ctx, 2, ida), nvme.StatusNamespaceAlreadyAttached)
	a.refused("attaching a private namespace to two", a.ctrlr.AttachNamespace(a.ctx, 2, idb), nvme.StatusNamespaceIsPrivate)
	a.must(a.ctrlr.DetachNamespace(a.ctx, 2, ida))
	b.must(b.ctrlr.AttachNamespace(b.ctx, 2, idb))
	b.must(b.ctrlr.Rescan(b.ctx))
	b.queue(host.QPairOptions{}).sweep(b.namespace(2), reading, contiguous, 7)
	b.must(b.ctrlr.DetachNamespace(b.ctx, 2, idb))
}

// TestCreate: QEMU attaches namespaces but makes none.
func TestCreate(t *testing.T) {
	r := connect(t, "pair", host.Options{})
	_, err := r.ctrlr.CreateNamespace(r.ctx, &nvme.IdentifyNamespace{NSZE: 2048, NCAP: 2048})
	r.refused("creating a namespace", err, nvme.StatusInvalidOpcode)
	r.refused("deleting a namespace", r.ctrlr.DeleteNamespace(r.ctx, 1), nvme.StatusInvalidOpcode)
}
