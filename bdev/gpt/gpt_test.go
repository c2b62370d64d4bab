// SPDX-License-Identifier: BSD-3-Clause

package gpt

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/bdevtest"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/dif"
	"github.com/gospdk/gospdk/internal/vbdev"
	"github.com/gospdk/gospdk/internal/vbdev/vbdevtest"
)

type rig struct {
	*vbdevtest.Rig
	m *Module
}

func newRig(t *testing.T) *rig {
	r := &rig{Rig: vbdevtest.New(t)}
	r.m = NewModule(r.Reg)
	r.Reg.AddModule(r.m)
	return r
}

func (r *rig) disk(name string, image []byte) {
	r.Helper()
	r.Disk(malloc.Config{Name: name, NumBlocks: goldenBlocks}, image)
}

func (r *rig) wantNames(want ...string) {
	r.Helper()
	if got := r.Names(); !slices.Equal(got, want) {
		r.Errorf("devices %v, want %v", got, want)
	}
}

func TestPartitions(t *testing.T) {
	r := newRig(t)
	r.disk("Nvme0n1", golden(t))
	r.wantNames("Nvme0n1", "Nvme0n1p1", "Nvme0n1p2")
	if module, kind, _ := r.Reg.Claimed("Nvme0n1"); module != "gpt" || kind != bdev.ClaimExclWrite {
		t.Errorf("the base is claimed by %q, %s", module, kind)
	}
	info, err := r.Reg.Get("aaaaaaaa-0002-4aaa-8aaa-aaaaaaaaaaaa")
	r.Must(err)
	if info.Name != "Nvme0n1p2" || info.NumBlocks != 99 || info.Product != "GPT Disk" || info.Module != "gpt" || info.BlockSize != 512 {
		t.Errorf("%+v", info)
	}
	p := bytes.Repeat([]byte("gpt!"), 99*128)
	r.Write("Nvme0n1p2", 0, p)
	if got := r.Read("Nvme0n1", 6144*512, len(p)); !bytes.Equal(got, p) {
		t.Error("what was written to the partition is not where it begins")
	}
	if got := r.Read("Nvme0n1", (6144+99)*512, 512); !bytes.Equal(got, make([]byte, 512)) {
		t.Error("a block behind the partition has changed")
	}
}

// SPDK's answer for the first partition of the golden table.
const goldenSpecific = `{"gpt":{"base_bdev":"G","offset_blocks":2048,"partition_table_guid":"12345678-9abc-4def-8123-456789abcdef",` +
	`"partition_type_guid":"6527994e-2c5a-4eec-9613-8f5944074e8b","unique_partition_guid":"aaaaaaaa-0001-4aaa-8aaa-aaaaaaaaaaaa","partition_name":"First ü"}}`

func TestDriverSpecific(t *testing.T) {
	r := newRig(t)
	r.Malloc(malloc.Config{Name: "G", NumBlocks: goldenBlocks})
	b, err := openBase(r.Ctx, r.m, "G", &goldenTable, true)
	r.Must(err)
	d := newDisk(b, &goldenTable.partitions[0])
	b.get(d)
	got, err := json.Marshal(d.DriverSpecific())
	r.Must(err)
	if string(got) != goldenSpecific {
		t.Errorf("%s, want %s", got, goldenSpecific)
	}
	r.Must(d.Close(r.Ctx))
}

// With a broken primary table the one at the end is used.
func TestBackup(t *testing.T) {
	r := newRig(t)
	image := golden(t)
	image[512+20] ^= 1
	r.disk("A", image)
	r.wantNames("A", "Ap1", "Ap2")
	image[len(image)-512]++
	r.disk("B", image)
	r.wantNames("A", "Ap1", "Ap2", "B")
	if module, _, _ := r.Reg.Claimed("B"); module != "" {
		t.Errorf("B is claimed by %q", module)
	}
}

func TestNoTable(t *testing.T) {
	r := newRig(t)
	r.disk("Empty", nil)
	r.disk("MBR", append(make([]byte, 510), 0x55, 0xaa))
	r.Malloc(malloc.Config{Name: "Tiny", NumBlocks: 3})
	r.wantNames("Empty", "MBR", "Tiny")
}

// Other systems' partitions are shown on request, for reading only.
func TestOthers(t *testing.T) {
	r := newRig(t)
	r.m.SetOptions(Options{ShowOthers: true})
	image := golden(t)
	copy(image[8192*512:], "linux")
	r.disk("A", image)
	r.wantNames("A", "Ap1", "Ap2", "Ap3")
	if got := r.Read("Ap3", 0, 5); string(got) != "linux" {
		t.Errorf("read %q", got)
	}
	u := r.User("Ap3")
	for _, op := range []bdev.Op{bdev.OpWrite, bdev.OpWriteZeroes, bdev.OpUnmap, bdev.OpCopy, bdev.OpCompareAndWrite} {
		p := [][]byte{make([]byte, 512)}
		if s := u.Do(&bdev.IO{Op: op, Blocks: 1, Iov: p, WriteIov: p}); s != bdev.StatusUnsupported {
			t.Errorf("%s: %v", op, s)
		}
	}
	u.Close()
	r.Must(r.Reg.Unregister(r.Ctx, "A"))
	r.wantNames()

	// A disk that holds only others' stays free for its users.
	only := goldenTable
	only.partitions = goldenTable.partitions[2:]
	r.disk("B", write(&only, geometry{512, goldenBlocks}))
	r.wantNames("B", "Bp3")
	if module, _, _ := r.Reg.Claimed("B"); module != "" {
		t.Errorf("B is claimed by %q", module)
	}
	r.Write("B", 8192*512, []byte("other"))
	if got := r.Read("Bp3", 0, 5); string(got) != "other" {
		t.Errorf("read %q", got)
	}
}

// Partitions go with their base, though somebody has them open.
func TestHotRemove(t *testing.T) {
	r := newRig(t)
	r.disk("A", golden(t))
	removed := make(chan bdev.Event, 1)
	desc, err := r.Reg.Open(r.Ctx, "Ap1", bdev.Read, func(e bdev.Event) { removed <- e })
	r.Must(err)
	result := make(chan error, 1)
	go func() { result <- r.Reg.Unregister(r.Ctx, "A") }()
	<-removed
	r.Until("the other partition to go", func() bool { _, err := r.Reg.Get("Ap2"); return err != nil })
	r.Must(desc.Close())
	r.Must(<-result)
	r.wantNames()
}

// A name that is taken costs that partition only.
func TestNameTaken(t *testing.T) {
	r := newRig(t)
	r.Malloc(malloc.Config{Name: "Ap1", NumBlocks: 100})
	r.disk("A", golden(t))
	r.wantNames("Ap1", "A", "Ap2")
}

func TestUUIDOfPartitionWithout(t *testing.T) {
	r := newRig(t)
	tab := goldenTable
	tab.partitions = slices.Clone(tab.partitions[:1])
	tab.partitions[0].id = uuid.Nil
	id := uuid.MustParse("11111111-2222-4333-8444-000000000001")
	r.Disk(malloc.Config{Name: "A", NumBlocks: goldenBlocks, UUID: id}, write(&tab, geometry{512, goldenBlocks}))
	info, err := r.Reg.Get("Ap1")
	r.Must(err)
	// The recorded session of spdk_tgt has this of a part of a device.
	if got := vbdev.PartUUID(uuid.MustParse("21111111-2222-3333-4444-555555555555"), 196608, 65536); got.String() != "8b744461-c662-5088-97c3-3f8f5f4ec3bd" {
		t.Errorf("UUID of a part %s", got)
	}
	if want := vbdev.PartUUID(id, 2048, 4096); info.UUID != want {
		t.Errorf("UUID %s, want %s", info.UUID, want)
	}
}

// Reference tags are those of the base's blocks there, and the partition's to
// its users.
func TestProtection(t *testing.T) {
	for _, interleaved := range []bool{false, true} {
		r := newRig(t)
		r.Malloc(malloc.Config{Name: "A", NumBlocks: goldenBlocks, MDSize: 8, MDInterleaved: interleaved})
		b, err := openBase(r.Ctx, r.m, "A", &goldenTable, true)
		r.Must(err)
		b.Info.DIF, b.Info.DIFCheck = dif.Type1, dif.RefTag|dif.Guard
		d := newDisk(b, &goldenTable.partitions[1])
		b.get(d)
		r.Must(r.Reg.Register(r.Ctx, d))
		b.Ready()
		testProtection(t, r, interleaved)
	}
}

func testProtection(t *testing.T, r *rig, interleaved bool) {
	size := 512
	if interleaved {
		size = 520
	}
	ctx := dif.Context{
		BlockSize: uint32(size), MDSize: 8, Interleaved: interleaved, Type: dif.Type1,
		Flags: dif.RefTag | dif.Guard, RefTag: 7,
	}
	data, meta := bytes.Repeat([]byte("x"), 3*size), make([]byte, 3*8)
	iov := [][]byte{data}
	io := bdev.IO{Op: bdev.OpWrite, Offset: 7, Blocks: 3, Iov: iov}
	base := bdev.IO{Op: bdev.OpRead, Offset: 6144 + 7, Blocks: 3, Iov: [][]byte{make([]byte, len(data))}}
	verify := func(what string, c dif.Context, io *bdev.IO) {
		t.Helper()
		var err error
		if interleaved {
			err = c.Verify(io.Iov, 3)
		} else {
			err = c.VerifyMeta(io.Iov, io.Meta, 3)
		}
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if interleaved {
		r.Must(ctx.Generate(iov, 3))
	} else {
		r.Must(ctx.GenerateMeta(iov, meta, 3))
		io.Meta, base.Meta = meta, make([]byte, len(meta))
	}
	u := r.User("Ap2")
	for _, op := range []bdev.Op{bdev.OpWrite, bdev.OpCompare, bdev.OpRead} {
		io.Op = op
		if s := u.Do(&io); s != bdev.StatusSuccess {
			t.Fatalf("%s: %v", op, s)
		}
		verify("after "+op.String(), ctx, &io)
	}
	desc, err := r.Reg.Open(r.Ctx, "A", bdev.Read, nil)
	r.Must(err)
	defer desc.Close()
	ch, err := desc.Channel(u.Thread)
	r.Must(err)
	done := make(chan struct{}, 1)
	base.Done = completer(func() { done <- struct{}{} })
	ch.Submit(&base)
	r.Until("the base's read", func() bool { u.Thread.Poll(); return len(done) > 0 })
	r.Must(ch.Close())
	below := ctx
	below.RefTag = 6144 + 7
	verify("on the base", below, &base)

	io.Op, io.Offset = bdev.OpWrite, 8 // tags that are wrong there
	if s := u.Do(&io); s != bdev.StatusFailed {
		t.Errorf("write with wrong tags: %v", s)
	}
	u.Close()
}

type completer func()

func (c completer) Complete(*bdev.IO) { c() }

// What sfdisk and sgdisk make is found.
func TestTools(t *testing.T) {
	for _, tool := range []struct {
		name string
		run  func(path, file string) *exec.Cmd
		want []string
	}{
		{"sfdisk", func(path, file string) *exec.Cmd {
			cmd := exec.Command(path, "-q", file)
			cmd.Stdin = strings.NewReader(goldenScript)
			return cmd
		}, []string{"A", "Ap1", "Ap2"}},
		{"sgdisk", func(path, file string) *exec.Cmd {
			return exec.Command(path, "-n", "3:2048:4095", "-t", "3:"+typeSPDK.String(), "-n", "7:4096:+1M", "-t", "7:8300", file)
		}, []string{"A", "Ap3"}},
	} {
		t.Run(tool.name, func(t *testing.T) {
			path, err := lookPath(tool.name)
			if err != nil {
				t.Skip(err)
			}
			file := filepath.Join(t.TempDir(), "disk")
			if err := os.WriteFile(file, make([]byte, goldenBlocks*512), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := tool.run(path, file).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			image, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r := newRig(t)
			r.disk("A", image)
			r.wantNames(tool.want...)
			image[512]++ // the backup is as good
			r2 := newRig(t)
			r2.disk("A", image)
			r2.wantNames(tool.want...)
		})
	}
}

func lookPath(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	return exec.LookPath(filepath.Join("/usr/sbin", name))
}

func TestConformance(t *testing.T) {
	for name, cfg := range map[string]malloc.Config{
		"plain":       {},
		"metadata":    {MDSize: 8},
		"interleaved": {MDSize: 8, MDInterleaved: true},
	} {
		t.Run(name, func(t *testing.T) {
			bdevtest.Run(t, func(t *testing.T) (bdev.Device, func()) {
				r := newRig(t)
				cfg.Name, cfg.NumBlocks = "A", goldenBlocks
				r.Malloc(cfg)
				b, err := openBase(r.Ctx, r.m, "A", &goldenTable, true)
				r.Must(err)
				d := newDisk(b, &goldenTable.partitions[0])
				b.get(d)
				b.Ready()
				return d, func() {}
			})
		})
	}
}
