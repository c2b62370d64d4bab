// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/gospdk/gospdk/dif"
)

// DriverSpecific is a Device with something to say about itself in
// bdev_get_bdevs: an object whose fields are in the order of a struct's, such
// as struct{ Passthru … `json:"passthru"` }.
type DriverSpecific interface {
	DriverSpecific() any
}

type getBdevsParams struct {
	Name    *string `json:"name" doc:"name, alias or UUID; all devices if it is left out"`
	Timeout uint64  `json:"timeout" default:"0" doc:"milliseconds to wait for a device of that name to appear"`
}

func (r *Registry) rpcGetBdevs(ctx context.Context, p getBdevsParams) ([]bdevEntry, error) {
	if p.Name == nil {
		all := []bdevEntry{}
		for _, d := range r.present() {
			all = append(all, d.entry())
		}
		return all, nil
	}
	name, err := r.appear(ctx, *p.Name, p.Timeout)
	if err != nil {
		return nil, err
	}
	d, err := r.find(name)
	if err != nil {
		return nil, err
	}
	return []bdevEntry{d.entry()}, nil
}

// findPresent is find of a device that is not being removed.
func (r *Registry) findPresent(name string) (*disk, error) {
	d, err := r.find(name)
	if err == nil && d.isRemoving() {
		err = fmt.Errorf("block device %q: %w", name, ErrRemoving)
	}
	return d, err
}

// maxTimeout is 100 years, in milliseconds.
const maxTimeout = 100 * 365 * 24 * 3600 * 1000

// appear waits up to timeout milliseconds for a device and returns its name.
func (r *Registry) appear(ctx context.Context, name string, timeout uint64) (string, error) {
	d, err := r.findPresent(name)
	if err == nil {
		return d.info.Name, nil
	}
	if timeout == 0 {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(min(timeout, maxTimeout))*time.Millisecond)
	defer cancel()
	info, err := r.Wait(ctx, name)
	if errors.Is(err, context.DeadlineExceeded) {
		return "", fmt.Errorf("block device %q has not appeared within %d ms: %w", name, timeout, syscall.ETIMEDOUT)
	}
	return info.Name, err
}

// bdevEntry is what bdev_get_bdevs shows of a device, with SPDK's names and
// in its order.
type bdevEntry struct {
	Name                      string   `json:"name"`
	Aliases                   []string `json:"aliases" doc:"further names; the UUID is the first unless it is the name"`
	ProductName               string   `json:"product_name" doc:"kind of device"`
	BlockSize                 uint32   `json:"block_size" doc:"bytes, with interleaved metadata"`
	NumBlocks                 uint64   `json:"num_blocks"`
	PreferredWriteAlignment   uint32   `json:"preferred_write_alignment" doc:"blocks, 0 for none"`
	PreferredWriteGranularity uint32   `json:"preferred_write_granularity" doc:"blocks, 0 for none"`
	OptimalWriteSize          uint32   `json:"optimal_write_size" doc:"blocks, 0 for none"`
	PreferredUnmapAlignment   uint32   `json:"preferred_unmap_alignment" doc:"blocks, 0 for none"`
	PreferredUnmapGranularity uint32   `json:"preferred_unmap_granularity" doc:"blocks, 0 for none"`
	UUID                      string   `json:"uuid"`
	NUMA                      *int32   `json:"numa_id,omitempty" doc:"node of the memory that is close to it, -1 for any; absent if it is not known"`
	*metadataEntry
	*difEntry
	Limits    limitsEntry `json:"assigned_rate_limits"`
	Claimed   bool        `json:"claimed"`
	ClaimType string      `json:"claim_type,omitempty" doc:"exclusive_write, read_many_write_one, read_many_write_none or read_many_write_shared"`
	Zoned     bool        `json:"zoned"`
	*zonesEntry
	IOTypes        ioTypesEntry `json:"supported_io_types" doc:"what the device itself does, and write zeroes"`
	DriverSpecific any          `json:"driver_specific" doc:"what the module says of it"`
}

type metadataEntry struct {
	MDSize       uint32 `json:"md_size" doc:"bytes of metadata a block; absent without metadata"`
	MDInterleave bool   `json:"md_interleave" doc:"the metadata follow the data of each block, otherwise they are separate"`
	DIFType      uint32 `json:"dif_type" doc:"type of protection information, 0 for none"`
}

type difEntry struct {
	HeadOfMD bool           `json:"dif_is_head_of_md" doc:"it is the first thing in the metadata, not the last"`
	Checks   difChecksEntry `json:"enabled_dif_check_types"`
	PIFormat uint32         `json:"dif_pi_format" doc:"guard of 16 (0), 32 (1) or 64 (2) bits"`
}

type difChecksEntry struct {
	RefTag bool `json:"reftag"`
	AppTag bool `json:"apptag"`
	Guard  bool `json:"guard"`
}

// limitsEntry is QoSLimits with SPDK's names.
type limitsEntry struct {
	RWIOsPerSec    uint64 `json:"rw_ios_per_sec" doc:"reads and writes a second, 0 for no limit"`
	RWMBytesPerSec uint64 `json:"rw_mbytes_per_sec" doc:"MiB a second, 0 for no limit"`
	RMBytesPerSec  uint64 `json:"r_mbytes_per_sec"`
	WMBytesPerSec  uint64 `json:"w_mbytes_per_sec"`
}

type zonesEntry struct {
	ZoneSize         uint64 `json:"zone_size" doc:"blocks; absent without zones"`
	MaxOpenZones     uint64 `json:"max_open_zones" doc:"0 for no limit"`
	OptimalOpenZones uint64 `json:"optimal_open_zones"`
}

type ioTypesEntry struct {
	Read               bool `json:"read"`
	Write              bool `json:"write"`
	Unmap              bool `json:"unmap"`
	Flush              bool `json:"flush"`
	Reset              bool `json:"reset"`
	NVMeAdmin          bool `json:"nvme_admin"`
	NVMeIO             bool `json:"nvme_io"`
	NVMeIOMD           bool `json:"nvme_io_md"`
	WriteZeroes        bool `json:"write_zeroes"`
	ZeroCopy           bool `json:"zcopy"`
	GetZoneInfo        bool `json:"get_zone_info"`
	ZoneManagement     bool `json:"zone_management"`
	ZoneAppend         bool `json:"zone_append"`
	Compare            bool `json:"compare"`
	CompareAndWrite    bool `json:"compare_and_write"`
	Abort              bool `json:"abort"`
	SeekHole           bool `json:"seek_hole"`
	SeekData           bool `json:"seek_data"`
	Copy               bool `json:"copy"`
	NVMeIOVMD          bool `json:"nvme_iov_md"`
	NVMeNSSR           bool `json:"nvme_nssr"`
	WriteUncorrectable bool `json:"write_uncorrectable"`
}

// entry describes the device as bdev_get_bdevs does.
func (d *disk) entry() bdevEntry {
	i := d.describe()
	e := bdevEntry{
		Name: i.Name, Aliases: d.shownAliases(), ProductName: i.Product, BlockSize: i.BlockSize, NumBlocks: i.NumBlocks,
		PreferredWriteAlignment: i.PreferredWriteAlignment, PreferredWriteGranularity: i.PreferredWriteGranularity,
		OptimalWriteSize:        i.OptimalWriteSize,
		PreferredUnmapAlignment: i.PreferredUnmapAlignment, PreferredUnmapGranularity: i.PreferredUnmapGranularity,
		UUID: i.UUID.String(), Limits: limitsEntry(d.limits()), Zoned: i.Zoned, IOTypes: d.ioTypes(), DriverSpecific: struct{}{},
	}
	if i.HasNUMA {
		e.NUMA = &i.NUMA
	}
	if i.MDSize != 0 {
		e.metadataEntry = &metadataEntry{MDSize: i.MDSize, MDInterleave: i.MDInterleaved, DIFType: uint32(i.DIF)}
		if i.DIF != dif.Disabled {
			e.difEntry = &difEntry{HeadOfMD: i.DIFHeadOfMD, PIFormat: uint32(i.DIFPIFormat), Checks: difChecksEntry{
				RefTag: i.DIFCheck&dif.RefTag != 0, AppTag: i.DIFCheck&dif.AppTag != 0, Guard: i.DIFCheck&dif.Guard != 0}}
		}
	}
	if kind, _ := d.claimants(); kind != claimNone {
		e.Claimed, e.ClaimType = true, kind.String()
	}
	if i.Zoned {
		e.zonesEntry = &zonesEntry{i.ZoneSize, uint64(i.MaxOpenZones), uint64(i.OptimalOpenZones)}
	}
	if s, ok := d.dev.(DriverSpecific); ok {
		e.DriverSpecific = s.DriverSpecific()
	}
	return e
}

// shownAliases are the UUID, which SPDK counts among the aliases unless it is
// the name, and the others.
func (d *disk) shownAliases() []string { return d.allNames()[1:] }

func (d *disk) ioTypes() ioTypesEntry {
	has := d.supportsIOType
	return ioTypesEntry{
		Read: has("read"), Write: has("write"), Unmap: has("unmap"), Flush: has("flush"), Reset: has("reset"),
		NVMeAdmin: has("nvme_admin"), NVMeIO: has("nvme_io"), NVMeIOMD: has("nvme_io_md"),
		WriteZeroes: has("write_zeroes"), ZeroCopy: has("zcopy"),
		GetZoneInfo: has("get_zone_info"), ZoneManagement: has("zone_management"), ZoneAppend: has("zone_append"),
		Compare: has("compare"), CompareAndWrite: has("compare_and_write"), Abort: has("abort"),
		SeekHole: has("seek_hole"), SeekData: has("seek_data"), Copy: has("copy"),
		NVMeIOVMD: has("nvme_iov_md"), NVMeNSSR: has("nvme_nssr"), WriteUncorrectable: has("write_uncorrectable"),
	}
}
