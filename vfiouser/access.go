// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import "fmt"

// RegionAccessSize is the length of an encoded RegionAccess without Data.
const RegionAccessSize = 16

// RegionAccess is request and reply of REGION_READ and REGION_WRITE. Data is
// in the request of a write and the reply of a read.
type RegionAccess struct {
	Offset uint64
	Region uint32
	Count  uint32
	Data   []byte
}

// Append encodes a.
func (a *RegionAccess) Append(b []byte) []byte {
	b = ne.AppendUint64(b, a.Offset)
	b = ne.AppendUint32(b, a.Region)
	b = ne.AppendUint32(b, a.Count)
	return append(b, a.Data...)
}

// ParseRegionAccess decodes b. Data is the part of b after the fixed fields,
// which need not be Count bytes: see [RegionAccess.CheckData].
func ParseRegionAccess(b []byte) (RegionAccess, error) {
	if len(b) < RegionAccessSize {
		return RegionAccess{}, short("region access", len(b), RegionAccessSize)
	}
	return RegionAccess{ne.Uint64(b), ne.Uint32(b[8:]), ne.Uint32(b[12:]), b[RegionAccessSize:]}, nil
}

// CheckData tells whether Data has Count bytes.
func (a *RegionAccess) CheckData() error {
	if uint64(len(a.Data)) != uint64(a.Count) {
		return fmt.Errorf("vfio-user: region %d: %d bytes of data with count %d", a.Region, len(a.Data), a.Count)
	}
	return nil
}

const (
	multiFixed = 8
	multiEntry = 24
	// MaxWrites is the most writes that one REGION_WRITE_MULTI may hold.
	MaxWrites = 4096
)

// AppendWriteMulti encodes the request of REGION_WRITE_MULTI, whose writes
// have 1 to 8 bytes of Data each.
func AppendWriteMulti(b []byte, writes []RegionAccess) []byte {
	b = ne.AppendUint64(b, uint64(len(writes)))
	for i := range writes {
		w := &writes[i]
		var data [8]byte
		copy(data[:], w.Data)
		b = ne.AppendUint64(b, w.Offset)
		b = ne.AppendUint32(b, w.Region)
		b = ne.AppendUint32(b, w.Count)
		b = append(b, data[:]...)
	}
	return b
}

// ParseWriteMulti decodes the request of REGION_WRITE_MULTI.
func ParseWriteMulti(b []byte) ([]RegionAccess, error) {
	if len(b) < multiFixed {
		return nil, short("multiple write", len(b), multiFixed)
	}
	n := ne.Uint64(b)
	if n > MaxWrites || uint64(len(b)-multiFixed) < n*multiEntry {
		return nil, fmt.Errorf("vfio-user: multiple write of %d bytes with wr_cnt %d (at most %d)", len(b), n, MaxWrites)
	}
	writes := make([]RegionAccess, 0, n)
	for i := range n {
		p := b[multiFixed+i*multiEntry:]
		w := RegionAccess{Offset: ne.Uint64(p), Region: ne.Uint32(p[8:]), Count: ne.Uint32(p[12:])}
		if w.Count == 0 || w.Count > 8 {
			return nil, fmt.Errorf("vfio-user: multiple write: count %d of write %d, want 1 to 8", w.Count, i)
		}
		w.Data = p[16 : 16+w.Count]
		writes = append(writes, w)
	}
	return writes, nil
}

// DMAAccessSize is the length of an encoded DMAAccess without Data.
const DMAAccessSize = 16

// DMAAccess is request and reply of DMA_READ and DMA_WRITE. Data is in the
// request of a write and the reply of a read.
type DMAAccess struct {
	Addr  uint64
	Count uint64
	Data  []byte
}

// Append encodes a.
func (a *DMAAccess) Append(b []byte) []byte {
	b = ne.AppendUint64(b, a.Addr)
	b = ne.AppendUint64(b, a.Count)
	return append(b, a.Data...)
}

// ParseDMAAccess decodes b. Data is the part of b after the fixed fields,
// which need not be Count bytes.
func ParseDMAAccess(b []byte) (DMAAccess, error) {
	if len(b) < DMAAccessSize {
		return DMAAccess{}, short("DMA access", len(b), DMAAccessSize)
	}
	return DMAAccess{ne.Uint64(b), ne.Uint64(b[8:]), b[DMAAccessSize:]}, nil
}

// DMAMapFlags describe memory that a client offers.
type DMAMapFlags uint32

// Flags of DMA_MAP.
const (
	DMARead   DMAMapFlags = 1 << 0 // the device may read it
	DMAWrite  DMAMapFlags = 1 << 1 // the device may write it
	DMAMmap   DMAMapFlags = 1 << 2 // map the file that comes along (the default with a file)
	DMAFileIO DMAMapFlags = 1 << 3 // use read and write on the file
)

// DMAMapSize is the length of an encoded DMAMap.
const DMAMapSize = 32

// DMAMap is the request of DMA_MAP; the reply has no payload.
type DMAMap struct {
	ArgSize uint32
	Flags   DMAMapFlags
	Offset  uint64 // in the file that comes along
	Addr    uint64 // I/O address
	Size    uint64
}

// Append encodes m.
func (m *DMAMap) Append(b []byte) []byte {
	b = ne.AppendUint32(b, m.ArgSize)
	b = ne.AppendUint32(b, uint32(m.Flags))
	b = ne.AppendUint64(b, m.Offset)
	b = ne.AppendUint64(b, m.Addr)
	return ne.AppendUint64(b, m.Size)
}

// ParseDMAMap decodes b.
func ParseDMAMap(b []byte) (DMAMap, error) {
	if len(b) < DMAMapSize {
		return DMAMap{}, short("DMA map", len(b), DMAMapSize)
	}
	m := DMAMap{ne.Uint32(b), DMAMapFlags(ne.Uint32(b[4:])), ne.Uint64(b[8:]), ne.Uint64(b[16:]), ne.Uint64(b[24:])}
	return m, checkArgSize("DMA map", m.ArgSize, DMAMapSize)
}

// DMAUnmapFlags qualify DMA_UNMAP.
type DMAUnmapFlags uint32

// Flags of DMA_UNMAP.
const (
	DMAUnmapDirty DMAUnmapFlags = 1 << 0 // also return the dirty page bitmap
	DMAUnmapAll   DMAUnmapFlags = 1 << 1 // everything; Addr and Size are 0
)

// DMAUnmapSize is the length of an encoded DMAUnmap.
const DMAUnmapSize = 24

// DMAUnmap is the request of DMA_UNMAP; the reply repeats it.
type DMAUnmap struct {
	ArgSize uint32
	Flags   DMAUnmapFlags
	Addr    uint64
	Size    uint64
}

// Append encodes u.
func (u *DMAUnmap) Append(b []byte) []byte {
	b = ne.AppendUint32(b, u.ArgSize)
	b = ne.AppendUint32(b, uint32(u.Flags))
	b = ne.AppendUint64(b, u.Addr)
	return ne.AppendUint64(b, u.Size)
}

// ParseDMAUnmap decodes b.
func ParseDMAUnmap(b []byte) (DMAUnmap, error) {
	if len(b) < DMAUnmapSize {
		return DMAUnmap{}, short("DMA unmap", len(b), DMAUnmapSize)
	}
	u := DMAUnmap{ne.Uint32(b), DMAUnmapFlags(ne.Uint32(b[4:])), ne.Uint64(b[8:]), ne.Uint64(b[16:])}
	return u, checkArgSize("DMA unmap", u.ArgSize, DMAUnmapSize)
}
