// SPDX-License-Identifier: BSD-3-Clause

package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/tsc"
	"github.com/gospdk/gospdk/log"
)

// DefaultEntries is how many entries a ring has unless Start is told.
const DefaultEntries = 32 << 10

// shmDir is where files are.
const shmDir = "/dev/shm"

// file is what is recorded to. Its memory is another process's to read.
type file struct {
	path    string
	fd      int
	mem     []byte
	entries int

	mu       sync.Mutex
	rings    int     // that have been made
	free     []*Ring // of these
	owners   int
	oldOwner []uint16 // that can be given again
	full     bool     // there is no room for further rings
}

// Path returns the file that a program records to: /dev/shm/NAME_trace.ID, or
// with an id below 0 /dev/shm/NAME_trace.pidPID.
func Path(name string, id, pid int) string {
	if id < 0 {
		return filepath.Join(shmDir, fmt.Sprintf("%s_trace.pid%d", name, pid))
	}
	return filepath.Join(shmDir, fmt.Sprintf("%s_trace.%d", name, id))
}

// Start makes the file at path, in which a thread's ring has so many entries,
// a power of two. All points are off. There must be no other, and no other
// process may record to the file.
func Start(path string, entries int) error {
	if entries < 2 || bits.OnesCount(uint(entries)) != 1 {
		return fmt.Errorf("trace: %d entries: it must be a power of two", entries)
	}
	setting.Lock()
	defer setting.Unlock()
	if current.Load() != nil {
		return errors.New("trace: the process is traced already")
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("trace: making %s: %w", path, err)
	}
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return errors.Join(fmt.Errorf("trace: %s: another process records to it; choose another number (--shm-id): %w", path, err), unix.Close(fd))
	}
	f := &file{path: path, fd: fd, entries: entries, owners: 1} // 0 is nobody
	if err := f.open(); err != nil {
		return errors.Join(fmt.Errorf("trace: %s: %w", path, err), unix.Close(fd), os.Remove(path))
	}
	current.Store(f)
	return nil
}

// open maps the file and fills in all but the rings, whose memory is taken
// when they are made.
func (f *file) open() error {
	size := ringsAt + maxRings*ringSize(f.entries)
	if err := unix.Ftruncate(f.fd, 0); err != nil { // what was there before
		return err
	}
	if err := unix.Ftruncate(f.fd, int64(size)); err != nil {
		return err
	}
	// A write to memory for which there is no room would end the process.
	if err := unix.Fallocate(f.fd, 0, 0, int64(ringsAt)); err != nil {
		return err
	}
	var err error
	if f.mem, err = unix.Mmap(f.fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return err
	}
	put := binary.NativeEndian
	put.PutUint64(f.mem[offFileSize:], uint64(size))
	put.PutUint16(f.mem[offNumSections:], numSections)
	for i, at := range offsets {
		put.PutUint64(f.mem[offSections+8*i:], uint64(at))
	}
	put.PutUint64(f.section(sectionMain), tsc.Hz())
	put.PutUint16(f.section(sectionOwner), maxOwners)
	put.PutUint16(f.section(sectionOwner)[2:], descriptionSize)
	put.PutUint16(f.section(sectionMasks), maxGroups)
	put.PutUint16(f.section(sectionOwnerTypes), types)
	put.PutUint16(f.section(sectionObjects), types)
	put.PutUint16(f.section(sectionPoints), maxPoints)
	put.PutUint16(f.section(sectionRings), maxRings)
	f.describe()
	return nil
}

// describe writes what the points are.
func (f *file) describe() {
	for section, prefixes := range map[int]map[byte]byte{sectionOwnerTypes: ownerPrefixes, sectionObjects: objectPrefixes} {
		list := f.section(section)[sectionHead:]
		for t, letter := range prefixes {
			list[2*int(t)], list[2*int(t)+1] = t, letter
		}
	}
	for _, g := range groups {
		for _, d := range g.points {
			p := f.section(sectionPoints)[sectionHead+int(d.point)*pointSize:][:pointSize]
			copy(p[:offPointID-1], d.name)
			binary.NativeEndian.PutUint16(p[offPointID:], uint16(d.point))
			p[offPointOwner], p[offPointObject], p[offPointNumArgs] = d.owner, d.object, byte(len(d.args))
			if d.begins {
				p[offPointBegins] = 1
			}
			for i, a := range d.args {
				arg := p[offPointArgs+i*argSize:]
				copy(arg[:offArgType-1], a.name)
				if arg[offArgSize] = byte(a.size); a.pointer {
					arg[offArgType] = argPointer
				}
			}
			for i, r := range d.related {
				p[offPointRelated+2*i], p[offPointRelated+2*i+1] = r.object, r.arg
			}
		}
	}
}

func (f *file) section(i int) []byte { return f.mem[offsets[i]:] }

func (f *file) setMask(group int, mask uint64) {
	binary.NativeEndian.PutUint64(f.section(sectionMasks)[sectionHead+8*group:], mask)
}

// Stop ends what Start began. No thread records any more. The file stays if
// something was recorded, to be looked at later, and its path is returned.
func Stop() (left string, err error) {
	setting.Lock()
	defer setting.Unlock()
	f := current.Load()
	if f == nil {
		return "", nil
	}
	for i := range masks {
		masks[i].Store(0)
	}
	current.Store(nil)
	if f.rings == 0 {
		err = os.Remove(f.path)
	} else {
		left = f.path
	}
	return left, errors.Join(err, unix.Munmap(f.mem), unix.Close(f.fd))
}

// clearAll has readers leave out what was recorded up to now.
func clearAll() error {
	f := current.Load()
	if f == nil {
		return errOff
	}
	atomic.StoreUint64((*uint64)(unsafe.Pointer(&f.section(sectionMain)[8])), tsc.Now())
	return nil
}

// Owner is who the records of a point are about: a block device, a connection.
type Owner struct {
	f  *file
	id uint16
}

// NewOwner makes an owner of a type known by a description. Without a trace it
// is nobody, as the zero value is.
func NewOwner(kind byte, description string) Owner {
	f := current.Load()
	if f == nil {
		return Owner{}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var id uint16
	switch n := len(f.oldOwner); {
	case f.owners < maxOwners: // those that have gone are kept as long as possible
		id = uint16(f.owners)
		f.owners++
	case n > 0:
		id = f.oldOwner[0]
		f.oldOwner = f.oldOwner[1:]
	default:
		return Owner{}
	}
	o := f.section(sectionOwner)[sectionHead+int(id)*ownerSize:][:ownerSize]
	clear(o)
	binary.NativeEndian.PutUint64(o, tsc.Now())
	o[offOwnerType] = kind
	copy(o[offOwnerDescription:ownerSize-1], description)
	return Owner{f, id}
}

// Release gives the owner's number back.
func (o Owner) Release() {
	if o.f == nil {
		return
	}
	o.f.mu.Lock()
	defer o.f.mu.Unlock()
	o.f.oldOwner = append(o.f.oldOwner, o.id)
}

// NewRing makes a ring for a thread. Without a trace it returns nil. That, and
// a ring for which there is no room, records nothing.
func NewRing(thread string) *Ring {
	f := current.Load()
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.free); n > 0 {
		r := f.free[n-1]
		f.free = f.free[:n-1]
		r.name(thread)
		return r
	}
	if f.full {
		return &Ring{f: f}
	}
	at := ringsAt + f.rings*ringSize(f.entries)
	err := unix.ENOSPC
	if f.rings < maxRings {
		err, _ = unix.Fallocate(f.fd, 0, int64(at), int64(ringSize(f.entries))).(unix.Errno)
	}
	if err != 0 {
		f.full = true
		log.Warnf("thread %s and those that come are not traced: no room in %s: %v", thread, f.path, err)
		return &Ring{f: f}
	}
	r := &Ring{f: f, mem: f.mem[at:][:ringSize(f.entries)]}
	r.init(f.rings, f.entries)
	r.name(thread)
	binary.NativeEndian.PutUint64(f.section(sectionRings)[sectionHead+8*f.rings:], uint64(at))
	f.rings++
	return r
}
