// SPDX-License-Identifier: BSD-3-Clause

package vfio

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/uapi"
)

// fake is a kernel with VFIO, and the machine's files below root. Its files
// are real memfds, so that mappings, reads and writes of a function are real
// too. It follows drivers/vfio of Linux 6.12 in what may be done when.
type fake struct {
	t    *testing.T
	root string

	mu        sync.Mutex
	changed   *sync.Cond
	files     map[int]*file
	functions map[string]*function
	groups    map[int]*fakeGroup
	calls     []string         // what was done, for tests of the order
	failures  map[string]error // of the next call of that name
	spaces    []*fakeSpace     // all that were ever made

	ranges     []span // that the IOMMU takes; nil: it does not tell
	extensions map[uintptr]bool
	soft, hard uint64 // limit of locked memory
}

type file struct {
	kind  string // container, iommu, group, cdev, device
	group *fakeGroup
	fn    *function
	space *fakeSpace
}

type fakeGroup struct {
	number    int
	noIOMMU   bool
	notViable bool
	file      *file // nil: not open
	refs      int   // of file: itself and open functions
	space     *fakeSpace
}

// fakeSpace is a container or an IOAS.
type fakeSpace struct {
	kind   uintptr // of IOMMU in a container, 0 before it is set
	id     uint32  // of an IOAS, 0 before it is made
	users  int     // groups or functions
	maps   map[uint64]uint64
	mapped uint64
}

const (
	bar0Size   = 0x4000
	configSize = 256
	msixAt     = 0x40
	nVectors   = 8
	tableAt    = 0x2000 // of the MSI-X table in BAR 0
)

// function is a PCI function.
type function struct {
	address   string
	group     *fakeGroup
	fd        int // memfd behind it
	open      bool
	resets    int
	flags     uint32
	msixCount uint32
	noResize  bool
	grant     int // vectors that the machine has left; 0: enough
	region    func(index uint32, info *uapi.VFIORegionInfo) []byte
	irqs      map[uint32][]int // eventfds of the kernel's own, by kind
}

func newFake(t *testing.T) (*fake, *host) {
	t.Helper()
	k := &fake{
		t: t, root: t.TempDir(), files: make(map[int]*file), functions: make(map[string]*function),
		groups: make(map[int]*fakeGroup), failures: make(map[string]error),
		ranges:     []span{{0, 0xfedfffff}, {0xfef00000, 1<<39 - 1}},
		extensions: map[uintptr]bool{uapi.VFIOType1IOMMU: true, uapi.VFIOType1v2IOMMU: true},
		soft:       math.MaxUint64, hard: math.MaxUint64,
	}
	k.changed = sync.NewCond(&k.mu)
	k.node(containerPath)
	t.Cleanup(k.checkClosed)
	return k, &host{root: k.root, claims: t.TempDir(), kernel: k, requirePhysical: func() error { return nil }}
}

// checkClosed makes sure that a test has left nothing open or mapped.
func (k *fake) checkClosed() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for fd, f := range k.files {
		k.t.Errorf("file %d (%s) was left open", fd, f.kind)
	}
	for i, s := range k.spaces {
		if s.users != 0 {
			k.t.Errorf("address space %d was left with %d users", i, s.users)
		}
	}
	for _, f := range k.functions {
		if f.open {
			k.t.Errorf("%s was left open", f.address)
		}
		_ = unix.Close(f.fd)
	}
}

func (k *fake) write(path, content string) {
	path = filepath.Join(k.root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		k.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		k.t.Fatal(err)
	}
}

func (k *fake) node(path string) { k.write(path, "") }

func (k *fake) link(path, to string) {
	path = filepath.Join(k.root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		k.t.Fatal(err)
	}
	if err := os.Symlink(to, path); err != nil {
		k.t.Fatal(err)
	}
}

// sysfs shows a function of a group, which is negative for none.
func (k *fake) sysfs(address string, group int, driver string) string {
	dir := "/sys/bus/pci/devices/" + address
	for name, content := range map[string]string{
		"vendor": "0x1b36", "device": "0x0010", "class": "0x010802", "resource": "",
		"subsystem_vendor": "0x1af4", "subsystem_device": "0x1100", "revision": "0x02",
	} {
		k.write(filepath.Join(dir, name), content+"\n")
	}
	if driver != "" {
		k.link(filepath.Join(dir, "driver"), "../../drivers/"+driver)
	}
	if group >= 0 {
		k.link(filepath.Join(dir, "iommu_group"), fmt.Sprintf("../../../../kernel/iommu_groups/%d", group))
		k.node(fmt.Sprintf("/sys/kernel/iommu_groups/%d/devices/%s", group, address))
	}
	return dir
}

// add adds a function that vfio-pci holds.
func (k *fake) add(address string, group int) *function {
	k.t.Helper()
	k.sysfs(address, group, "vfio-pci")
	g := k.groups[group]
	if g == nil {
		g = &fakeGroup{number: group}
		k.groups[group] = g
		k.node(groupPath(group))
	}
	fd, err := unix.MemfdCreate("function", unix.MFD_CLOEXEC)
	if err != nil {
		k.t.Fatal(err)
	}
	if err := unix.Ftruncate(fd, 9<<40); err != nil {
		k.t.Fatal(err)
	}
	f := &function{
		address: address, group: g, fd: fd, irqs: make(map[uint32][]int), msixCount: nVectors,
		flags: uapi.VFIODeviceFlagPCI | uapi.VFIODeviceFlagReset,
	}
	f.region = f.mappable
	f.writeConfig()
	k.functions[address] = f
	return f
}

// addCdev gives a function a character device for iommufd.
func (k *fake) addCdev(f *function, n int) {
	name := fmt.Sprintf("vfio%d", n)
	k.node("/sys/bus/pci/devices/" + f.address + "/vfio-dev/" + name + "/dev")
	k.node("/dev/vfio/devices/" + name)
	k.node(iommuPath)
}

// makeNoIOMMU makes it a group without an IOMMU.
func (k *fake) makeNoIOMMU(g *fakeGroup) {
	g.noIOMMU = true
	k.extensions[uapi.VFIONoIOMMU] = true
	if err := os.Remove(filepath.Join(k.root, groupPath(g.number))); err != nil {
		k.t.Fatal(err)
	}
	k.node(noIOMMUPath(g.number))
}

// writeConfig fills config space: an NVMe controller with MSI-X.
func (f *function) writeConfig() {
	c := make([]byte, configSize)
	copy(c, []byte{0x36, 0x1b, 0x10, 0x00, 0, 0, 0x10, 0, 0x02, 0x02, 0x08, 0x01})
	copy(c[0x2c:], []byte{0xf4, 0x1a, 0x00, 0x11})
	c[0x34] = msixAt
	copy(c[msixAt:], []byte{0x11, 0, nVectors - 1, 0, byte(tableAt & 0xff), byte(tableAt >> 8), 0, 0, 0x00, 0x30, 0, 0})
	if _, err := unix.Pwrite(f.fd, c, uapi.VFIOPCIConfigRegion<<40); err != nil {
		panic(err)
	}
}

// command returns the command register.
func (f *function) command() uint16 {
	var b [2]byte
	if _, err := unix.Pread(f.fd, b[:], uapi.VFIOPCIConfigRegion<<40+4); err != nil {
		panic(err)
	}
	return uint16(b[0]) | uint16(b[1])<<8
}

// poke and peek access BAR 0 from the function's side.
func (f *function) poke(off int64, p []byte) {
	if _, err := unix.Pwrite(f.fd, p, off); err != nil {
		panic(err)
	}
}

func (f *function) peek(off int64, n int) []byte {
	b := make([]byte, n)
	if _, err := unix.Pread(f.fd, b, off); err != nil {
		panic(err)
	}
	return b
}

// interrupt signals a vector as the kernel does.
func (f *function) interrupt(t *testing.T, kind uint32, vector int) {
	t.Helper()
	if vector >= len(f.irqs[kind]) || f.irqs[kind][vector] < 0 {
		t.Fatalf("%s: nothing is set up for vector %d of kind %d", f.address, vector, kind)
	}
	one := uint64(1)
	if _, err := unix.Write(f.irqs[kind][vector], bytesOf(&one)); err != nil {
		t.Fatal(err)
	}
}

// request has the kernel ask for the function, as at an unbind, and waits
// until it is given back.
func (k *fake) request(f *function) {
	k.t.Helper()
	k.mu.Lock()
	f.interrupt(k.t, uapi.VFIOPCIReqIRQ, 0)
	k.mu.Unlock()
	k.waitClosed(f)
}

func (k *fake) waitClosed(f *function) {
	k.t.Helper()
	late := time.AfterFunc(10*time.Second, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.changed.Broadcast()
	})
	defer late.Stop()
	end := time.Now().Add(10 * time.Second)
	k.mu.Lock()
	defer k.mu.Unlock()
	for f.open {
		if !time.Now().Before(end) {
			k.t.Fatalf("%s was not given back", f.address)
		}
		k.changed.Wait()
	}
}

// failNext makes the next call of that name fail.
func (k *fake) failNext(call string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.failures[call] = err
}

// did notes a call, and returns the failure that a test wants.
func (k *fake) did(call string, args ...any) error {
	k.calls = append(k.calls, strings.TrimSpace(call+" "+fmt.Sprintln(args...)))
	err := k.failures[call]
	delete(k.failures, call)
	return err
}

// log returns the calls so far and forgets them.
func (k *fake) log() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	calls := k.calls
	k.calls = nil
	return calls
}

// newFile makes a file; dup is a descriptor that it is a duplicate of, or -1.
func (k *fake) newFile(f *file, dup int) (int, error) {
	var fd int
	var err error
	if dup >= 0 {
		fd, err = unix.FcntlInt(uintptr(dup), unix.F_DUPFD_CLOEXEC, 0)
	} else {
		fd, err = unix.MemfdCreate(f.kind, unix.MFD_CLOEXEC)
	}
	if err != nil {
		return -1, err
	}
	k.files[fd] = f
	return fd, nil
}

func (k *fake) open(path string) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	name, ok := strings.CutPrefix(path, k.root)
	if !ok {
		k.t.Errorf("%s is outside the root", path)
	}
	if err := k.did("open", name); err != nil {
		return -1, err
	}
	if err := k.failures["open "+name]; err != nil {
		return -1, err
	}
	if _, err := os.Stat(path); err != nil {
		return -1, unix.ENOENT
	}
	switch {
	case name == containerPath:
		return k.newFile(&file{kind: "container", space: k.newSpace()}, -1)
	case name == iommuPath:
		return k.newFile(&file{kind: "iommu", space: k.newSpace()}, -1)
	case strings.HasPrefix(name, "/dev/vfio/devices/"):
		return k.openCdev(filepath.Base(name))
	}
	for _, g := range k.groups {
		if name == groupPath(g.number) && !g.noIOMMU || name == noIOMMUPath(g.number) && g.noIOMMU {
			if g.file != nil {
				return -1, unix.EBUSY
			}
			g.file, g.refs = &file{kind: "group", group: g}, 1
			return k.newFile(g.file, -1)
		}
	}
	return -1, unix.ENXIO
}

func (k *fake) newSpace() *fakeSpace {
	s := &fakeSpace{maps: make(map[uint64]uint64)}
	k.spaces = append(k.spaces, s)
	return s
}

func (k *fake) openCdev(name string) (int, error) {
	for _, f := range k.functions {
		if _, err := os.Stat(filepath.Join(k.root, "/sys/bus/pci/devices", f.address, "vfio-dev", name)); err == nil {
			return k.newFile(&file{kind: "cdev", fn: f}, f.fd)
		}
	}
	return -1, unix.ENODEV
}

func (k *fake) close(fd int) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.drop(fd, "close")
	return unix.Close(fd)
}

func (k *fake) release(fd int) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.failures["release"]; err != nil {
		return err
	}
	k.drop(fd, "release")
	k.files[fd] = &file{kind: "nothing"}
	return linux{}.release(fd)
}

// drop ends a file.
func (k *fake) drop(fd int, how string) {
	f := k.files[fd]
	if f == nil {
		k.t.Errorf("%s of %d, which is not open", how, fd)
		return
	}
	delete(k.files, fd)
	if f.kind == "nothing" {
		return
	}
	_ = k.did(how, f.kind)
	switch f.kind {
	case "group":
		k.unrefGroup(f.group)
	case "device":
		k.closeFunction(f.fn)
		k.unrefGroup(f.group)
	case "cdev":
		if f.space != nil {
			k.closeFunction(f.fn)
			f.space.users--
		}
	}
}

func (k *fake) closeFunction(f *function) {
	f.open = false
	for kind := range f.irqs {
		f.forget(kind)
	}
	k.changed.Broadcast()
}

func (f *function) forget(kind uint32) {
	for _, fd := range f.irqs[kind] {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
	delete(f.irqs, kind)
}

// unrefGroup lets the group leave its container when nothing of it is open.
func (k *fake) unrefGroup(g *fakeGroup) {
	if g.refs--; g.refs > 0 {
		return
	}
	g.file = nil
	if s := g.space; s != nil {
		g.space = nil
		if s.users--; s.users == 0 { // the container loses its IOMMU
			s.kind, s.mapped = 0, 0
			clear(s.maps)
		}
	}
}

func (k *fake) memlock() (uint64, uint64, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.soft, k.hard, nil
}

func (k *fake) setMemlock(soft, hard uint64) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.did("setMemlock", soft, hard); err != nil {
		return err
	}
	if hard > k.hard || soft > hard {
		return unix.EPERM
	}
	k.soft, k.hard = soft, hard
	return nil
}

// at returns the structure that an ioctl's argument points to.
func at[T any](p unsafe.Pointer) *T { return (*T)(p) }
