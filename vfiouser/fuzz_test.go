// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"reflect"
	"testing"
)

// fuzz checks that parse neither panics nor accepts what does not survive
// being encoded and parsed again.
func fuzz[T any, P interface {
	*T
	Append([]byte) []byte
}](f *testing.F, parse func([]byte) (T, error)) {
	for _, c := range codecs {
		f.Add(c.value.Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := parse(b)
		if err != nil {
			return
		}
		again, err := parse(P(&v).Append(nil))
		if err != nil || !reflect.DeepEqual(v, again) {
			t.Errorf("%+v became %+v, %v", v, again, err)
		}
	})
}

func FuzzHeader(f *testing.F)       { fuzz(f, ParseHeader) }
func FuzzDeviceInfo(f *testing.F)   { fuzz(f, ParseDeviceInfo) }
func FuzzIRQInfo(f *testing.F)      { fuzz(f, ParseIRQInfo) }
func FuzzIRQSet(f *testing.F)       { fuzz(f, ParseIRQSet) }
func FuzzRegionAccess(f *testing.F) { fuzz(f, ParseRegionAccess) }
func FuzzDMAAccess(f *testing.F)    { fuzz(f, ParseDMAAccess) }
func FuzzDMAMap(f *testing.F)       { fuzz(f, ParseDMAMap) }
func FuzzDMAUnmap(f *testing.F)     { fuzz(f, ParseDMAUnmap) }
func FuzzVersion(f *testing.F)      { fuzz(f, ParseVersion) }

// FuzzRegionInfo checks that the chain of capabilities ends and that no area
// leaves the region.
func FuzzRegionInfo(f *testing.F) {
	for _, c := range codecs {
		f.Add(c.value.Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseRegionInfo(b)
		if err != nil {
			return
		}
		for _, a := range r.Areas {
			if a.Size == 0 || a.Size > r.Size || a.Offset > r.Size-a.Size {
				t.Errorf("area %+v in a region of %#x", a, r.Size)
			}
		}
		if len(r.Areas)*areaSize > len(b) {
			t.Errorf("%d areas from %d bytes", len(r.Areas), len(b))
		}
	})
}

func FuzzRegionIOFDs(f *testing.F) {
	for _, c := range codecs {
		f.Add(c.value.Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseRegionIOFDs(b)
		if err == nil && len(r.SubRegions)*SubRegionSize > len(b) {
			t.Errorf("%d sub-regions from %d bytes", len(r.SubRegions), len(b))
		}
	})
}

func FuzzWriteMulti(f *testing.F) {
	f.Add(AppendWriteMulti(nil, []RegionAccess{{Offset: 8, Count: 4, Data: []byte{1, 2, 3, 4}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		writes, err := ParseWriteMulti(b)
		if err != nil {
			return
		}
		again, err := ParseWriteMulti(AppendWriteMulti(nil, writes))
		if err != nil || !reflect.DeepEqual(writes, again) {
			t.Errorf("%+v became %+v, %v", writes, again, err)
		}
	})
}
