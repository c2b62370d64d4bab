// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import "fmt"

// Regions of a PCI device (linux/vfio.h, VFIO_PCI_*_REGION_INDEX). BAR i is
// region i.
const (
	RegionBAR0   = 0
	RegionROM    = 6
	RegionConfig = 7
	RegionVGA    = 8
	NumRegions   = 9
)

// Interrupt types of a PCI device (linux/vfio.h, VFIO_PCI_*_IRQ_INDEX).
const (
	IRQIntx = 0
	IRQMSI  = 1
	IRQMSIX = 2
	IRQErr  = 3
	IRQReq  = 4
	NumIRQs = 5
)

// DeviceFlags describe a device.
type DeviceFlags uint32

// Device flags.
const (
	DeviceReset DeviceFlags = 1 << 0 // DEVICE_RESET works
	DevicePCI   DeviceFlags = 1 << 1
)

// DeviceInfoSize is the length of an encoded DeviceInfo.
const DeviceInfoSize = 16

// DeviceInfo is request and reply of DEVICE_GET_INFO. In a request only
// ArgSize, the room for the reply's payload, is set.
type DeviceInfo struct {
	ArgSize    uint32
	Flags      DeviceFlags
	NumRegions uint32
	NumIRQs    uint32
}

// Append encodes d.
func (d *DeviceInfo) Append(b []byte) []byte {
	b = ne.AppendUint32(b, d.ArgSize)
	b = ne.AppendUint32(b, uint32(d.Flags))
	b = ne.AppendUint32(b, d.NumRegions)
	return ne.AppendUint32(b, d.NumIRQs)
}

// ParseDeviceInfo decodes b.
func ParseDeviceInfo(b []byte) (DeviceInfo, error) {
	if len(b) < DeviceInfoSize {
		return DeviceInfo{}, short("device info", len(b), DeviceInfoSize)
	}
	d := DeviceInfo{ne.Uint32(b), DeviceFlags(ne.Uint32(b[4:])), ne.Uint32(b[8:]), ne.Uint32(b[12:])}
	return d, checkArgSize("device info", d.ArgSize, DeviceInfoSize)
}

func checkArgSize(what string, argsz uint32, least int) error {
	if argsz < uint32(least) {
		return fmt.Errorf("vfio-user: %s: argsz %d, want at least %d", what, argsz, least)
	}
	return nil
}

// IRQFlags describe an interrupt type.
type IRQFlags uint32

// Flags of an interrupt type.
const (
	IRQEventFD    IRQFlags = 1 << 0 // can signal an eventfd
	IRQMaskable   IRQFlags = 1 << 1 // knows the actions mask and unmask
	IRQAutomasked IRQFlags = 1 << 2 // masks itself when it triggers
	IRQNoResize   IRQFlags = 1 << 3 // its vectors are set up as one set
)

// IRQInfoSize is the length of an encoded IRQInfo.
const IRQInfoSize = 16

// IRQInfo is request and reply of DEVICE_GET_IRQ_INFO. A request sets
// ArgSize and Index.
type IRQInfo struct {
	ArgSize uint32
	Flags   IRQFlags
	Index   uint32
	Count   uint32 // vectors of this type
}

// Append encodes i.
func (i *IRQInfo) Append(b []byte) []byte {
	b = ne.AppendUint32(b, i.ArgSize)
	b = ne.AppendUint32(b, uint32(i.Flags))
	b = ne.AppendUint32(b, i.Index)
	return ne.AppendUint32(b, i.Count)
}

// ParseIRQInfo decodes b.
func ParseIRQInfo(b []byte) (IRQInfo, error) {
	if len(b) < IRQInfoSize {
		return IRQInfo{}, short("IRQ info", len(b), IRQInfoSize)
	}
	i := IRQInfo{ne.Uint32(b), IRQFlags(ne.Uint32(b[4:])), ne.Uint32(b[8:]), ne.Uint32(b[12:])}
	return i, checkArgSize("IRQ info", i.ArgSize, IRQInfoSize)
}

// IRQSetFlags say what DEVICE_SET_IRQS does: exactly one data flag and one
// action flag.
type IRQSetFlags uint32

// Flags of DEVICE_SET_IRQS.
const (
	IRQSetDataNone      IRQSetFlags = 1 << 0 // act on every vector of the range
	IRQSetDataBool      IRQSetFlags = 1 << 1 // act where the byte in Data is not 0
	IRQSetDataEventFD   IRQSetFlags = 1 << 2 // take the eventfds sent along; none sent: forget those of the range
	IRQSetActionMask    IRQSetFlags = 1 << 3
	IRQSetActionUnmask  IRQSetFlags = 1 << 4
	IRQSetActionTrigger IRQSetFlags = 1 << 5

	IRQSetDataMask   = IRQSetDataNone | IRQSetDataBool | IRQSetDataEventFD
	IRQSetActionsAll = IRQSetActionMask | IRQSetActionUnmask | IRQSetActionTrigger
)

// IRQSetSize is the length of an encoded IRQSet without Data.
const IRQSetSize = 20

// IRQSet is the request of DEVICE_SET_IRQS; the reply has no payload. A
// Count of 0 with IRQSetDataNone turns all vectors of the type off.
type IRQSet struct {
	ArgSize uint32
	Flags   IRQSetFlags
	Index   uint32
	Start   uint32
	Count   uint32
	Data    []byte // Count bytes with IRQSetDataBool
}

// Append encodes s.
func (s *IRQSet) Append(b []byte) []byte {
	b = ne.AppendUint32(b, s.ArgSize)
	b = ne.AppendUint32(b, uint32(s.Flags))
	b = ne.AppendUint32(b, s.Index)
	b = ne.AppendUint32(b, s.Start)
	b = ne.AppendUint32(b, s.Count)
	return append(b, s.Data...)
}

// ParseIRQSet decodes b and checks that flags and data agree. Data is a part
// of b. Bounds of Index, Start and Count are the device's to check.
func ParseIRQSet(b []byte) (IRQSet, error) {
	if len(b) < IRQSetSize {
		return IRQSet{}, short("IRQ set", len(b), IRQSetSize)
	}
	s := IRQSet{
		ArgSize: ne.Uint32(b),
		Flags:   IRQSetFlags(ne.Uint32(b[4:])),
		Index:   ne.Uint32(b[8:]),
		Start:   ne.Uint32(b[12:]),
		Count:   ne.Uint32(b[16:]),
		Data:    b[IRQSetSize:],
	}
	if err := checkArgSize("IRQ set", s.ArgSize, IRQSetSize); err != nil {
		return s, err
	}
	if d := s.Flags & IRQSetDataMask; d == 0 || d&(d-1) != 0 {
		return s, fmt.Errorf("vfio-user: IRQ set: flags %#x: want one of none (1), bool (2) and eventfd (4) as the data", uint32(s.Flags))
	}
	if a := s.Flags & IRQSetActionsAll; a == 0 || a&(a-1) != 0 || s.Flags&^(IRQSetDataMask|IRQSetActionsAll) != 0 {
		return s, fmt.Errorf("vfio-user: IRQ set: flags %#x: want one of mask (8), unmask (16) and trigger (32) as the action", uint32(s.Flags))
	}
	if s.Flags&IRQSetDataBool != 0 && uint64(len(s.Data)) != uint64(s.Count) {
		return s, fmt.Errorf("vfio-user: IRQ set: %d bytes of data for count %d", len(s.Data), s.Count)
	}
	return s, nil
}
