// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/bdev/null"
	"github.com/gospdk/gospdk/nvmf"
	"github.com/gospdk/gospdk/nvmf/vfiouser"
	"github.com/gospdk/gospdk/reactor"
	"github.com/gospdk/gospdk/thread"
)

// linuxTarget is a target in this process whose controllers the kernel of a
// guest drives: QEMU's vfio-user-pci puts them into it.
type linuxTarget struct {
	t       testing.TB
	reg     *bdev.Registry
	sub     *nvmf.Subsystem
	serve   func(vfiouser.Options) string // a socket more
	guest   *VM
	sockets int
}

const (
	linuxNQN    = "nqn.2016-06.io.spdk:cnode1"
	linuxSerial = "GOSPDK0000000042"
	mainSize    = 64 << 20 // of the disk that is there all the time
)

func newLinuxTarget(t testing.TB) *linuxTarget {
	t.Helper()
	ctx := context.Background()
	set, err := reactor.Start(reactor.Config{})
	check(t, err)
	t.Cleanup(func() { check(t, set.Stop(ctx)) })
	mask, err := reactor.MaskOf(set.Mask().CPUs()[0])
	check(t, err)
	th, err := set.NewThread(ctx, "target", mask)
	check(t, err)
	x := &linuxTarget{t: t, reg: bdev.NewRegistry()}
	t.Cleanup(func() { check(t, x.reg.Close(ctx)) })
	target := nvmf.NewTarget(x.reg)
	t.Cleanup(func() { check(t, target.Close(ctx)) })
	x.sub, err = target.NewSubsystem(linuxNQN, nvmf.SubsystemOptions{Serial: linuxSerial})
	check(t, err)
	dir := t.TempDir()
	x.serve = func(o vfiouser.Options) string {
		x.sockets++
		l, err := vfiouser.Listen(ctx, target, x.sub, filepath.Join(dir, fmt.Sprint(x.sockets)), []*thread.Thread{th}, o)
		check(t, err)
		t.Cleanup(func() { check(t, l.Close()) })
		return filepath.Join(l.Dir(), vfiouser.SocketName)
	}
	return x
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// vfioUserPCI are the properties of QEMU's device for a controller.
func vfioUserPCI(id, bus, socket string) map[string]any {
	return map[string]any{
		"driver": "vfio-user-pci", "id": id, "bus": bus,
		"socket": map[string]any{"type": "unix", "path": socket},
	}
}

// bootLinux boots a guest that has the controller behind a socket, and a free
// slot named spare.
func (x *linuxTarget) bootLinux(t testing.TB, socket string, iommu bool) {
	t.Helper()
	device, err := json.Marshal(vfioUserPCI("disk", "first", socket))
	check(t, err)
	x.guest = Start(t, Config{
		Memory: 512, SharedMemory: true, IOMMU: iommu,
		// nvme-cli maps the registers, which the driver holds.
		Append:   "iomem=relaxed",
		Modules:  []string{"nvme", "crc32c_generic", "ext4"},
		Programs: []string{"fio", "nvme", "mkfs.ext4", "e2fsck"},
		Args: []string{
			"-device", "pcie-root-port,id=first,chassis=1,slot=1", "-device", "pcie-root-port,id=spare,chassis=2,slot=2",
			"-device", string(device),
		},
	})
}

// addDisk makes a disk of random bytes and gives it to the guest as a
// namespace.
func (x *linuxTarget) addDisk(t testing.TB, name string, size, blockSize int) (nsid uint32) {
	t.Helper()
	ctx := context.Background()
	d, err := malloc.New(malloc.Config{Name: name, NumBlocks: uint64(size / blockSize), BlockSize: uint32(blockSize)})
	check(t, err)
	check(t, x.reg.Register(ctx, d))
	desc, err := x.reg.Open(ctx, name, bdev.Write, nil)
	check(t, err)
	disk := desc.Blocking()
	data := randomBytes(name, 1<<20)
	for off := 0; off < size; off += len(data) {
		_, err := disk.WriteAt(data[:min(len(data), size-off)], int64(off))
		check(t, err)
	}
	check(t, disk.Close())
	check(t, desc.Close())
	nsid, err = x.sub.AddNamespace(ctx, name, nvmf.NamespaceOptions{})
	check(t, err)
	return nsid
}

// addNull gives the guest a namespace that keeps nothing.
func (x *linuxTarget) addNull(t testing.TB, name string, blocks uint64) (nsid uint32) {
	t.Helper()
	d, err := null.New(null.Config{Name: name, NumBlocks: blocks, BlockSize: 512})
	check(t, err)
	check(t, x.reg.Register(context.Background(), d))
	nsid, err = x.sub.AddNamespace(context.Background(), name, nvmf.NamespaceOptions{})
	check(t, err)
	return nsid
}

// removeDisk takes a namespace from the guest, and its disk away.
func (x *linuxTarget) removeDisk(t testing.TB, nsid uint32, name string) {
	t.Helper()
	ctx := context.Background()
	check(t, x.sub.RemoveNamespace(ctx, nsid))
	check(t, x.reg.Unregister(ctx, name))
}

func randomBytes(seed string, n int) []byte {
	p := make([]byte, n)
	_, _ = rand.NewChaCha8(sha256.Sum256([]byte(seed))).Read(p)
	return p
}

// read returns what a disk holds, as it is on this side.
func (x *linuxTarget) read(t testing.TB, name string, off, n int) []byte {
	t.Helper()
	desc, err := x.reg.Open(context.Background(), name, bdev.Read, nil)
	check(t, err)
	disk := desc.Blocking()
	p := make([]byte, n)
	_, err = disk.ReadAt(p, int64(off))
	check(t, err)
	check(t, disk.Close())
	check(t, desc.Close())
	return p
}

// disk waits for the block device of a namespace and returns its path. The
// kernel scans namespaces side by side, so their names follow no order.
func (x *linuxTarget) disk(t testing.TB, nsid uint32) string {
	t.Helper()
	return strings.TrimSpace(x.guest.Until(t, fmt.Sprintf(`
for d in /sys/block/nvme[0-9]n*; do
	if [ "$(cat $d/nsid)" = %d ] && [ -b /dev/${d##*/} ] && [ "$(cat $d/size)" -gt 0 ]; then echo /dev/${d##*/}; exit; fi
done
exit 1`, nsid)))
}

// gone waits until there is no block device of a namespace.
func (x *linuxTarget) gone(t testing.TB, nsid uint32) {
	t.Helper()
	x.guest.Until(t, fmt.Sprintf(`! cat /sys/block/nvme[0-9]n*/nsid | grep -qx %d`, nsid))
}

// live waits until the guest's only controller works.
func (x *linuxTarget) live(t testing.TB) {
	t.Helper()
	x.guest.Until(t, `[ "$(cat /sys/class/nvme/nvme*/state)" = live ]`)
}

// same compares the first bytes of a disk, whole MiB, as the guest reads them,
// past its caches, with what it holds on this side.
func (x *linuxTarget) same(t testing.TB, name, path string, size int) {
	t.Helper()
	out := x.guest.MustShell(t, fmt.Sprintf("dd if=%s bs=1M count=%d iflag=direct 2>/dev/null | sha256sum", path, size>>20))
	there, _, _ := strings.Cut(out, " ")
	here := sha256.Sum256(x.read(t, name, 0, size))
	if there != hex.EncodeToString(here[:]) {
		t.Errorf("%s: the guest reads other bytes from %s than the disk holds: SHA-256 %s and %x", name, path, there, here)
	}
}

// want compares bytes of a disk on this side.
func (x *linuxTarget) want(t testing.TB, what, name string, off int, data []byte) {
	t.Helper()
	got := x.read(t, name, off, len(data))
	if !bytes.Equal(got, data) {
		at := 0
		for got[at] == data[at] {
			at++
		}
		t.Errorf("%s: %d bytes at %d of %s differ from byte %d on: % x, want % x", what, len(data), off, name, at,
			got[at:min(at+16, len(got))], data[at:min(at+16, len(data))])
	}
}
