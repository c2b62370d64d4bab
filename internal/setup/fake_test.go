// SPDX-License-Identifier: BSD-3-Clause

package setup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/gospdk/gospdk/internal/machine/machinetest"
)

// fakeKernel is a kernel for a directory tree: it reacts to what is written
// as the real one does, and keeps a log of it.
type fakeKernel struct {
	*machinetest.Tree
	t  testing.TB
	mu sync.Mutex

	log     []string         // all changes, in order
	fail    map[string]error // what fails: "modprobe vfio-pci", or a file that is written
	refuse  map[string]bool  // functions that no user-space driver takes
	memory  int              // hugepages that there is memory for
	signals int              // writes of their number that a signal cuts short
	noGroup bool             // VFIO works without an IOMMU
	aliases map[string]string
	users   map[string]int
	memlock int // kB, -1: unlimited
	owners  map[string]int
	modes   map[string]fs.FileMode
	before  func(change string) // called before each change
	uios    int
}

func newFake(t testing.TB) *fakeKernel {
	k := &fakeKernel{
		Tree: machinetest.New(t), t: t, fail: map[string]error{}, refuse: map[string]bool{}, memory: 1 << 20,
		aliases: map[string]string{}, users: map[string]int{"alice": 1000, "root": 0}, memlock: -1,
		owners: map[string]int{}, modes: map[string]fs.FileMode{},
	}
	for _, f := range []string{"sys/bus/pci/drivers_probe", "sys/bus/pci/rescan", "proc/sys/vm/nr_hugepages"} {
		k.Tree.Write(f, "")
	}
	k.pages(0, 0)
	return k
}

// pages sets the pages of node 0.
func (k *fakeKernel) pages(node, n int) {
	k.Tree.Write(fmt.Sprintf("sys/devices/system/node/node%d/hugepages/hugepages-2048kB/nr_hugepages", node), fmt.Sprintln(n))
	k.Tree.Write(fmt.Sprintf("sys/devices/system/node/node%d/hugepages/hugepages-2048kB/free_hugepages", node), fmt.Sprintln(n))
	total := 0
	for _, f := range k.nodes() {
		total += k.number(f)
	}
	for _, f := range []string{"proc/sys/vm/nr_hugepages", "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"} {
		k.Tree.Write(f, fmt.Sprintln(total))
	}
}

func (k *fakeKernel) nodes() []string {
	found, _ := filepath.Glob(k.Path("sys/devices/system/node/node*/hugepages/hugepages-2048kB/nr_hugepages"))
	return found
}

func (k *fakeKernel) number(file string) int {
	b, err := os.ReadFile(file)
	if err != nil {
		k.t.Error(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		k.t.Error(err)
	}
	return n
}

func (k *fakeKernel) read(file string) string {
	b, _ := os.ReadFile(k.Path(file)) // "" if there is none
	return strings.TrimSpace(string(b))
}

// rel is a file's path on the machine.
func (k *fakeKernel) rel(file string) string {
	r, ok := strings.CutPrefix(file, k.Root+"/")
	if !ok {
		k.t.Errorf("%s is not below the root: a real machine would be changed", file)
	}
	return "/" + r
}

// change logs one, and fails it if the test wants that.
func (k *fakeKernel) change(what string) error {
	if k.before != nil {
		k.before(what)
	}
	k.log = append(k.log, what)
	for pattern, err := range k.fail {
		if ok, _ := filepath.Match(pattern, strings.Fields(what)[0]); ok || pattern == what {
			return err
		}
	}
	return nil
}

func (k *fakeKernel) Write(file, data string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	file = k.rel(file)
	if _, err := os.Stat(k.Path(file)); err != nil && !strings.HasSuffix(file, "/unbind") && !strings.HasSuffix(file, "/driver_override") {
		return err
	}
	if err := k.change(file + " " + strings.TrimSpace(data)); err != nil {
		return &fs.PathError{Op: "write", Path: file, Err: err}
	}
	switch base := filepath.Base(file); base {
	case "unbind":
		return k.unbind(strings.TrimSpace(data))
	case "driver_override":
		k.Tree.Write(file, data)
	case "drivers_probe":
		return k.probe(strings.TrimSpace(data))
	case "nr_hugepages":
		k.setPages(file, data)
	case "rescan":
	default:
		k.t.Errorf("a kernel does not know %s", file)
	}
	return nil
}

func (k *fakeKernel) setPages(file, data string) {
	n, err := strconv.Atoi(data)
	if err != nil || n < 0 {
		k.t.Errorf("%s does not take %q", file, data)
	}
	if _, rest, ok := strings.Cut(file, "/node/node"); ok {
		node, _, _ := strings.Cut(rest, "/")
		i, _ := strconv.Atoi(node)
		k.pages(i, min(n, k.memory))
		return
	}
	n = min(n, k.memory)
	if k.signals > 0 {
		k.signals--
		have, _ := strconv.Atoi(strings.TrimSpace(k.read(strings.TrimPrefix(file, "/"))))
		n = min(n, have+1)
	}
	nodes := len(k.nodes())
	for i := range nodes {
		k.pages(i, n/nodes+min(1, max(0, n%nodes-i)))
	}
}

func (k *fakeKernel) driver(bdf string) string {
	target, err := os.Readlink(k.Path("sys/bus/pci/devices/" + bdf + "/driver"))
	if err != nil {
		return ""
	}
	return filepath.Base(target)
}

func (k *fakeKernel) unbind(bdf string) error {
	driver := k.driver(bdf)
	if driver == "" {
		return syscall.ENODEV
	}
	dir := "sys/bus/pci/devices/" + bdf
	switch {
	case driver == "nvme":
		k.hide(bdf)
	case strings.HasPrefix(driver, "uio") || driver == igbUIO:
		for _, d := range k.glob(dir + "/uio/*") {
			k.Remove("dev/" + filepath.Base(d))
			k.Remove("sys/class/uio/" + filepath.Base(d))
		}
		k.Remove(dir + "/uio")
	case driver == vfioPCI:
		target, _ := os.Readlink(k.Path(dir + "/iommu_group"))
		k.Remove("dev/vfio/" + filepath.Base(target))
		k.Remove("dev/vfio/noiommu-" + filepath.Base(target))
	}
	k.Remove(dir + "/driver")
	k.Remove("sys/bus/pci/drivers/" + driver + "/" + bdf)
	return nil
}

func (k *fakeKernel) glob(pattern string) []string {
	found, _ := filepath.Glob(k.Path(pattern))
	return found
}

// hide takes away the controller and the disks of a function; show brings
// them back.
func (k *fakeKernel) hide(bdf string) {
	dir := "sys/bus/pci/devices/" + bdf
	for _, c := range k.glob(dir + "/nvme/nvme*") {
		k.Remove("sys/class/nvme/" + filepath.Base(c))
	}
	for _, b := range k.glob(dir + "/nvme/nvme*/nvme*n*") {
		k.Remove("sys/class/block/" + filepath.Base(b))
	}
	_ = os.Rename(k.Path(dir+"/nvme"), k.Path(dir+"/hidden"))
}

func (k *fakeKernel) show(bdf string) {
	real, err := filepath.EvalSymlinks(k.Path("sys/bus/pci/devices/" + bdf))
	if err != nil {
		k.t.Error(err)
	}
	dir := strings.TrimPrefix(real, k.Root+"/")
	_ = os.Rename(k.Path(dir+"/hidden"), k.Path(dir+"/nvme"))
	for _, c := range k.glob(dir + "/nvme/nvme*") {
		k.Link("sys/class/nvme/"+filepath.Base(c), strings.TrimPrefix(c, k.Root+"/"))
	}
	for _, b := range k.glob(dir + "/nvme/nvme*/nvme*n*") {
		k.Link("sys/class/block/"+filepath.Base(b), strings.TrimPrefix(b, k.Root+"/"))
	}
}

// probe binds a function to the driver of its override, else to its own.
func (k *fakeKernel) probe(bdf string) error {
	dir := "sys/bus/pci/devices/" + bdf
	to := k.read(dir + "/driver_override")
	if to == "" {
		to = k.aliases[k.read(dir+"/modalias")]
	}
	if k.driver(bdf) != "" || to == "" || len(k.glob("sys/bus/pci/drivers/"+to)) == 0 {
		return nil
	}
	user := to == vfioPCI || to == uioPCI || to == igbUIO
	if user && k.refuse[bdf] {
		return syscall.EINVAL
	}
	group, err := os.Readlink(k.Path(dir + "/iommu_group"))
	if to == vfioPCI {
		switch {
		case err == nil:
			k.Tree.Write("dev/vfio/"+filepath.Base(group), "")
		case k.noGroup:
			k.Link(dir+"/iommu_group", "sys/kernel/iommu_groups/0")
			k.Tree.Write("sys/kernel/iommu_groups/0/name", "vfio-noiommu\n")
			k.Tree.Write("dev/vfio/noiommu-0", "")
		default:
			return syscall.EINVAL
		}
	} else if user {
		name := fmt.Sprintf("uio%d", k.uios)
		k.Tree.Write(dir+"/uio/"+name+"/dev", fmt.Sprintf("250:%d\n", k.uios))
		k.Link("sys/class/uio/"+name, dir+"/uio/"+name)
		k.Tree.Write("dev/"+name, "")
		k.uios++
	}
	k.Bind(bdf, to)
	if to == "nvme" {
		k.show(bdf)
	}
	return nil
}

func (k *fakeKernel) load(name string) {
	k.Mkdir("sys/module/" + strings.ReplaceAll(name, "-", "_"))
	if name != "uio" && name != "vfio_iommu_type1" {
		k.Mkdir("sys/bus/pci/drivers/" + name)
	}
}

func (k *fakeKernel) Modprobe(ctx context.Context, module string) error {
	if err := k.change("modprobe " + module); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return errors.New("modprobe: killed")
	}
	k.load(module)
	return nil
}

func (k *fakeKernel) Insmod(_ context.Context, file string) error {
	if err := k.change("insmod " + file); err != nil {
		return err
	}
	k.load(strings.TrimSuffix(filepath.Base(file), ".ko"))
	return nil
}

func (k *fakeKernel) Unload(ctx context.Context, module string) error {
	if err := k.change("unload " + module); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return errors.New("modprobe -r: killed")
	}
	k.Remove("sys/module/" + strings.ReplaceAll(module, "-", "_"))
	k.Remove("sys/bus/pci/drivers/" + module)
	return nil
}

func (k *fakeKernel) Resolve(_ context.Context, alias string) ([]string, error) {
	if m := k.aliases[alias]; m != "" {
		return []string{m}, nil
	}
	return nil, errors.New("modprobe: FATAL: Module not found")
}

func (k *fakeKernel) MountHuge(dir string) error {
	dir = k.rel(dir)
	if err := k.change("mount " + dir); err != nil {
		return err
	}
	k.Mount("self", "0:99", "nodev", dir, "hugetlbfs")
	return nil
}

func (k *fakeKernel) Unmount(dir string) error {
	dir = k.rel(dir)
	if err := k.change("unmount " + dir); err != nil {
		return err
	}
	lines := strings.SplitAfter(k.read("proc/self/mountinfo"), "\n")
	lines = slices.DeleteFunc(lines, func(l string) bool { return strings.Contains(l, " "+dir+" ") })
	k.Tree.Write("proc/self/mountinfo", strings.Join(lines, ""))
	return nil
}

func (k *fakeKernel) Owner(file string) (int, fs.FileMode, error) {
	file = k.rel(file)
	if mode, ok := k.modes[file]; ok {
		return k.owners[file], mode, nil
	}
	return k.owners[file], 0o755, nil
}

func (k *fakeKernel) Chown(file string, uid int) error {
	file = k.rel(file)
	if err := k.change(fmt.Sprintf("chown %s %d", file, uid)); err != nil {
		return err
	}
	k.owners[file] = uid
	return nil
}

func (k *fakeKernel) Chmod(file string, mode fs.FileMode) error {
	file = k.rel(file)
	if err := k.change(fmt.Sprintf("chmod %s %o", file, mode)); err != nil {
		return err
	}
	k.modes[file] = mode
	return nil
}

func (k *fakeKernel) User(_ context.Context, name string) (int, error) {
	if uid, ok := k.users[name]; ok {
		return uid, nil
	}
	return 0, errors.New("this machine has no such user")
}

func (k *fakeKernel) Memlock(context.Context, string) (int, error) {
	if k.before != nil {
		k.before("memlock")
	}
	return k.memlock, nil
}
