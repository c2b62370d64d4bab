// SPDX-License-Identifier: BSD-3-Clause

package vfio

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/uapi"
)

func (k *fake) functionIoctl(f *function, request uint32, arg unsafe.Pointer) (int, error) {
	switch request {
	case uapi.VFIODeviceGetInfo:
		i := uapi.VFIODeviceInfo{Flags: f.flags, NumRegions: 9, NumIRQs: 5}
		if err := k.did("info"); err != nil {
			return 0, err
		}
		return 0, answer(arg, &i, &i.Flags, uapi.VFIODeviceFlagCaps, &i.CapOffset, nil)
	case uapi.VFIODeviceGetRegionInfo:
		i := uapi.VFIORegionInfo{Index: at[uapi.VFIORegionInfo](arg).Index}
		if err := k.did("region", i.Index); err != nil {
			return 0, err
		}
		i.Offset = uint64(i.Index) << 40
		caps := f.region(i.Index, &i)
		return 0, answer(arg, &i, &i.Flags, uapi.VFIORegionCaps, &i.CapOffset, caps)
	case uapi.VFIODeviceGetIRQInfo:
		i := uapi.VFIOIRQInfo{Index: at[uapi.VFIOIRQInfo](arg).Index, Flags: uapi.VFIOIRQEventFD}
		switch i.Index {
		case uapi.VFIOPCIMSIXIRQ:
			i.Count = f.msixCount
			if f.noResize {
				i.Flags |= uapi.VFIOIRQNoResize
			}
		case uapi.VFIOPCIMSIIRQ, uapi.VFIOPCIReqIRQ, uapi.VFIOPCIErrIRQ:
			i.Count = 1
		}
		return 0, answer(arg, &i, &i.Flags, 0, nil, nil)
	case uapi.VFIODeviceSetIRQs:
		return k.setIRQs(f, arg)
	}
	return 0, unix.ENOTTY
}

// mappable are regions of a kernel that maps the MSI-X table too.
func (f *function) mappable(index uint32, i *uapi.VFIORegionInfo) []byte {
	switch index {
	case 0:
		i.Size, i.Flags = bar0Size, uapi.VFIORegionMmap|3
		return chain(32, link{uapi.VFIORegionCapMSIXMappable, 1, nil})
	case 2: // I/O ports, which are not mapped
		i.Size, i.Flags = 256, 3
	case uapi.VFIOPCIConfigRegion:
		i.Size, i.Flags = configSize, 3
	}
	return nil
}

// setIRQs follows vfio_pci_set_msi_trigger and vfio_pci_set_ctx_trigger_single.
func (k *fake) setIRQs(f *function, arg unsafe.Pointer) (int, error) {
	s := *at[uapi.VFIOIRQSet](arg)
	data := unsafe.Slice((*byte)(arg), s.ArgSize)[20:]
	if err := k.did("setIRQs", s.Index, s.Start, s.Count); err != nil {
		return 0, err
	}
	if s.Flags == uapi.VFIOIRQSetActionTrigger|uapi.VFIOIRQSetDataNone {
		if s.Count != 0 || f.irqs[s.Index] == nil {
			return 0, unix.EINVAL
		}
		f.forget(s.Index)
		return 0, nil
	}
	limit := map[uint32]uint32{uapi.VFIOPCIMSIIRQ: 1, uapi.VFIOPCIMSIXIRQ: f.msixCount, uapi.VFIOPCIReqIRQ: 1, uapi.VFIOPCIErrIRQ: 1}[s.Index]
	if s.Flags != uapi.VFIOIRQSetActionTrigger|uapi.VFIOIRQSetDataEventFD || s.Count == 0 || s.Start+s.Count > limit || len(data) != 4*int(s.Count) {
		return 0, unix.EINVAL
	}
	have := f.irqs[s.Index]
	switch {
	case have == nil && f.grant > 0 && int(s.Count) > f.grant && s.Index == uapi.VFIOPCIMSIXIRQ:
		return f.grant, nil
	case have != nil && f.noResize && int(s.Start+s.Count) > len(have):
		return 0, unix.EINVAL
	}
	for len(have) < int(s.Start+s.Count) {
		have = append(have, -1)
	}
	f.irqs[s.Index] = have
	for i := range int(s.Count) {
		v := &have[int(s.Start)+i]
		if *v >= 0 {
			_ = unix.Close(*v)
			*v = -1
		}
		fd := int(int32(binary.NativeEndian.Uint32(data[4*i:])))
		if fd < 0 {
			continue
		}
		dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return 0, err
		}
		*v = dup
	}
	return 0, nil
}
