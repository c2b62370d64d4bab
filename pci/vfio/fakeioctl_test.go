// SPDX-License-Identifier: BSD-3-Clause

package vfio

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/uapi"
)

func (k *fake) ioctlValue(fd int, request uint32, v uintptr) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f := k.files[fd]
	switch {
	case f == nil:
		return 0, unix.EBADF
	case f.kind == "container" && request == uapi.VFIOGetAPIVersion:
		return 0, k.did("version")
	case f.kind == "container" && request == uapi.VFIOCheckExtension:
		if k.extensions[v] {
			return 1, nil
		}
		return 0, nil
	case f.kind == "container" && request == uapi.VFIOSetIOMMU:
		if err := k.did("setIOMMU", v); err != nil {
			return 0, err
		}
		if f.space.users == 0 || f.space.kind != 0 || !k.extensions[v] {
			return 0, unix.EINVAL
		}
		f.space.kind = v
		return 0, nil
	case f.fn != nil && f.fn.open && request == uapi.VFIODeviceReset:
		if err := k.did("reset"); err != nil {
			return 0, err
		}
		f.fn.resets++
		return 0, nil
	}
	return 0, unix.ENOTTY
}

func (k *fake) ioctl(fd int, request uint32, arg unsafe.Pointer) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f := k.files[fd]
	if f == nil {
		return 0, unix.EBADF
	}
	switch f.kind {
	case "group":
		return k.groupIoctl(f.group, request, arg)
	case "container":
		return 0, k.containerIoctl(f.space, request, arg)
	case "iommu":
		return 0, k.iommuIoctl(f.space, request, arg)
	case "cdev":
		if request == uapi.VFIODeviceBindIOMMUFD || request == uapi.VFIODeviceAttachIOMMUFD {
			return 0, k.attachIoctl(f, request, arg)
		}
		if f.space == nil {
			return 0, unix.EINVAL
		}
		return k.functionIoctl(f.fn, request, arg)
	case "device":
		return k.functionIoctl(f.fn, request, arg)
	}
	return 0, unix.ENOTTY
}

func (k *fake) groupIoctl(g *fakeGroup, request uint32, arg unsafe.Pointer) (int, error) {
	switch request {
	case uapi.VFIOGroupGetStatus:
		s := at[uapi.VFIOGroupStatus](arg)
		if s.ArgSize < 8 {
			return 0, unix.EINVAL
		}
		s.Flags = 0
		if !g.notViable {
			s.Flags = uapi.VFIOGroupViable
		}
		return 0, k.did("status")
	case uapi.VFIOGroupSetContainer:
		c := k.files[int(*at[int32](arg))]
		if err := k.did("setContainer", g.number); err != nil {
			return 0, err
		}
		if c == nil || c.kind != "container" || g.space != nil {
			return 0, unix.EINVAL
		}
		if g.notViable || c.space.users > 0 && (c.space.kind == uapi.VFIONoIOMMU) != g.noIOMMU {
			return 0, unix.EPERM
		}
		g.space = c.space
		c.space.users++
		return 0, nil
	case uapi.VFIOGroupGetDeviceFD:
		name := unix.BytePtrToString((*byte)(arg))
		if err := k.did("getDevice", name); err != nil {
			return 0, err
		}
		fn := k.functions[name]
		switch {
		case fn == nil || fn.group != g:
			return 0, unix.ENODEV
		case g.space == nil || g.space.kind == 0:
			return 0, unix.EINVAL
		}
		fd, err := k.newFile(&file{kind: "device", fn: fn, group: g}, fn.fd)
		if err == nil {
			g.refs++
			fn.open = true
		}
		return fd, err
	}
	return 0, unix.ENOTTY
}

func (k *fake) containerIoctl(s *fakeSpace, request uint32, arg unsafe.Pointer) error {
	if s.kind != uapi.VFIOType1IOMMU && s.kind != uapi.VFIOType1v2IOMMU {
		return unix.EINVAL
	}
	switch request {
	case uapi.VFIOIOMMUGetInfo:
		if err := k.did("type1Info"); err != nil {
			return err
		}
		i := uapi.VFIOType1Info{Flags: uapi.VFIOType1InfoPgSizes, IOVAPgSizes: 0x40201000}
		if k.ranges == nil {
			return answer(arg, &i, &i.Flags, 0, &i.CapOffset, nil)
		}
		body := binary.NativeEndian.AppendUint64(nil, uint64(len(k.ranges)))
		for _, r := range k.ranges {
			body = binary.NativeEndian.AppendUint64(body, r.first)
			body = binary.NativeEndian.AppendUint64(body, r.last)
		}
		caps := chain(24, link{3, 1, []byte{1, 0, 0, 0, 0, 0, 0, 0}}, link{uapi.VFIOType1CapIOVARange, 1, body})
		return answer(arg, &i, &i.Flags, uapi.VFIOType1InfoCaps, &i.CapOffset, caps)
	case uapi.VFIOIOMMUMapDMA:
		m := at[uapi.VFIODMAMap](arg)
		if m.ArgSize != 32 || m.Flags != 3 || m.IOVA != m.Vaddr {
			return unix.EINVAL
		}
		return k.mapDMA(s, m.IOVA, m.Size)
	case uapi.VFIOIOMMUUnmapDMA:
		m := at[uapi.VFIODMAUnmap](arg)
		if m.ArgSize != 24 || m.Flags != 0 {
			return unix.EINVAL
		}
		return k.unmapDMA(s, m.IOVA, &m.Size)
	}
	return unix.ENOTTY
}

func (k *fake) mapDMA(s *fakeSpace, addr, size uint64) error {
	if err := k.did("map", addr, size); err != nil {
		return err
	}
	if s.mapped+size > k.soft {
		return unix.ENOMEM
	}
	if _, ok := s.maps[addr]; ok {
		return unix.EEXIST
	}
	s.maps[addr] = size
	s.mapped += size
	return nil
}

func (k *fake) unmapDMA(s *fakeSpace, addr uint64, size *uint64) error {
	if err := k.did("unmap", addr, *size); err != nil {
		return err
	}
	*size = s.maps[addr]
	s.mapped -= *size
	delete(s.maps, addr)
	return nil
}

func (k *fake) iommuIoctl(s *fakeSpace, request uint32, arg unsafe.Pointer) error {
	switch request {
	case uapi.IOMMUIOASAlloc:
		a := at[uapi.IOMMUIOASAllocArg](arg)
		if err := k.did("ioasAlloc"); err != nil {
			return err
		}
		if a.Size != 12 || a.Flags != 0 {
			return unix.EINVAL
		}
		s.id = 7
		a.OutIOASID = s.id
		return nil
	case uapi.IOMMUIOASIOVARanges:
		r := at[uapi.IOMMUIOVARangesArg](arg)
		if err := k.did("ioasRanges", r.NumIOVAs); err != nil {
			return err
		}
		if r.Size != 32 || r.IOASID != s.id {
			return unix.ENOENT
		}
		room := r.NumIOVAs
		r.NumIOVAs, r.OutIOVAAlignment = uint32(len(k.ranges)), 4096
		if int(room) < len(k.ranges) {
			return unix.EMSGSIZE
		}
		out := unsafe.Slice(*at[*uapi.IOMMUIOVARange](unsafe.Pointer(&r.AllowedIOVAs)), room)
		for i, a := range k.ranges {
			out[i].Start, out[i].Last = a.first, a.last
		}
		return nil
	case uapi.IOMMUIOASMap:
		m := at[uapi.IOMMUIOASMapArg](arg)
		if m.Size != 40 || m.Flags != 7 || m.IOASID != s.id || m.UserVA != m.IOVA {
			return unix.EINVAL
		}
		return k.mapDMA(s, m.IOVA, m.Length)
	case uapi.IOMMUIOASUnmap:
		m := at[uapi.IOMMUIOASUnmapArg](arg)
		if m.Size != 24 || m.IOASID != s.id {
			return unix.EINVAL
		}
		return k.unmapDMA(s, m.IOVA, &m.Length)
	}
	return unix.ENOTTY
}

func (k *fake) attachIoctl(f *file, request uint32, arg unsafe.Pointer) error {
	if request == uapi.VFIODeviceBindIOMMUFD {
		b := at[uapi.VFIOBindIOMMUFD](arg)
		if err := k.did("bind", f.fn.address); err != nil {
			return err
		}
		iommu := k.files[int(b.IOMMUFD)]
		switch {
		case b.ArgSize != 16 || b.Flags != 0 || iommu == nil || iommu.kind != "iommu" || f.space != nil:
			return unix.EINVAL
		case f.fn.group.file != nil:
			return unix.EBUSY
		case f.fn.group.notViable:
			return unix.EPERM
		}
		f.space = iommu.space
		f.space.users++
		f.fn.open = true
		b.OutDevID = 1
		return nil
	}
	a := at[uapi.VFIOAttachIOMMUFD](arg)
	if err := k.did("attach", f.fn.address); err != nil {
		return err
	}
	if a.ArgSize != 12 || f.space == nil || a.PTID != f.space.id {
		return unix.EINVAL
	}
	return nil
}

// link is a capability of a chain.
type link struct {
	id, version uint16
	data        []byte
}

// chain makes a chain that starts at that offset.
func chain(at int, links ...link) []byte {
	var b []byte
	for i, c := range links {
		next := uint32(0)
		if i < len(links)-1 {
			next = uint32(at + len(b) + 8 + len(c.data))
		}
		b = binary.NativeEndian.AppendUint16(b, c.id)
		b = binary.NativeEndian.AppendUint16(b, c.version)
		b = binary.NativeEndian.AppendUint32(b, next)
		b = append(b, c.data...)
	}
	return b
}

// answer fills what a GetInfo ioctl points to. Where there is no room for the
// capabilities, it only says how much they need, as the kernel does.
func answer[T any](arg unsafe.Pointer, info *T, flags *uint32, capsFlag uint32, capOffset *uint32, caps []byte) error {
	fixed := bytesOf(info)
	room := int(*at[uint32](arg))
	if room < len(fixed) {
		return unix.EINVAL
	}
	size := uint32(len(fixed) + len(caps))
	if len(caps) > 0 {
		*flags |= capsFlag
		if room >= int(size) {
			*capOffset = uint32(len(fixed))
		}
	}
	*at[uint32](unsafe.Pointer(info)) = size
	out := unsafe.Slice((*byte)(arg), room)
	copy(out, fixed)
	if room >= int(size) {
		copy(out[len(fixed):], caps)
	}
	return nil
}
