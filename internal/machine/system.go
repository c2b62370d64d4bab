// SPDX-License-Identifier: BSD-3-Clause

package machine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// system is what cannot be read from the text of files.
type system interface {
	// device returns the device that a node is. Its error is
	// [errNoDevice] for a file that is no device node.
	device(path string) (device, error)
	// openExclusive opens a disk for reading so that nothing else can hold
	// it exclusively: file systems, swap, device-mapper and md do. It fails
	// with EBUSY if something does, with a partition of it too.
	openExclusive(name string, d device) (disk, error)
	// seesAll returns an error if processes of the machine are hidden.
	seesAll() error
}

// disk is an opened block device.
type disk interface {
	io.ReaderAt
	io.Closer
}

// device identifies a device node.
type device struct {
	char bool
	dev  string // major:minor, as sysfs writes it
}

var errNoDevice = errors.New("no device node")

// kernel is the running system.
type kernel struct{}

func (kernel) device(path string) (device, error) {
	var st unix.Statx_t
	// Without synchronisation: a file server that does not answer must not
	// hold us up.
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_STATX_DONT_SYNC, unix.STATX_TYPE, &st)
	if err != nil {
		return device{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	d := device{dev: fmt.Sprintf("%d:%d", st.Rdev_major, st.Rdev_minor)}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFBLK:
	case unix.S_IFCHR:
		d.char = true
	default:
		return device{}, errNoDevice
	}
	return d, nil
}

func (k kernel) openExclusive(name string, d device) (disk, error) {
	path := "/dev/" + strings.ReplaceAll(name, "!", "/") // as sysfs writes a slash
	found, err := k.device(path)
	if err == nil && found == d {
		return k.openNode(path, d)
	}
	// /dev may lack the node (containers), or have an old one of that name.
	return k.openPrivate(name, d)
}

// privateDirs are where a node can be made; a mount without device nodes is
// passed over.
var privateDirs = []string{"/dev", "/run", "/tmp"}

// openPrivate opens the disk by a node of its own that nobody else sees.
func (k kernel) openPrivate(name string, d device) (disk, error) {
	var major, minor uint32
	if _, err := fmt.Sscanf(d.dev, "%d:%d", &major, &minor); err != nil {
		return nil, fmt.Errorf("the device number %q of %s is not major:minor", d.dev, name)
	}
	var errs []error
	for _, parent := range privateDirs {
		f, err := k.openMade(parent, major, minor, d)
		if err == nil || errors.Is(err, unix.EBUSY) || errors.Is(err, unix.ENOMEDIUM) {
			return f, err
		}
		errs = append(errs, err)
	}
	return nil, fmt.Errorf("/dev has no node for %s (%s), and none can be made: %w", name, d.dev, oneLine(errs))
}

// openMade makes a node in a directory of its own below parent, opens it and
// removes both.
func (k kernel) openMade(parent string, major, minor uint32, d device) (disk, error) {
	dir, err := os.MkdirTemp(parent, "gospdk-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "disk")
	if err := unix.Mknod(path, unix.S_IFBLK|0o600, int(unix.Mkdev(major, minor))); err != nil {
		return nil, &os.PathError{Op: "mknod", Path: path, Err: err}
	}
	return k.openNode(path, d)
}

func (kernel) openNode(path string, d device) (disk, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_EXCL|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	if err == nil && (st.Mode&unix.S_IFMT != unix.S_IFBLK || devString(st.Rdev) != d.dev) {
		err = fmt.Errorf("it is not the block device %s any more", d.dev)
	}
	if err != nil {
		unix.Close(fd)
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

func devString(rdev uint64) string {
	return fmt.Sprintf("%d:%d", unix.Major(rdev), unix.Minor(rdev))
}

// initPIDNamespace is the inode of the first PID namespace
// (PROC_PID_INIT_INO, fixed by the kernel's interface).
const initPIDNamespace = "pid:[4026531836]"

func (kernel) seesAll() error {
	ns, err := os.Readlink("/proc/self/ns/pid")
	switch {
	case err != nil:
		return err
	case ns != initPIDNamespace:
		return errors.New("the processes outside this container cannot be seen; run it on the host, or in a container that shares the host's processes (--pid=host)")
	}
	// hidepid hides the processes of other users.
	if _, err := os.Stat("/proc/1"); err != nil {
		return fmt.Errorf("/proc hides the processes of others: %w", err)
	}
	return nil
}

// tree is a directory that stands for a system: symbolic links and regular
// files take the place of device nodes.
type tree struct{ root string }

// device goes by the name that path has, or that the symbolic link leads to:
// some class of sysfs knows its number.
func (t tree) device(path string) (device, error) {
	target, err := os.Readlink(path)
	if errors.Is(err, unix.EINVAL) {
		target, err = path, nil // no symbolic link
	}
	if err != nil {
		return device{}, err
	}
	if !strings.Contains(target, "/") || strings.Contains(target, ":[") {
		return device{}, errNoDevice
	}
	name := filepath.Base(target)
	if b, err := os.ReadFile(filepath.Join(t.root, "sys/class/block", name, "dev")); err == nil {
		return device{dev: strings.TrimSpace(string(b))}, nil
	}
	classes, err := os.ReadDir(filepath.Join(t.root, "sys/class"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return device{}, err
	}
	for _, c := range classes {
		b, err := os.ReadFile(filepath.Join(t.root, "sys/class", c.Name(), name, "dev"))
		if err == nil {
			return device{char: true, dev: strings.TrimSpace(string(b))}, nil
		}
	}
	return device{}, errNoDevice
}

func (t tree) openExclusive(name string, _ device) (disk, error) {
	return os.Open(filepath.Join(t.root, "dev", name))
}

func (tree) seesAll() error { return nil }

// oneLine joins errors to one that prints on one line; nil for none.
func oneLine(errs []error) error {
	var joined error
	for _, err := range errs {
		switch {
		case err == nil:
		case joined == nil:
			joined = err
		default:
			joined = fmt.Errorf("%w; %w", joined, err)
		}
	}
	return joined
}

// isPID tells whether a name in /proc is a process.
func isPID(name string) bool {
	_, err := strconv.ParseUint(name, 10, 32)
	return err == nil
}
