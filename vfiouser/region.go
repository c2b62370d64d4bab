// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import "fmt"

// RegionFlags describe a region.
type RegionFlags uint32

// Flags of a region.
const (
	RegionRead  RegionFlags = 1 << 0
	RegionWrite RegionFlags = 1 << 1
	RegionMmap  RegionFlags = 1 << 2 // all or some of it can be mapped
	RegionCaps  RegionFlags = 1 << 3 // capabilities follow
)

// Area is a part of a region that can be mapped. Offset counts from the
// start of the region.
type Area struct {
	Offset uint64
	Size   uint64
}

const (
	// RegionInfoSize is the length of an encoded RegionInfo without
	// capabilities.
	RegionInfoSize = 32

	capHeaderSize  = 8
	capSparseMmap  = 1
	capSparseFixed = capHeaderSize + 8
	areaSize       = 16
	maxAreas       = 1024
)

// RegionInfo is request and reply of DEVICE_GET_REGION_INFO. A request sets
// ArgSize and Index. If the reply's ArgSize is more than the request's the
// capabilities are missing: ask again with that much room.
type RegionInfo struct {
	ArgSize uint32
	Flags   RegionFlags
	Index   uint32
	Size    uint64
	Offset  uint64 // where the region starts in the file that comes along
	// Areas are the parts that can be mapped, from the sparse mmap
	// capability; none with RegionMmap set means the whole region.
	Areas []Area
}

// FullSize returns the length of r encoded with its capabilities.
func (r *RegionInfo) FullSize() int {
	if len(r.Areas) == 0 {
		return RegionInfoSize
	}
	return RegionInfoSize + capSparseFixed + len(r.Areas)*areaSize
}

// Append encodes r; RegionCaps and the capability offset are set by Areas.
func (r *RegionInfo) Append(b []byte) []byte {
	flags, capOffset := r.Flags&^RegionCaps, uint32(0)
	if len(r.Areas) > 0 {
		flags, capOffset = flags|RegionCaps, RegionInfoSize
	}
	b = ne.AppendUint32(b, r.ArgSize)
	b = ne.AppendUint32(b, uint32(flags))
	b = ne.AppendUint32(b, r.Index)
	b = ne.AppendUint32(b, capOffset)
	b = ne.AppendUint64(b, r.Size)
	b = ne.AppendUint64(b, r.Offset)
	if len(r.Areas) == 0 {
		return b
	}
	b = ne.AppendUint16(b, capSparseMmap)
	b = ne.AppendUint16(b, 1) // version
	b = ne.AppendUint32(b, 0) // no next capability
	b = ne.AppendUint32(b, uint32(len(r.Areas)))
	b = ne.AppendUint32(b, 0)
	for _, a := range r.Areas {
		b = ne.AppendUint64(b, a.Offset)
		b = ne.AppendUint64(b, a.Size)
	}
	return b
}

// ParseRegionInfo decodes b and its capability chain; capabilities that it
// does not know are skipped. Every area lies within the region.
func ParseRegionInfo(b []byte) (RegionInfo, error) {
	if len(b) < RegionInfoSize {
		return RegionInfo{}, short("region info", len(b), RegionInfoSize)
	}
	r := RegionInfo{
		ArgSize: ne.Uint32(b),
		Flags:   RegionFlags(ne.Uint32(b[4:])),
		Index:   ne.Uint32(b[8:]),
		Size:    ne.Uint64(b[16:]),
		Offset:  ne.Uint64(b[24:]),
	}
	if err := checkArgSize("region info", r.ArgSize, RegionInfoSize); err != nil {
		return r, err
	}
	if r.Flags&RegionCaps == 0 {
		return r, nil
	}
	return r, r.parseCaps(b, ne.Uint32(b[12:]))
}

// parseCaps walks the chain, which must go forward, so that it ends.
func (r *RegionInfo) parseCaps(b []byte, off uint32) error {
	least, sparse := uint32(RegionInfoSize), false
	for off != 0 {
		if off < least || uint64(off)+capHeaderSize > uint64(len(b)) {
			return fmt.Errorf("vfio-user: region %d: capability offset %#x outside %#x to %#x", r.Index, off, least, len(b))
		}
		c := b[off:]
		if ne.Uint16(c) == capSparseMmap {
			if sparse {
				return fmt.Errorf("vfio-user: region %d: two sparse mmap capabilities", r.Index)
			}
			sparse = true
			if err := r.parseSparse(c); err != nil {
				return err
			}
		}
		least = off + capHeaderSize
		off = ne.Uint32(c[4:])
	}
	return nil
}

func (r *RegionInfo) parseSparse(c []byte) error {
	if len(c) < capSparseFixed {
		return short("sparse mmap capability", len(c), capSparseFixed)
	}
	n := ne.Uint32(c[capHeaderSize:])
	if n > maxAreas || uint64(len(c)-capSparseFixed) < uint64(n)*areaSize {
		return fmt.Errorf("vfio-user: region %d: sparse mmap capability of %d bytes with nr_areas %d (at most %d)", r.Index, len(c), n, maxAreas)
	}
	for i := range n {
		p := c[capSparseFixed+i*areaSize:]
		a := Area{ne.Uint64(p), ne.Uint64(p[8:])}
		if a.Size > r.Size || a.Offset > r.Size-a.Size {
			return fmt.Errorf("vfio-user: region %d: mmap area of %#x bytes at %#x outside the region of %#x", r.Index, a.Size, a.Offset, r.Size)
		}
		if a.Size != 0 {
			r.Areas = append(r.Areas, a)
		}
	}
	return nil
}

// Kinds of I/O file descriptors.
const (
	IOEventFDType       = 0 // eventfd, written when the client stores to the range
	IORegionFDType      = 1
	IOEventFDShadowType = 2
)

const (
	// RegionIOFDsSize is the length of an encoded RegionIOFDs without
	// sub-regions.
	RegionIOFDsSize = 16
	// SubRegionSize is the length of an encoded SubRegion.
	SubRegionSize = 40

	maxSubRegions = 4096
)

// SubRegion is a range of a region whose stores are to be told through a
// file descriptor.
type SubRegion struct {
	Offset    uint64
	Size      uint64 // 0: any access size at Offset
	FDIndex   uint32 // among the descriptors that come with the reply
	Type      uint32
	Flags     uint32 // as KVM_IOEVENTFD_FLAG_*
	ShadowFD  uint32 // index; only with IOEventFDShadowType
	DataMatch uint64 // user data with IORegionFDType
}

// RegionIOFDs is request and reply of DEVICE_GET_REGION_IO_FDS. A request
// sets ArgSize and Index. Count is the number of sub-regions that there are;
// the reply holds all or, if ArgSize was too small, none.
type RegionIOFDs struct {
	ArgSize    uint32
	Flags      uint32
	Index      uint32
	Count      uint32
	SubRegions []SubRegion
}

// Append encodes r.
func (r *RegionIOFDs) Append(b []byte) []byte {
	b = ne.AppendUint32(b, r.ArgSize)
	b = ne.AppendUint32(b, r.Flags)
	b = ne.AppendUint32(b, r.Index)
	b = ne.AppendUint32(b, r.Count)
	for i := range r.SubRegions {
		s := &r.SubRegions[i]
		b = ne.AppendUint64(b, s.Offset)
		b = ne.AppendUint64(b, s.Size)
		b = ne.AppendUint32(b, s.FDIndex)
		b = ne.AppendUint32(b, s.Type)
		b = ne.AppendUint32(b, s.Flags)
		b = ne.AppendUint32(b, s.ShadowFD)
		b = ne.AppendUint64(b, s.DataMatch)
	}
	return b
}

// ParseRegionIOFDs decodes b, a request or a reply.
func ParseRegionIOFDs(b []byte) (RegionIOFDs, error) {
	if len(b) < RegionIOFDsSize {
		return RegionIOFDs{}, short("region I/O FDs", len(b), RegionIOFDsSize)
	}
	r := RegionIOFDs{ArgSize: ne.Uint32(b), Flags: ne.Uint32(b[4:]), Index: ne.Uint32(b[8:]), Count: ne.Uint32(b[12:])}
	if err := checkArgSize("region I/O FDs", r.ArgSize, RegionIOFDsSize); err != nil {
		return r, err
	}
	rest := b[RegionIOFDsSize:]
	if len(rest) == 0 {
		return r, nil
	}
	if r.Count > maxSubRegions || uint64(len(rest)) < uint64(r.Count)*SubRegionSize {
		return r, fmt.Errorf("vfio-user: region %d: %d bytes of I/O sub-regions with count %d (at most %d)", r.Index, len(rest), r.Count, maxSubRegions)
	}
	for i := range r.Count {
		p := rest[i*SubRegionSize:]
		r.SubRegions = append(r.SubRegions, SubRegion{
			Offset: ne.Uint64(p), Size: ne.Uint64(p[8:]),
			FDIndex: ne.Uint32(p[16:]), Type: ne.Uint32(p[20:]),
			Flags: ne.Uint32(p[24:]), ShadowFD: ne.Uint32(p[28:]), DataMatch: ne.Uint64(p[32:]),
		})
	}
	return r, nil
}
