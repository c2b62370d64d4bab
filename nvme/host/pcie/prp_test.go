// SPDX-License-Identifier: BSD-3-Clause

package pcie

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

func testQueue(t *testing.T) *queue {
	t.Helper()
	q := &queue{id: 1, entries: 8, pageSize: 4096, merge: true, dev: &device{cfg: host.LinkConfig{PageSize: 4096}}}
	q.tr.dev = q.dev
	if err := q.alloc(host.QueueConfig{ID: 1, Entries: 8}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := q.Close(); err != nil {
			t.Error(err)
		}
	})
	return q
}

func testBuffer(t *testing.T, n int) []byte {
	t.Helper()
	b, err := dma.Alloc(n, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Free)
	return b.Bytes()
}

// pointers writes what a command points to with addresses relative to base,
// so that they can be compared.
func pointers(q *queue, cmd *nvme.Command, cid uint16, base uint64) string {
	rel := func(a uint64) string { return fmt.Sprintf("%x", a-base) }
	s := rel(cmd.PRP1)
	switch {
	case cmd.PRP2 == 0:
	case cmd.PRP2 == q.listAddr(cid):
		s += " list"
		for _, e := range q.list(cid)[:maxPRPEntries] {
			if e == 0 {
				break
			}
			s += " " + rel(e)
		}
	default:
		s += " " + rel(cmd.PRP2)
	}
	return s
}

func TestPRPs(t *testing.T) {
	q := testQueue(t)
	buf := testBuffer(t, 4<<20)
	type part struct{ off, n int }
	for _, tt := range []struct {
		name  string
		parts []part
		want  string // or, after "error: ", part of the error
	}{
		{"one block", []part{{0, 512}}, "0"},
		{"a page", []part{{0, 4096}}, "0"},
		{"end of a page", []part{{3584, 512}}, "e00"},
		{"across pages", []part{{3584, 1024}}, "e00 1000"},
		{"two pages", []part{{0, 8192}}, "0 1000"},
		{"two pages, dword offset", []part{{4, 8188}}, "4 1000"},
		{"three pages touched", []part{{4, 8192}}, "4 list 1000 2000"},
		{"three pages", []part{{0, 12288}}, "0 list 1000 2000"},
		{"scattered pages", []part{{0, 4096}, {65536, 4096}, {8192, 100}}, "0 list 10000 2000"},
		{"two scattered", []part{{512, 3584}, {8192, 512}}, "200 2000"},
		{"not dword aligned", []part{{2, 512}}, "error: virt_addr 0x"},
		{"second not dword aligned", []part{{0, 4096}, {4097, 512}}, "error: not dword aligned"},
		{"second not page aligned", []part{{0, 4096}, {8196, 512}}, "error: PRP 1 not page aligned (0x"},
		{"first does not end on a page", []part{{0, 512}, {8192, 512}}, "0 2000"}, // the splitting sees to it
		{"longest", []part{{0, 503 * 4096}}, ""},
		{"longest, late start", []part{{4, 503 * 4096}}, ""},
		{"too long", []part{{4, 504 * 4096}}, "error: out of PRP entries"},
	} {
		clear(q.lists)
		var p host.Payload
		for _, c := range tt.parts {
			p.Iov = append(p.Iov, buf[c.off:c.off+c.n])
			p.Len += uint32(c.n)
		}
		if len(p.Iov) == 1 {
			p.Buf, p.Iov = p.Iov[0], nil
		}
		var cmd nvme.Command
		err := q.build(&cmd, &p, 2)
		if want, isErr := strings.CutPrefix(tt.want, "error: "); isErr {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want one with %q", tt.name, err, want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := pointers(q, &cmd, 2, address(buf)); tt.want != "" && got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	p := host.Payload{Buf: make([]byte, 512), Len: 512}
	if err := q.build(&nvme.Command{}, &p, 0); err == nil || !strings.Contains(err.Error(), "vtophys(0x") {
		t.Errorf("Go heap: %v", err)
	}
}

func TestPRPOffsetIntoScattered(t *testing.T) {
	q := testQueue(t)
	buf := testBuffer(t, 1<<20)
	p := host.Payload{Iov: [][]byte{buf[:4096], buf[8192:16384], buf[65536:69632]}, Offset: 8192, Len: 8192}
	var cmd nvme.Command
	if err := q.build(&cmd, &p, 0); err != nil {
		t.Fatal(err)
	}
	if got := pointers(q, &cmd, 0, address(buf)); got != "3000 10000" {
		t.Errorf("%s, want 3000 10000", got)
	}
	p.Len = 100000
	if err := q.build(&cmd, &p, 0); err == nil {
		t.Error("more data than there is was accepted")
	}
}

func TestSGLs(t *testing.T) {
	q := testQueue(t)
	q.sgl, q.metaSGL, q.sglDword = true, true, true
	buf := testBuffer(t, 1<<20)
	at := address(buf)
	var cmd nvme.Command
	p := host.Payload{Buf: buf[512 : 512+70000], Len: 70000, Meta: buf[4:68]}
	if err := q.build(&cmd, &p, 1); err != nil {
		t.Fatal(err)
	}
	d := cmd.SGL1()
	if d.Type() != nvme.SGLTypeDataBlock || d.Address != at+512 || d.Length != 70000 || cmd.PSDT() != nvme.PSDTSGLMPTRSGL {
		t.Errorf("one piece: %+v, PSDT %d", d, cmd.PSDT())
	}
	if w := q.list(1)[metaSGLWord:]; cmd.MPTR != q.listAddr(1)+metaSGLWord*8 || w[0] != at+4 || w[1] != 64 {
		t.Errorf("metadata: MPTR %#x, descriptor %x", cmd.MPTR, w)
	}
	// The second and third piece are adjacent.
	p = host.Payload{Iov: [][]byte{buf[:4], buf[100:200], buf[200:300], buf[8:12]}, Len: 208}
	for _, merge := range []bool{true, false} {
		q.merge = merge
		if err := q.build(&cmd, &p, 1); err != nil {
			t.Fatal(err)
		}
		want := []uint64{at, 4, at + 100, 200, at + 8, 4}
		if !merge {
			want = []uint64{at, 4, at + 100, 100, at + 200, 100, at + 8, 4}
		}
		d = cmd.SGL1()
		if d.Type() != nvme.SGLTypeLastSegment || d.Address != q.listAddr(1) || d.Length != uint32(len(want)*8) {
			t.Errorf("merge %t: segment %+v", merge, d)
		}
		if got := q.list(1)[:len(want)]; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("merge %t: %x, want %x", merge, got, want)
		}
	}
	p = host.Payload{Buf: buf[1:513], Len: 512}
	if err := q.build(&cmd, &p, 1); err == nil || !strings.Contains(err.Error(), "not dword aligned") {
		t.Errorf("unaligned: %v", err)
	}
	q.sglDword = false
	if err := q.build(&cmd, &p, 1); err != nil {
		t.Errorf("unaligned where that is allowed: %v", err)
	}
	p = host.Payload{}
	for i := range maxSGLDescriptors + 1 {
		p.Iov = append(p.Iov, buf[i*8:i*8+4])
		p.Len += 4
	}
	if err := q.build(&cmd, &p, 1); err == nil {
		t.Error("more descriptors than a segment holds were accepted")
	}
	p.Len -= 4
	if err := q.build(&cmd, &p, 1); err != nil {
		t.Errorf("a full segment: %v", err)
	}
}

func TestCrossed(t *testing.T) {
	for _, tt := range []struct {
		event, old, v uint32
		want          bool
	}{
		{0, 0, 1, true}, {1, 0, 1, false}, {1, 0, 2, true}, {5, 0, 5, false}, {4, 0, 5, true},
		{250, 250, 2, true}, {255, 250, 2, true}, {1, 250, 2, true}, {2, 250, 2, false}, {100, 250, 2, false},
		{0xffff, 0xffff, 0, true}, {0, 0xffff, 0, false}, {0x1_0000_0000 - 1, 3, 4, false},
	} {
		if got := crossed(tt.event, tt.v, tt.old); got != tt.want {
			t.Errorf("event index %d, from %d to %d: %t, want %t", tt.event, tt.old, tt.v, got, tt.want)
		}
	}
}

// FuzzBuild checks that whatever is described stays within the buffer and the
// tracker, with every byte described once.
func FuzzBuild(f *testing.F) {
	f.Add(uint32(0), uint32(512), uint32(8192), uint32(512), false)
	f.Add(uint32(4), uint32(503*4096), uint32(0), uint32(0), false)
	f.Add(uint32(100), uint32(412), uint32(512), uint32(512), true)
	q := &queue{id: 1, entries: 8, pageSize: 4096, merge: true, dev: &device{cfg: host.LinkConfig{PageSize: 4096}}}
	q.tr.dev = q.dev
	if err := q.alloc(host.QueueConfig{ID: 1, Entries: 8}); err != nil {
		f.Fatal(err)
	}
	b, err := dma.Alloc(4<<20, 4096)
	if err != nil {
		f.Fatal(err)
	}
	buf := b.Bytes()
	f.Fuzz(func(t *testing.T, off1, n1, off2, n2 uint32, sgl bool) {
		size := uint32(len(buf))
		off1, off2 = off1%size, off2%size
		n1, n2 = min(n1, size-off1), min(n2, size-off2)
		q.sgl = sgl
		p := host.Payload{Iov: [][]byte{buf[off1 : off1+n1], buf[off2 : off2+n2]}, Len: n1 + n2}
		if p.Len == 0 {
			return
		}
		var cmd nvme.Command
		if err := q.build(&cmd, &p, 3); err != nil || sgl {
			return
		}
		if at := cmd.PRP1 - address(buf); at >= uint64(size) || cmd.PRP1%4 != 0 {
			t.Fatalf("PRP1 %#x lies outside", cmd.PRP1)
		}
	})
}
