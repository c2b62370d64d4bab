// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"encoding/binary"

	"github.com/gospdk/gospdk/nvme"
)

const (
	// sglSupport is the field SGLS of Identify Controller: supported, with
	// dword alignment and granularity.
	sglSupport = 2

	sglDescriptorSize = 16
	maxDescriptors    = 1024 // of one command, segments included
)

// walkSGL finds the memory of length bytes that an SGL describes (NVMe Base
// 2.0, 4.1.2). The number of descriptors is bounded, so that segments which
// form a ring end the command, not the walk.
func walkSGL(src source, d nvme.SGLDescriptor, length uint32, segs []segment) ([]segment, nvme.Status) {
	if d.Type() == nvme.SGLTypeDataBlock {
		segs, rest, s := sglBlock(d, length, segs)
		if s == nvme.StatusSuccess && rest != 0 {
			s = nvme.StatusDataSGLLengthInvalid
		}
		return segs, s
	}
	for seen := 0; ; {
		last := d.Type() == nvme.SGLTypeLastSegment
		if s := checkSegment(d); s != nvme.StatusSuccess {
			return segs, s
		}
		n := int(d.Length / sglDescriptorSize)
		if seen += n; seen > maxDescriptors {
			return segs, nvme.StatusInvalidNumberOfSGLDescriptors
		}
		b, s := src.list(d.Address, int(d.Length))
		if s != nvme.StatusSuccess {
			return segs, s
		}
		for i := range n {
			d = parseDescriptor(b[i*sglDescriptorSize:])
			if i == n-1 && !last {
				break // it points to the next segment
			}
			if segs, length, s = sglBlock(d, length, segs); s != nvme.StatusSuccess {
				return segs, s
			}
		}
		if !last {
			continue
		}
		if length != 0 {
			return segs, nvme.StatusDataSGLLengthInvalid
		}
		return segs, nvme.StatusSuccess
	}
}

// checkSegment checks a descriptor where one of a segment belongs.
func checkSegment(d nvme.SGLDescriptor) nvme.Status {
	if t := d.Type(); t != nvme.SGLTypeSegment && t != nvme.SGLTypeLastSegment {
		if t == nvme.SGLTypeDataBlock {
			return nvme.StatusInvalidSGLSegmentDescriptor
		}
		return nvme.StatusSGLDescriptorTypeInvalid
	}
	if d.Subtype() != nvme.SGLSubtypeAddress {
		return nvme.StatusSGLDescriptorTypeInvalid
	}
	if d.Length == 0 || d.Length%sglDescriptorSize != 0 || d.Address%8 != 0 {
		return nvme.StatusInvalidSGLSegmentDescriptor
	}
	if d.Length > maxDescriptors*sglDescriptorSize {
		return nvme.StatusInvalidNumberOfSGLDescriptors
	}
	return nvme.StatusSuccess
}

// sglBlock takes a data block, of which at most the length that is left is
// allowed.
func sglBlock(d nvme.SGLDescriptor, length uint32, segs []segment) ([]segment, uint32, nvme.Status) {
	switch {
	case d.Type() == nvme.SGLTypeSegment, d.Type() == nvme.SGLTypeLastSegment:
		return segs, length, nvme.StatusInvalidSGLSegmentDescriptor
	case d.Type() != nvme.SGLTypeDataBlock, d.Subtype() != nvme.SGLSubtypeAddress:
		return segs, length, nvme.StatusSGLDescriptorTypeInvalid
	case d.Length > length:
		return segs, length, nvme.StatusDataSGLLengthInvalid
	case d.Address%4 != 0 || d.Length%4 != 0:
		return segs, length, nvme.StatusSGLDataBlockGranularityInvalid
	case d.Length == 0:
		return segs, length, nvme.StatusSuccess
	}
	return appendSegment(segs, d.Address, d.Length), length - d.Length, nvme.StatusSuccess
}

func parseDescriptor(b []byte) nvme.SGLDescriptor {
	var d nvme.SGLDescriptor
	d.Address = binary.LittleEndian.Uint64(b)
	d.Length = binary.LittleEndian.Uint32(b[8:])
	d.Identifier = b[15]
	return d
}
