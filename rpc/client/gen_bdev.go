// SPDX-License-Identifier: BSD-3-Clause

// Code generated from the registered methods (make docs). DO NOT EDIT.

package client

import (
	"context"
	"encoding/json"
)

// BdevAIOCreate calls bdev_aio_create. Makes a block device of a file or of a block device of the kernel's, by Linux's asynchronous I/O.
// It returns the name of the device.
func (c *Client) BdevAIOCreate(ctx context.Context, p BdevAIOCreateParams) (string, error) {
	return Call[string](ctx, c, "bdev_aio_create", p)
}

// BdevAIOCreateParams are the parameters of bdev_aio_create.
type BdevAIOCreateParams struct {
	Name      string  `json:"name"`                 // name of the device
	BlockSize *uint32 `json:"block_size,omitempty"` // bytes a block, a power of two, 512 or more; left out, that of the block device
	Filename  string  `json:"filename"`             // path of a file or a block device
	Readonly  *bool   `json:"readonly,omitempty"`   // open it for reading only
	Fallocate *bool   `json:"fallocate,omitempty"`  // unmap and write zeroes by fallocate
	UUID      *string `json:"uuid,omitempty"`       // identifies the content; made up if it is left out
	Nowait    *bool   `json:"nowait,omitempty"`     // do not wait for the kernel's resources within a submission; block devices only
}

// BdevAIODelete calls bdev_aio_delete. Deletes an aio device. The file stays.
func (c *Client) BdevAIODelete(ctx context.Context, p BdevAIODeleteParams) error {
	return c.Call(ctx, "bdev_aio_delete", p, nil)
}

// BdevAIODeleteParams are the parameters of bdev_aio_delete.
type BdevAIODeleteParams struct {
	Name string `json:"name"` // name of the device
}

// BdevAIORescan calls bdev_aio_rescan. Looks how large the file of an aio device is now.
func (c *Client) BdevAIORescan(ctx context.Context, p BdevAIORescanParams) error {
	return c.Call(ctx, "bdev_aio_rescan", p, nil)
}

// BdevAIORescanParams are the parameters of bdev_aio_rescan.
type BdevAIORescanParams struct {
	Name string `json:"name"` // name of the device
}

// BdevCryptoCreate calls bdev_crypto_create. Makes an encrypted device on top of another one.
// It returns the name of the device.
func (c *Client) BdevCryptoCreate(ctx context.Context, p BdevCryptoCreateParams) (string, error) {
	return Call[string](ctx, c, "bdev_crypto_create", p)
}

// BdevCryptoCreateParams are the parameters of bdev_crypto_create.
type BdevCryptoCreateParams struct {
	BaseBdevName string  `json:"base_bdev_name"`       // name of the base device; it may appear later
	Name         string  `json:"name"`                 // name of the encrypted device
	CryptoPmd    *string `json:"crypto_pmd,omitempty"` // obsolete, ignored
	Key          *string `json:"key,omitempty"`        // obsolete, use key_name: the key, in hexadecimal digits
	Cipher       *string `json:"cipher,omitempty"`     // obsolete, use key_name: AES_CBC (default) or AES_XTS
	Key2         *string `json:"key2,omitempty"`       // obsolete, use key_name: the second key of AES_XTS, in hexadecimal digits
	KeyName      *string `json:"key_name,omitempty"`   // name of a key that accel_crypto_key_create has made
}

// BdevCryptoDelete calls bdev_crypto_delete. Deletes an encrypted device. The data stay on the base device, encrypted.
func (c *Client) BdevCryptoDelete(ctx context.Context, p BdevCryptoDeleteParams) error {
	return c.Call(ctx, "bdev_crypto_delete", p, nil)
}

// BdevCryptoDeleteParams are the parameters of bdev_crypto_delete.
type BdevCryptoDeleteParams struct {
	Name string `json:"name"` // name of the encrypted device
}

// BdevDelayCreate calls bdev_delay_create. Makes a device that hands everything to another one, and lets reads and writes take longer.
// It returns the name of the device.
func (c *Client) BdevDelayCreate(ctx context.Context, p BdevDelayCreateParams) (string, error) {
	return Call[string](ctx, c, "bdev_delay_create", p)
}

// BdevDelayCreateParams are the parameters of bdev_delay_create.
type BdevDelayCreateParams struct {
	BaseBdevName    string  `json:"base_bdev_name"`    // name of the base device; it may appear later
	Name            string  `json:"name"`              // name of the device
	UUID            *string `json:"uuid,omitempty"`    // identifies the content; follows from the base's if it is left out
	AvgReadLatency  uint64  `json:"avg_read_latency"`  // microseconds that most reads take longer
	P99ReadLatency  uint64  `json:"p99_read_latency"`  // microseconds that one read of a hundred takes longer; not less than avg_read_latency
	AvgWriteLatency uint64  `json:"avg_write_latency"` // microseconds that most writes take longer
	P99WriteLatency uint64  `json:"p99_write_latency"` // microseconds that one write of a hundred takes longer; not less than avg_write_latency
}

// BdevDelayDelete calls bdev_delay_delete. Deletes a delay device. Its base stays.
func (c *Client) BdevDelayDelete(ctx context.Context, p BdevDelayDeleteParams) error {
	return c.Call(ctx, "bdev_delay_delete", p, nil)
}

// BdevDelayDeleteParams are the parameters of bdev_delay_delete.
type BdevDelayDeleteParams struct {
	Name string `json:"name"` // name of the device
}

// BdevDelayUpdateLatency calls bdev_delay_update_latency. Changes one of a delay device's latencies.
func (c *Client) BdevDelayUpdateLatency(ctx context.Context, p BdevDelayUpdateLatencyParams) error {
	return c.Call(ctx, "bdev_delay_update_latency", p, nil)
}

// BdevDelayUpdateLatencyParams are the parameters of bdev_delay_update_latency.
type BdevDelayUpdateLatencyParams struct {
	DelayBdevName string `json:"delay_bdev_name"` // name of the device
	LatencyType   string `json:"latency_type"`    // which latency; one of avg_read, p99_read, avg_write, p99_write
	LatencyUs     uint64 `json:"latency_us"`      // microseconds
}

// BdevEnableHistogram calls bdev_enable_histogram. Begins to count the latencies of a device anew, or stops it.
func (c *Client) BdevEnableHistogram(ctx context.Context, p BdevEnableHistogramParams) error {
	return c.Call(ctx, "bdev_enable_histogram", p, nil)
}

// BdevEnableHistogramParams are the parameters of bdev_enable_histogram.
type BdevEnableHistogramParams struct {
	Name        string  `json:"name"`                  // name, alias or UUID of the device
	Enable      bool    `json:"enable"`                // count, or stop and forget
	Opc         *string `json:"opc,omitempty"`         // I/O type to count, such as "read"; all if it is left out
	Granularity *uint8  `json:"granularity,omitempty"` // 2^granularity buckets from one power of two to the next; default 7
	MinNsec     *uint64 `json:"min_nsec,omitempty"`    // shorter latencies, in nanoseconds, are counted in the first bucket; default 1000
	MaxNsec     *uint64 `json:"max_nsec,omitempty"`    // longer latencies, in nanoseconds, are counted in the last bucket; default 120000000000
}

// BdevErrorCreate calls bdev_error_create. Makes a device that hands everything to another one, but for errors that bdev_error_inject_error asks for. Its name is EE_ and the base's.
func (c *Client) BdevErrorCreate(ctx context.Context, p BdevErrorCreateParams) error {
	return c.Call(ctx, "bdev_error_create", p, nil)
}

// BdevErrorCreateParams are the parameters of bdev_error_create.
type BdevErrorCreateParams struct {
	BaseName string  `json:"base_name"`      // name of the base device; it may appear later
	UUID     *string `json:"uuid,omitempty"` // identifies the content; follows from the base's if it is left out
}

// BdevErrorDelete calls bdev_error_delete. Deletes an error device. Its base stays.
func (c *Client) BdevErrorDelete(ctx context.Context, p BdevErrorDeleteParams) error {
	return c.Call(ctx, "bdev_error_delete", p, nil)
}

// BdevErrorDeleteParams are the parameters of bdev_error_delete.
type BdevErrorDeleteParams struct {
	Name string `json:"name"` // name of the device, EE_ and the base's
}

// BdevErrorInjectError calls bdev_error_inject_error. Lets IO of an error device go wrong.
func (c *Client) BdevErrorInjectError(ctx context.Context, p BdevErrorInjectErrorParams) error {
	return c.Call(ctx, "bdev_error_inject_error", p, nil)
}

// BdevErrorInjectErrorParams are the parameters of bdev_error_inject_error.
type BdevErrorInjectErrorParams struct {
	Name          string  `json:"name"`                     // name of the device, EE_ and the base's
	IOType        string  `json:"io_type"`                  // what goes wrong; clear ends all injections; one of clear, read, write, unmap, flush, all
	ErrorType     string  `json:"error_type"`               // how it goes wrong; one of failure, pending, corrupt_data, nomem, nvme_failure
	NvmeSct       *uint32 `json:"nvme_sct,omitempty"`       // status code type of nvme_failure
	NvmeSc        *uint32 `json:"nvme_sc,omitempty"`        // status code of nvme_failure
	Num           *uint32 `json:"num,omitempty"`            // how many IOs go wrong; default 1
	QueueDepth    *uint64 `json:"queue_depth,omitempty"`    // only while at least so many IOs are under way on the thread
	CorruptOffset *uint64 `json:"corrupt_offset,omitempty"` // byte of an IO's data that corrupt_data changes
	CorruptValue  *uint8  `json:"corrupt_value,omitempty"`  // what it is combined with by exclusive or, not 0
}

// BdevErrorResumePending calls bdev_error_resume_pending. Lets the IO of an error device go on that hangs because of pending.
func (c *Client) BdevErrorResumePending(ctx context.Context, p BdevErrorResumePendingParams) error {
	return c.Call(ctx, "bdev_error_resume_pending", p, nil)
}

// BdevErrorResumePendingParams are the parameters of bdev_error_resume_pending.
type BdevErrorResumePendingParams struct {
	Name string `json:"name"` // name of the device, EE_ and the base's
}

// BdevExamine calls bdev_examine. Has the modules examine a device, now or when it appears. For use with bdev_auto_examine off.
func (c *Client) BdevExamine(ctx context.Context, p BdevExamineParams) error {
	return c.Call(ctx, "bdev_examine", p, nil)
}

// BdevExamineParams are the parameters of bdev_examine.
type BdevExamineParams struct {
	Name string `json:"name"` // name, alias or UUID of the device
}

// BdevGetBdevs calls bdev_get_bdevs. Describes the device of that name, or all devices.
// It returns an array with one object a device.
func (c *Client) BdevGetBdevs(ctx context.Context, p BdevGetBdevsParams) ([]BdevGetBdevsResult, error) {
	return Call[[]BdevGetBdevsResult](ctx, c, "bdev_get_bdevs", p)
}

// BdevGetBdevsParams are the parameters of bdev_get_bdevs.
type BdevGetBdevsParams struct {
	Name    *string `json:"name,omitempty"`    // name, alias or UUID; all devices if it is left out
	Timeout *uint64 `json:"timeout,omitempty"` // milliseconds to wait for a device of that name to appear; default 0
}

// BdevGetBdevsEnabledDIFCheckTypesResult is a result, or a part of one.
type BdevGetBdevsEnabledDIFCheckTypesResult struct {
	Reftag bool `json:"reftag"`
	Apptag bool `json:"apptag"`
	Guard  bool `json:"guard"`
}

// BdevGetBdevsAssignedRateLimitsResult is a result, or a part of one.
type BdevGetBdevsAssignedRateLimitsResult struct {
	RwIosPerSec    uint64 `json:"rw_ios_per_sec"`    // reads and writes a second, 0 for no limit
	RwMbytesPerSec uint64 `json:"rw_mbytes_per_sec"` // MiB a second, 0 for no limit
	RMbytesPerSec  uint64 `json:"r_mbytes_per_sec"`
	WMbytesPerSec  uint64 `json:"w_mbytes_per_sec"`
}

// BdevGetBdevsSupportedIOTypesResult is a result, or a part of one.
type BdevGetBdevsSupportedIOTypesResult struct {
	Read               bool `json:"read"`
	Write              bool `json:"write"`
	Unmap              bool `json:"unmap"`
	Flush              bool `json:"flush"`
	Reset              bool `json:"reset"`
	NvmeAdmin          bool `json:"nvme_admin"`
	NvmeIO             bool `json:"nvme_io"`
	NvmeIOMD           bool `json:"nvme_io_md"`
	WriteZeroes        bool `json:"write_zeroes"`
	Zcopy              bool `json:"zcopy"`
	GetZoneInfo        bool `json:"get_zone_info"`
	ZoneManagement     bool `json:"zone_management"`
	ZoneAppend         bool `json:"zone_append"`
	Compare            bool `json:"compare"`
	CompareAndWrite    bool `json:"compare_and_write"`
	Abort              bool `json:"abort"`
	SeekHole           bool `json:"seek_hole"`
	SeekData           bool `json:"seek_data"`
	Copy               bool `json:"copy"`
	NvmeIovMD          bool `json:"nvme_iov_md"`
	NvmeNssr           bool `json:"nvme_nssr"`
	WriteUncorrectable bool `json:"write_uncorrectable"`
}

// BdevGetBdevsResult is a result, or a part of one.
type BdevGetBdevsResult struct {
	Name                      string                                 `json:"name"`
	Aliases                   []string                               `json:"aliases"`      // further names; the UUID is the first unless it is the name
	ProductName               string                                 `json:"product_name"` // kind of device
	BlockSize                 uint32                                 `json:"block_size"`   // bytes, with interleaved metadata
	NumBlocks                 uint64                                 `json:"num_blocks"`
	PreferredWriteAlignment   uint32                                 `json:"preferred_write_alignment"`   // blocks, 0 for none
	PreferredWriteGranularity uint32                                 `json:"preferred_write_granularity"` // blocks, 0 for none
	OptimalWriteSize          uint32                                 `json:"optimal_write_size"`          // blocks, 0 for none
	PreferredUnmapAlignment   uint32                                 `json:"preferred_unmap_alignment"`   // blocks, 0 for none
	PreferredUnmapGranularity uint32                                 `json:"preferred_unmap_granularity"` // blocks, 0 for none
	UUID                      string                                 `json:"uuid"`
	NUMAID                    *int32                                 `json:"numa_id,omitempty"` // node of the memory that is close to it, -1 for any; absent if it is not known
	MDSize                    uint32                                 `json:"md_size"`           // bytes of metadata a block; absent without metadata
	MDInterleave              bool                                   `json:"md_interleave"`     // the metadata follow the data of each block, otherwise they are separate
	DIFType                   uint32                                 `json:"dif_type"`          // type of protection information, 0 for none
	DIFIsHeadOfMD             bool                                   `json:"dif_is_head_of_md"` // it is the first thing in the metadata, not the last
	EnabledDIFCheckTypes      BdevGetBdevsEnabledDIFCheckTypesResult `json:"enabled_dif_check_types"`
	DIFPIFormat               uint32                                 `json:"dif_pi_format"` // guard of 16 (0), 32 (1) or 64 (2) bits
	AssignedRateLimits        BdevGetBdevsAssignedRateLimitsResult   `json:"assigned_rate_limits"`
	Claimed                   bool                                   `json:"claimed"`
	ClaimType                 string                                 `json:"claim_type,omitempty"` // exclusive_write, read_many_write_one, read_many_write_none or read_many_write_shared
	Zoned                     bool                                   `json:"zoned"`
	ZoneSize                  uint64                                 `json:"zone_size"`      // blocks; absent without zones
	MaxOpenZones              uint64                                 `json:"max_open_zones"` // 0 for no limit
	OptimalOpenZones          uint64                                 `json:"optimal_open_zones"`
	SupportedIOTypes          BdevGetBdevsSupportedIOTypesResult     `json:"supported_io_types"` // what the device itself does, and write zeroes
	DriverSpecific            json.RawMessage                        `json:"driver_specific"`    // what the module says of it
}

// BdevGetHistogram calls bdev_get_histogram. Returns how many latencies of a device lie in each bucket.
// It returns histogram: the buckets, numbers of 64 bits with the lowest byte first, in base64; each range from one power of two of ticks to the next has 2^granularity of them, and the ranges go from min_range to max_range.
func (c *Client) BdevGetHistogram(ctx context.Context, p BdevGetHistogramParams) (*BdevGetHistogramResult, error) {
	return Call[*BdevGetHistogramResult](ctx, c, "bdev_get_histogram", p)
}

// BdevGetHistogramParams are the parameters of bdev_get_histogram.
type BdevGetHistogramParams struct {
	Name string `json:"name"` // name, alias or UUID of the device
}

// BdevGetHistogramResult is a result, or a part of one.
type BdevGetHistogramResult struct {
	Histogram   string `json:"histogram"` // numbers of 64 bits in base64, see above
	Granularity uint32 `json:"granularity"`
	MinRange    uint32 `json:"min_range"`
	MaxRange    uint32 `json:"max_range"`
	TscRate     uint64 `json:"tsc_rate"` // ticks a second
}

// BdevGetHistogramBorders calls bdev_get_histogram_borders. Counts the latencies of a device between borders.
// It returns how many latencies are up to each border, and how many there are.
func (c *Client) BdevGetHistogramBorders(ctx context.Context, p BdevGetHistogramBordersParams) (*BdevGetHistogramBordersResult, error) {
	return Call[*BdevGetHistogramBordersResult](ctx, c, "bdev_get_histogram_borders", p)
}

// BdevGetHistogramBordersParams are the parameters of bdev_get_histogram_borders.
type BdevGetHistogramBordersParams struct {
	Name    string   `json:"name"`    // name, alias or UUID of the device
	Borders []uint64 `json:"borders"` // latencies in microseconds, ascending
}

// BdevGetHistogramBordersResult is a result, or a part of one.
type BdevGetHistogramBordersResult struct {
	BordersCount []uint64 `json:"borders_count"` // one number a border, and the total
}

// BdevGetIOStat calls bdev_get_iostat. Returns the accounts of devices since they appeared or were reset. Latencies are in ticks, of which tick_rate make a second.
func (c *Client) BdevGetIOStat(ctx context.Context, p BdevGetIOStatParams) (*BdevGetIOStatResult, error) {
	return Call[*BdevGetIOStatResult](ctx, c, "bdev_get_iostat", p)
}

// BdevGetIOStatParams are the parameters of bdev_get_iostat.
type BdevGetIOStatParams struct {
	Names      []string `json:"names,omitempty"`       // devices; all if it is left out
	PerChannel *bool    `json:"per_channel,omitempty"` // accounts by thread, of the one device in names; default false
	ResetMode  *string  `json:"reset_mode,omitempty"`  // what to reset after reading; one of all, maxmin, error, none; default none
}

// BdevGetIOStatBdevsResult is a result, or a part of one.
type BdevGetIOStatBdevsResult struct {
	Name                    string            `json:"name"`
	BytesRead               uint64            `json:"bytes_read"`
	NumReadOps              uint64            `json:"num_read_ops"`
	BytesWritten            uint64            `json:"bytes_written"`
	NumWriteOps             uint64            `json:"num_write_ops"`
	BytesUnmapped           uint64            `json:"bytes_unmapped"`
	NumUnmapOps             uint64            `json:"num_unmap_ops"`
	BytesCopied             uint64            `json:"bytes_copied"`
	NumCopyOps              uint64            `json:"num_copy_ops"`
	ReadLatencyTicks        uint64            `json:"read_latency_ticks"` // sum of the latencies of successful reads
	MaxReadLatencyTicks     uint64            `json:"max_read_latency_ticks"`
	MinReadLatencyTicks     uint64            `json:"min_read_latency_ticks"`
	WriteLatencyTicks       uint64            `json:"write_latency_ticks"`
	MaxWriteLatencyTicks    uint64            `json:"max_write_latency_ticks"`
	MinWriteLatencyTicks    uint64            `json:"min_write_latency_ticks"`
	UnmapLatencyTicks       uint64            `json:"unmap_latency_ticks"`
	MaxUnmapLatencyTicks    uint64            `json:"max_unmap_latency_ticks"`
	MinUnmapLatencyTicks    uint64            `json:"min_unmap_latency_ticks"`
	CopyLatencyTicks        uint64            `json:"copy_latency_ticks"`
	MaxCopyLatencyTicks     uint64            `json:"max_copy_latency_ticks"`
	MinCopyLatencyTicks     uint64            `json:"min_copy_latency_ticks"`
	IOError                 map[string]uint64 `json:"io_error"`                   // failed operations by kind of status, such as nvme_error; kinds without any are left out
	QueueDepthPollingPeriod uint64            `json:"queue_depth_polling_period"` // microseconds; absent while the queue depth is not sampled
	QueueDepth              uint64            `json:"queue_depth"`                // I/Os under way at the last sample
	IOTime                  uint64            `json:"io_time"`                    // microseconds during which I/Os were under way
	WeightedIOTime          uint64            `json:"weighted_io_time"`           // microseconds, each times the I/Os under way
	DriverSpecific          json.RawMessage   `json:"driver_specific,omitempty"`
}

// BdevGetIOStatChannelsResult is a result, or a part of one.
type BdevGetIOStatChannelsResult struct {
	ThreadID             uint64            `json:"thread_id"`
	BytesRead            uint64            `json:"bytes_read"`
	NumReadOps           uint64            `json:"num_read_ops"`
	BytesWritten         uint64            `json:"bytes_written"`
	NumWriteOps          uint64            `json:"num_write_ops"`
	BytesUnmapped        uint64            `json:"bytes_unmapped"`
	NumUnmapOps          uint64            `json:"num_unmap_ops"`
	BytesCopied          uint64            `json:"bytes_copied"`
	NumCopyOps           uint64            `json:"num_copy_ops"`
	ReadLatencyTicks     uint64            `json:"read_latency_ticks"` // sum of the latencies of successful reads
	MaxReadLatencyTicks  uint64            `json:"max_read_latency_ticks"`
	MinReadLatencyTicks  uint64            `json:"min_read_latency_ticks"`
	WriteLatencyTicks    uint64            `json:"write_latency_ticks"`
	MaxWriteLatencyTicks uint64            `json:"max_write_latency_ticks"`
	MinWriteLatencyTicks uint64            `json:"min_write_latency_ticks"`
	UnmapLatencyTicks    uint64            `json:"unmap_latency_ticks"`
	MaxUnmapLatencyTicks uint64            `json:"max_unmap_latency_ticks"`
	MinUnmapLatencyTicks uint64            `json:"min_unmap_latency_ticks"`
	CopyLatencyTicks     uint64            `json:"copy_latency_ticks"`
	MaxCopyLatencyTicks  uint64            `json:"max_copy_latency_ticks"`
	MinCopyLatencyTicks  uint64            `json:"min_copy_latency_ticks"`
	IOError              map[string]uint64 `json:"io_error"` // failed operations by kind of status, such as nvme_error; kinds without any are left out
}

// BdevGetIOStatResult is a result, or a part of one.
type BdevGetIOStatResult struct {
	TickRate uint64                        `json:"tick_rate"` // ticks a second
	Ticks    uint64                        `json:"ticks"`     // time of the answer, in ticks from an arbitrary beginning
	Bdevs    []BdevGetIOStatBdevsResult    `json:"bdevs,omitempty"`
	Name     string                        `json:"name"`
	Channels []BdevGetIOStatChannelsResult `json:"channels"` // with per_channel: an entry for each thread
}

// BdevGPTSetOptions calls bdev_gpt_set_options. Sets options for GUID partition tables that are found afterwards. This method is gospdk's own.
func (c *Client) BdevGPTSetOptions(ctx context.Context, p BdevGPTSetOptionsParams) error {
	return c.Call(ctx, "bdev_gpt_set_options", p, nil)
}

// BdevGPTSetOptionsParams are the parameters of bdev_gpt_set_options.
type BdevGPTSetOptionsParams struct {
	ShowOthers *bool `json:"show_others,omitempty"` // make devices, which can only be read, of partitions that are not SPDK's (default false)
}

// BdevMallocCreate calls bdev_malloc_create. Makes a block device in memory.
// It returns the name of the device.
func (c *Client) BdevMallocCreate(ctx context.Context, p BdevMallocCreateParams) (string, error) {
	return Call[string](ctx, c, "bdev_malloc_create", p)
}

// BdevMallocCreateParams are the parameters of bdev_malloc_create.
type BdevMallocCreateParams struct {
	Name              *string `json:"name,omitempty"`                // name of the device; without one it is Malloc0, Malloc1 and so on
	NumBlocks         uint64  `json:"num_blocks"`                    // size in blocks
	BlockSize         uint32  `json:"block_size"`                    // bytes of data a block, a multiple of 512
	PhysicalBlockSize *uint32 `json:"physical_block_size,omitempty"` // bytes, a multiple of 512; 0 for block_size
	UUID              *string `json:"uuid,omitempty"`                // identifies the content; made up if it is left out
	OptimalIOBoundary *uint32 `json:"optimal_io_boundary,omitempty"` // blocks; IO is split there unless it is 0
	MDSize            *uint32 `json:"md_size,omitempty"`             // bytes of metadata a block: 0, 8, 16, 32, 64 or 128
	MDInterleave      *bool   `json:"md_interleave,omitempty"`       // metadata follow each block's data; otherwise they are separate
	DIFType           *int32  `json:"dif_type,omitempty"`            // type of protection information, 0 for none
	DIFIsHeadOfMD     *bool   `json:"dif_is_head_of_md,omitempty"`   // protection information is at the head of the metadata, not at their end
	DIFPIFormat       *uint32 `json:"dif_pi_format,omitempty"`       // guard of 16 (0), 32 (1) or 64 bits (2)
	NUMAID            *int32  `json:"numa_id,omitempty"`             // NUMA node of the memory; -1, the default, for any
}

// BdevMallocDelete calls bdev_malloc_delete. Deletes a block device in memory, with its content.
func (c *Client) BdevMallocDelete(ctx context.Context, p BdevMallocDeleteParams) error {
	return c.Call(ctx, "bdev_malloc_delete", p, nil)
}

// BdevMallocDeleteParams are the parameters of bdev_malloc_delete.
type BdevMallocDeleteParams struct {
	Name string `json:"name"` // name of the device
}

// BdevNullCreate calls bdev_null_create. Makes a block device that drops what is written and leaves buffers as they are when it is read: for measuring what is above it.
// It returns the name of the device.
func (c *Client) BdevNullCreate(ctx context.Context, p BdevNullCreateParams) (string, error) {
	return Call[string](ctx, c, "bdev_null_create", p)
}

// BdevNullCreateParams are the parameters of bdev_null_create.
type BdevNullCreateParams struct {
	Name                      string  `json:"name"`                                  // name of the device
	NumBlocks                 uint64  `json:"num_blocks"`                            // size in blocks
	BlockSize                 uint32  `json:"block_size"`                            // bytes of data a block, a multiple of 512
	PhysicalBlockSize         *uint32 `json:"physical_block_size,omitempty"`         // bytes, a multiple of 512; 0 for block_size
	MDSize                    *uint32 `json:"md_size,omitempty"`                     // bytes of metadata after the data of each block: 0, 8, 16, 32, 64 or 128
	DIFType                   *int32  `json:"dif_type,omitempty"`                    // type of protection information, 0 for none
	DIFIsHeadOfMD             *bool   `json:"dif_is_head_of_md,omitempty"`           // protection information is at the head of the metadata, not at their end
	DIFPIFormat               *uint32 `json:"dif_pi_format,omitempty"`               // guard of 16 (0), 32 (1) or 64 bits (2)
	UUID                      *string `json:"uuid,omitempty"`                        // identifies the content; made up if it is left out
	PreferredWriteGranularity *uint32 `json:"preferred_write_granularity,omitempty"` // what users are told, in blocks
	PreferredWriteAlignment   *uint32 `json:"preferred_write_alignment,omitempty"`   // what users are told, in blocks
	OptimalWriteSize          *uint32 `json:"optimal_write_size,omitempty"`          // what users are told, in blocks
	PreferredUnmapGranularity *uint32 `json:"preferred_unmap_granularity,omitempty"` // what users are told, in blocks
	PreferredUnmapAlignment   *uint32 `json:"preferred_unmap_alignment,omitempty"`   // what users are told, in blocks
}

// BdevNullDelete calls bdev_null_delete. Deletes a null block device.
func (c *Client) BdevNullDelete(ctx context.Context, p BdevNullDeleteParams) error {
	return c.Call(ctx, "bdev_null_delete", p, nil)
}

// BdevNullDeleteParams are the parameters of bdev_null_delete.
type BdevNullDeleteParams struct {
	Name string `json:"name"` // name of the device
}

// BdevNullResize calls bdev_null_resize. Makes a null block device larger.
func (c *Client) BdevNullResize(ctx context.Context, p BdevNullResizeParams) error {
	return c.Call(ctx, "bdev_null_resize", p, nil)
}

// BdevNullResizeParams are the parameters of bdev_null_resize.
type BdevNullResizeParams struct {
	Name    string `json:"name"`     // name of the device
	NewSize uint64 `json:"new_size"` // size in MiB, not less than it is
}

// BdevNvmeAddErrorInjection calls bdev_nvme_add_error_injection. Has coming commands fail, for tests.
func (c *Client) BdevNvmeAddErrorInjection(ctx context.Context, p BdevNvmeAddErrorInjectionParams) error {
	return c.Call(ctx, "bdev_nvme_add_error_injection", p, nil)
}

// BdevNvmeAddErrorInjectionParams are the parameters of bdev_nvme_add_error_injection.
type BdevNvmeAddErrorInjectionParams struct {
	Name        string  `json:"name"`                    // name of the controller
	CmdType     string  `json:"cmd_type"`                // kind of command; one of admin, io
	Opc         uint8   `json:"opc"`                     // opcode of the commands
	DoNotSubmit *bool   `json:"do_not_submit,omitempty"` // end them without the controller
	TimeoutInUs *uint64 `json:"timeout_in_us,omitempty"` // when those that are not submitted end, in µs; default 0
	ErrCount    *uint32 `json:"err_count,omitempty"`     // how many commands fail; default 1
	Sct         *uint8  `json:"sct,omitempty"`           // status code type, 0 to 7; default 0
	Sc          *uint8  `json:"sc,omitempty"`            // status code; default 0
}

// BdevNvmeApplyFirmware calls bdev_nvme_apply_firmware. Sends a firmware image to the controller of a block device, and resets the controller.
func (c *Client) BdevNvmeApplyFirmware(ctx context.Context, p BdevNvmeApplyFirmwareParams) (string, error) {
	return Call[string](ctx, c, "bdev_nvme_apply_firmware", p)
}

// BdevNvmeApplyFirmwareParams are the parameters of bdev_nvme_apply_firmware.
type BdevNvmeApplyFirmwareParams struct {
	Filename string `json:"filename"`  // path of the image
	BdevName string `json:"bdev_name"` // one of the controller's block devices
}

// BdevNvmeAttachController calls bdev_nvme_attach_controller. Connects to an NVMe controller and makes a block device of each of its namespaces.
// It returns the names of the block devices.
func (c *Client) BdevNvmeAttachController(ctx context.Context, p BdevNvmeAttachControllerParams) ([]string, error) {
	return Call[[]string](ctx, c, "bdev_nvme_attach_controller", p)
}

// BdevNvmeAttachControllerMultipathOptsParams is the parameter multipath_opts.
type BdevNvmeAttachControllerMultipathOptsParams struct {
	Policy   *string `json:"policy,omitempty"`   // use one path at a time, or all; one of active_passive, active_active; default active_passive
	Selector *string `json:"selector,omitempty"` // how active_active chooses a path; one of round_robin, queue_depth; default round_robin
	MinIO    *uint32 `json:"min_io,omitempty"`   // IO before round_robin takes the next path; default 1
}

// BdevNvmeAttachControllerParams are the parameters of bdev_nvme_attach_controller.
type BdevNvmeAttachControllerParams struct {
	Name                    string                                       `json:"name"`                                 // name of the controller; the devices are NAMEn1, NAMEn2, …
	Trtype                  string                                       `json:"trtype"`                               // type of the transport: PCIe, VFIOUSER or TCP
	Traddr                  string                                       `json:"traddr"`                               // address: of a PCI function, a folder with a vfio-user socket, or an IP address
	Adrfam                  *string                                      `json:"adrfam,omitempty"`                     // family of the address: IPv4 or IPv6
	Trsvcid                 *string                                      `json:"trsvcid,omitempty"`                    // port
	Priority                *string                                      `json:"priority,omitempty"`                   // priority of the connection, a number
	Subnqn                  *string                                      `json:"subnqn,omitempty"`                     // NQN of the subsystem
	Hostnqn                 *string                                      `json:"hostnqn,omitempty"`                    // NQN of this host; made up if it is left out
	Hostaddr                *string                                      `json:"hostaddr,omitempty"`                   // address to connect from
	Hostsvcid               *string                                      `json:"hostsvcid,omitempty"`                  // port to connect from
	PrchkReftag             *bool                                        `json:"prchk_reftag,omitempty"`               // have the controller check reference tags
	PrchkGuard              *bool                                        `json:"prchk_guard,omitempty"`                // have the controller check guards
	Hdgst                   *bool                                        `json:"hdgst,omitempty"`                      // checksums of headers
	Ddgst                   *bool                                        `json:"ddgst,omitempty"`                      // checksums of data
	FabricsConnectTimeoutUs *uint64                                      `json:"fabrics_connect_timeout_us,omitempty"` // how long a queue may take to connect, in µs; default 10000000
	Multipath               *string                                      `json:"multipath,omitempty"`                  // what a second controller of the same name is; one of failover, multipath, disable; default multipath
	NumIOQueues             *uint32                                      `json:"num_io_queues,omitempty"`              // I/O queues to ask for, 1 to 65536; default 1024
	CtrlrLossTimeoutSec     *int32                                       `json:"ctrlr_loss_timeout_sec,omitempty"`     // how long to try to connect again before the devices are removed, in s: -1 for ever, 0 not at all (default: that of bdev_nvme_set_options)
	ReconnectDelaySec       *uint32                                      `json:"reconnect_delay_sec,omitempty"`        // time between two attempts, in s (default: likewise)
	FastIOFailTimeoutSec    *uint32                                      `json:"fast_io_fail_timeout_sec,omitempty"`   // after how long IO fails instead of waiting, in s, 0 for never (default: likewise)
	Psk                     *string                                      `json:"psk,omitempty"`                        // name of the key for TLS
	MaxBdevs                *uint32                                      `json:"max_bdevs,omitempty"`                  // how many names the answer may have; default 128
	DhchapKey               *string                                      `json:"dhchap_key,omitempty"`                 // name of the key that authenticates this host
	DhchapCtrlrKey          *string                                      `json:"dhchap_ctrlr_key,omitempty"`           // name of the key that authenticates the controller
	AllowUnrecognizedCsi    *bool                                        `json:"allow_unrecognized_csi,omitempty"`     // make devices for passthrough of namespaces with an unknown command set
	MultipathOpts           *BdevNvmeAttachControllerMultipathOptsParams `json:"multipath_opts,omitempty"`             // how several paths are used
	DisableSqFlowControl    *bool                                        `json:"disable_sq_flow_control,omitempty"`    // connect without submission queue flow control
}

// BdevNvmeCuseRegister calls bdev_nvme_cuse_register. Makes character devices of a controller and its namespaces, /dev/spdk/nvme0, /dev/spdk/nvme0n1 and so on, for nvme-cli.
func (c *Client) BdevNvmeCuseRegister(ctx context.Context, p BdevNvmeCuseRegisterParams) error {
	return c.Call(ctx, "bdev_nvme_cuse_register", p, nil)
}

// BdevNvmeCuseRegisterParams are the parameters of bdev_nvme_cuse_register.
type BdevNvmeCuseRegisterParams struct {
	Name string `json:"name"` // name of the controller
}

// BdevNvmeCuseUnregister calls bdev_nvme_cuse_unregister. Removes the character devices of a controller.
func (c *Client) BdevNvmeCuseUnregister(ctx context.Context, p BdevNvmeCuseUnregisterParams) error {
	return c.Call(ctx, "bdev_nvme_cuse_unregister", p, nil)
}

// BdevNvmeCuseUnregisterParams are the parameters of bdev_nvme_cuse_unregister.
type BdevNvmeCuseUnregisterParams struct {
	Name string `json:"name"` // name of the controller
}

// BdevNvmeDetachController calls bdev_nvme_detach_controller. Removes the block devices of an NVMe controller, or of one path to it, and disconnects.
func (c *Client) BdevNvmeDetachController(ctx context.Context, p BdevNvmeDetachControllerParams) error {
	return c.Call(ctx, "bdev_nvme_detach_controller", p, nil)
}

// BdevNvmeDetachControllerParams are the parameters of bdev_nvme_detach_controller.
type BdevNvmeDetachControllerParams struct {
	Name      string  `json:"name"`                // name of the controller
	Trtype    *string `json:"trtype,omitempty"`    // of the path to detach: type of its transport; all paths if nothing is said of the path
	Traddr    *string `json:"traddr,omitempty"`    // its address
	Adrfam    *string `json:"adrfam,omitempty"`    // family of the address
	Trsvcid   *string `json:"trsvcid,omitempty"`   // its port
	Subnqn    *string `json:"subnqn,omitempty"`    // NQN of the subsystem
	Hostaddr  *string `json:"hostaddr,omitempty"`  // address that it is connected from
	Hostsvcid *string `json:"hostsvcid,omitempty"` // port that it is connected from
}

// BdevNvmeDisableController calls bdev_nvme_disable_controller. Disconnects an NVMe controller. Its block devices stay, and IO to them fails.
func (c *Client) BdevNvmeDisableController(ctx context.Context, p BdevNvmeDisableControllerParams) error {
	return c.Call(ctx, "bdev_nvme_disable_controller", p, nil)
}

// BdevNvmeDisableControllerParams are the parameters of bdev_nvme_disable_controller.
type BdevNvmeDisableControllerParams struct {
	Name   string  `json:"name"`             // name of the controller
	Cntlid *uint16 `json:"cntlid,omitempty"` // identifier of one of its paths; 0 for all; default 0
}

// BdevNvmeEnableController calls bdev_nvme_enable_controller. Connects an NVMe controller again that was disabled.
func (c *Client) BdevNvmeEnableController(ctx context.Context, p BdevNvmeEnableControllerParams) error {
	return c.Call(ctx, "bdev_nvme_enable_controller", p, nil)
}

// BdevNvmeEnableControllerParams are the parameters of bdev_nvme_enable_controller.
type BdevNvmeEnableControllerParams struct {
	Name   string  `json:"name"`             // name of the controller
	Cntlid *uint16 `json:"cntlid,omitempty"` // identifier of one of its paths; 0 for all; default 0
}

// BdevNvmeGetControllerHealthInfo calls bdev_nvme_get_controller_health_info. Reads the SMART log of a controller.
func (c *Client) BdevNvmeGetControllerHealthInfo(ctx context.Context, p BdevNvmeGetControllerHealthInfoParams) (BdevNvmeGetControllerHealthInfoResult, error) {
	return Call[BdevNvmeGetControllerHealthInfoResult](ctx, c, "bdev_nvme_get_controller_health_info", p)
}

// BdevNvmeGetControllerHealthInfoParams are the parameters of bdev_nvme_get_controller_health_info.
type BdevNvmeGetControllerHealthInfoParams struct {
	Name string `json:"name"` // name of the controller
}

// BdevNvmeGetControllerHealthInfoResult is a result, or a part of one.
type BdevNvmeGetControllerHealthInfoResult struct {
	ModelNumber                             string  `json:"model_number"`
	SerialNumber                            string  `json:"serial_number"`
	FirmwareRevision                        string  `json:"firmware_revision"`
	Traddr                                  string  `json:"traddr"`
	CriticalWarning                         uint64  `json:"critical_warning"`
	TemperatureCelsius                      int64   `json:"temperature_celsius"`
	AvailableSparePercentage                uint64  `json:"available_spare_percentage"`
	AvailableSpareThresholdPercentage       uint64  `json:"available_spare_threshold_percentage"`
	PercentageUsed                          uint64  `json:"percentage_used"`
	DataUnitsRead                           *string `json:"data_units_read"` // in 1000 times 512 bytes
	DataUnitsWritten                        *string `json:"data_units_written"`
	HostReadCommands                        *string `json:"host_read_commands"`
	HostWriteCommands                       *string `json:"host_write_commands"`
	ControllerBusyTime                      *string `json:"controller_busy_time"` // in minutes
	PowerCycles                             *string `json:"power_cycles"`
	PowerOnHours                            *string `json:"power_on_hours"`
	UnsafeShutdowns                         *string `json:"unsafe_shutdowns"`
	MediaErrors                             *string `json:"media_errors"`
	NumErrLogEntries                        *string `json:"num_err_log_entries"`
	WarningTemperatureTimeMinutes           uint64  `json:"warning_temperature_time_minutes"`
	CriticalCompositeTemperatureTimeMinutes uint64  `json:"critical_composite_temperature_time_minutes"`
	TemperatureSensorCelsius                *int64  `json:"temperature_sensor_celsius,omitempty"` // of the first sensor that says something
}

// BdevNvmeGetControllers calls bdev_nvme_get_controllers. Describes NVMe controllers.
// It returns an array with an object for each name.
func (c *Client) BdevNvmeGetControllers(ctx context.Context, p BdevNvmeGetControllersParams) ([]BdevNvmeGetControllersResult, error) {
	return Call[[]BdevNvmeGetControllersResult](ctx, c, "bdev_nvme_get_controllers", p)
}

// BdevNvmeGetControllersParams are the parameters of bdev_nvme_get_controllers.
type BdevNvmeGetControllersParams struct {
	Name *string `json:"name,omitempty"` // name of the controller; all if it is left out
}

// BdevNvmeGetControllersCtrlrsTridResult is a result, or a part of one.
type BdevNvmeGetControllersCtrlrsTridResult struct {
	Trtype  string `json:"trtype"`
	Adrfam  string `json:"adrfam,omitempty"`
	Traddr  string `json:"traddr,omitempty"`
	Trsvcid string `json:"trsvcid,omitempty"`
	Subnqn  string `json:"subnqn,omitempty"`
}

// BdevNvmeGetControllersCtrlrsHostResult is a result, or a part of one.
type BdevNvmeGetControllersCtrlrsHostResult struct {
	NQN               string `json:"nqn"`
	Addr              string `json:"addr"`
	Svcid             string `json:"svcid"`
	NoShnNotification bool   `json:"no_shn_notification"`
}

// BdevNvmeGetControllersCtrlrsResult is a result, or a part of one.
type BdevNvmeGetControllersCtrlrsResult struct {
	State          string                                   `json:"state"`                 // enabled, resetting, reconnect_is_delayed, disabled, failed or deleting
	CuseDevice     string                                   `json:"cuse_device,omitempty"` // its character device
	Trid           BdevNvmeGetControllersCtrlrsTridResult   `json:"trid"`
	AlternateTrids []BdevNvmeGetControllersCtrlrsTridResult `json:"alternate_trids,omitempty"` // to fail over to
	Cntlid         uint16                                   `json:"cntlid"`                    // identifier of the controller
	Host           BdevNvmeGetControllersCtrlrsHostResult   `json:"host"`
}

// BdevNvmeGetControllersResult is a result, or a part of one.
type BdevNvmeGetControllersResult struct {
	Name   string                               `json:"name"`
	Ctrlrs []BdevNvmeGetControllersCtrlrsResult `json:"ctrlrs"` // an object for each path
}

// BdevNvmeGetDiscoveryInfo calls bdev_nvme_get_discovery_info. Lists discovery services.
// It returns an array with an object for each service.
func (c *Client) BdevNvmeGetDiscoveryInfo(ctx context.Context) ([]BdevNvmeGetDiscoveryInfoResult, error) {
	return Call[[]BdevNvmeGetDiscoveryInfoResult](ctx, c, "bdev_nvme_get_discovery_info", nil)
}

// BdevNvmeGetDiscoveryInfoTridResult is a result, or a part of one.
type BdevNvmeGetDiscoveryInfoTridResult struct {
	Trtype  string `json:"trtype"`
	Adrfam  string `json:"adrfam,omitempty"`
	Traddr  string `json:"traddr,omitempty"`
	Trsvcid string `json:"trsvcid,omitempty"`
	Subnqn  string `json:"subnqn,omitempty"`
}

// BdevNvmeGetDiscoveryInfoReferralsResult is a result, or a part of one.
type BdevNvmeGetDiscoveryInfoReferralsResult struct {
	Trid BdevNvmeGetDiscoveryInfoTridResult `json:"trid"`
}

// BdevNvmeGetDiscoveryInfoResult is a result, or a part of one.
type BdevNvmeGetDiscoveryInfoResult struct {
	Name      string                                    `json:"name"`
	Trid      BdevNvmeGetDiscoveryInfoTridResult        `json:"trid"`
	Referrals []BdevNvmeGetDiscoveryInfoReferralsResult `json:"referrals"` // discovery subsystems that the service knows
}

// BdevNvmeGetIOPaths calls bdev_nvme_get_io_paths. Lists the paths of NVMe block devices, for each thread that uses them.
func (c *Client) BdevNvmeGetIOPaths(ctx context.Context, p BdevNvmeGetIOPathsParams) (BdevNvmeGetIOPathsResult, error) {
	return Call[BdevNvmeGetIOPathsResult](ctx, c, "bdev_nvme_get_io_paths", p)
}

// BdevNvmeGetIOPathsParams are the parameters of bdev_nvme_get_io_paths.
type BdevNvmeGetIOPathsParams struct {
	Name *string `json:"name,omitempty"` // name of a block device; all if it is left out
}

// BdevNvmeGetIOPathsPollGroupsIOPathsTransportResult is a result, or a part of one.
type BdevNvmeGetIOPathsPollGroupsIOPathsTransportResult struct {
	Trtype  string `json:"trtype"`
	Traddr  string `json:"traddr"`
	Trsvcid string `json:"trsvcid,omitempty"`
	Adrfam  string `json:"adrfam,omitempty"`
}

// BdevNvmeGetIOPathsPollGroupsIOPathsResult is a result, or a part of one.
type BdevNvmeGetIOPathsPollGroupsIOPathsResult struct {
	BdevName   string                                             `json:"bdev_name"`
	Cntlid     uint16                                             `json:"cntlid"`     // identifier of the path's controller
	Current    bool                                               `json:"current"`    // whether IO goes this way
	Connected  bool                                               `json:"connected"`  // whether there is a queue pair
	Accessible bool                                               `json:"accessible"` // whether the ANA state permits IO
	Transport  BdevNvmeGetIOPathsPollGroupsIOPathsTransportResult `json:"transport"`
}

// BdevNvmeGetIOPathsPollGroupsResult is a result, or a part of one.
type BdevNvmeGetIOPathsPollGroupsResult struct {
	Thread  string                                      `json:"thread"`
	IOPaths []BdevNvmeGetIOPathsPollGroupsIOPathsResult `json:"io_paths"`
}

// BdevNvmeGetIOPathsResult is a result, or a part of one.
type BdevNvmeGetIOPathsResult struct {
	PollGroups []BdevNvmeGetIOPathsPollGroupsResult `json:"poll_groups"`
}

// BdevNvmeGetMdnsDiscoveryInfo calls bdev_nvme_get_mdns_discovery_info. Lists what is looked for by multicast DNS, and found.
// It returns an array with an object for each.
func (c *Client) BdevNvmeGetMdnsDiscoveryInfo(ctx context.Context) ([]BdevNvmeGetMdnsDiscoveryInfoResult, error) {
	return Call[[]BdevNvmeGetMdnsDiscoveryInfoResult](ctx, c, "bdev_nvme_get_mdns_discovery_info", nil)
}

// BdevNvmeGetMdnsDiscoveryInfoReferralsTridResult is a result, or a part of one.
type BdevNvmeGetMdnsDiscoveryInfoReferralsTridResult struct {
	Trtype  string `json:"trtype"`
	Adrfam  string `json:"adrfam,omitempty"`
	Traddr  string `json:"traddr,omitempty"`
	Trsvcid string `json:"trsvcid,omitempty"`
	Subnqn  string `json:"subnqn,omitempty"`
}

// BdevNvmeGetMdnsDiscoveryInfoReferralsResult is a result, or a part of one.
type BdevNvmeGetMdnsDiscoveryInfoReferralsResult struct {
	Name string                                          `json:"name"`
	Trid BdevNvmeGetMdnsDiscoveryInfoReferralsTridResult `json:"trid"`
}

// BdevNvmeGetMdnsDiscoveryInfoResult is a result, or a part of one.
type BdevNvmeGetMdnsDiscoveryInfoResult struct {
	Name      string                                        `json:"name"`
	Svcname   string                                        `json:"svcname"`
	Referrals []BdevNvmeGetMdnsDiscoveryInfoReferralsResult `json:"referrals"` // discovery services that were found
}

// BdevNvmeGetPathIOStat calls bdev_nvme_get_path_iostat. Returns the accounts of each path of an NVMe block device. io_path_stat of bdev_nvme_set_options must be on.
func (c *Client) BdevNvmeGetPathIOStat(ctx context.Context, p BdevNvmeGetPathIOStatParams) (BdevNvmeGetPathIOStatResult, error) {
	return Call[BdevNvmeGetPathIOStatResult](ctx, c, "bdev_nvme_get_path_iostat", p)
}

// BdevNvmeGetPathIOStatParams are the parameters of bdev_nvme_get_path_iostat.
type BdevNvmeGetPathIOStatParams struct {
	Name string `json:"name"` // name of the block device
}

// BdevNvmeGetPathIOStatStatsTridResult is a result, or a part of one.
type BdevNvmeGetPathIOStatStatsTridResult struct {
	Trtype  string `json:"trtype"`
	Adrfam  string `json:"adrfam,omitempty"`
	Traddr  string `json:"traddr,omitempty"`
	Trsvcid string `json:"trsvcid,omitempty"`
	Subnqn  string `json:"subnqn,omitempty"`
}

// BdevNvmeGetPathIOStatStatsResult is a result, or a part of one.
type BdevNvmeGetPathIOStatStatsResult struct {
	Trid BdevNvmeGetPathIOStatStatsTridResult `json:"trid"`
	Stat json.RawMessage                      `json:"stat"` // as bdev_get_iostat has it
}

// BdevNvmeGetPathIOStatResult is a result, or a part of one.
type BdevNvmeGetPathIOStatResult struct {
	Name  string                             `json:"name"`
	Stats []BdevNvmeGetPathIOStatStatsResult `json:"stats"`
}

// BdevNvmeGetTransportStatistics calls bdev_nvme_get_transport_statistics. Tells what queue pairs have done, for each thread.
func (c *Client) BdevNvmeGetTransportStatistics(ctx context.Context) (BdevNvmeGetTransportStatisticsResult, error) {
	return Call[BdevNvmeGetTransportStatisticsResult](ctx, c, "bdev_nvme_get_transport_statistics", nil)
}

// BdevNvmeGetTransportStatisticsPollGroupsTransportsResult is a result, or a part of one.
type BdevNvmeGetTransportStatisticsPollGroupsTransportsResult struct {
	Trname                  string  `json:"trname"`
	Polls                   uint64  `json:"polls"`
	IdlePolls               uint64  `json:"idle_polls"`
	SocketCompletions       *uint64 `json:"socket_completions,omitempty"` // TCP only
	NvmeCompletions         *uint64 `json:"nvme_completions,omitempty"`   // TCP only
	Completions             *uint64 `json:"completions,omitempty"`        // not TCP
	CqMmioDoorbellUpdates   uint64  `json:"cq_mmio_doorbell_updates"`
	CqShadowDoorbellUpdates uint64  `json:"cq_shadow_doorbell_updates"`
	QueuedRequests          uint64  `json:"queued_requests"` // that had to wait in the driver
	SubmittedRequests       uint64  `json:"submitted_requests"`
	SqMmioDoorbellUpdates   uint64  `json:"sq_mmio_doorbell_updates"`
	SqShadowDoorbellUpdates uint64  `json:"sq_shadow_doorbell_updates"`
}

// BdevNvmeGetTransportStatisticsPollGroupsResult is a result, or a part of one.
type BdevNvmeGetTransportStatisticsPollGroupsResult struct {
	Thread     string                                                     `json:"thread"`
	Transports []BdevNvmeGetTransportStatisticsPollGroupsTransportsResult `json:"transports"`
}

// BdevNvmeGetTransportStatisticsResult is a result, or a part of one.
type BdevNvmeGetTransportStatisticsResult struct {
	PollGroups []BdevNvmeGetTransportStatisticsPollGroupsResult `json:"poll_groups"`
}

// BdevNvmeOpalInit calls bdev_nvme_opal_init. Takes ownership of a self-encrypting drive that comes from the factory and activates its locking.
func (c *Client) BdevNvmeOpalInit(ctx context.Context, p BdevNvmeOpalInitParams) error {
	return c.Call(ctx, "bdev_nvme_opal_init", p, nil)
}

// BdevNvmeOpalInitParams are the parameters of bdev_nvme_opal_init.
type BdevNvmeOpalInitParams struct {
	NvmeCtrlrName string `json:"nvme_ctrlr_name"` // name of the controller, which must be an Opal drive
	Password      string `json:"password"`        // of the drive's owner, SID, 1 to 32 bytes
}

// BdevNvmeOpalRevert calls bdev_nvme_opal_revert. Takes a self-encrypting drive back to what it was when it was made. All data on it are lost.
func (c *Client) BdevNvmeOpalRevert(ctx context.Context, p BdevNvmeOpalRevertParams) error {
	return c.Call(ctx, "bdev_nvme_opal_revert", p, nil)
}

// BdevNvmeOpalRevertParams are the parameters of bdev_nvme_opal_revert.
type BdevNvmeOpalRevertParams struct {
	NvmeCtrlrName string `json:"nvme_ctrlr_name"` // name of the controller, which must be an Opal drive
	Password      string `json:"password"`        // of the drive's owner, SID, 1 to 32 bytes
}

// BdevNvmeRemoveErrorInjection calls bdev_nvme_remove_error_injection. Ends bdev_nvme_add_error_injection.
func (c *Client) BdevNvmeRemoveErrorInjection(ctx context.Context, p BdevNvmeRemoveErrorInjectionParams) error {
	return c.Call(ctx, "bdev_nvme_remove_error_injection", p, nil)
}

// BdevNvmeRemoveErrorInjectionParams are the parameters of bdev_nvme_remove_error_injection.
type BdevNvmeRemoveErrorInjectionParams struct {
	Name    string `json:"name"`     // name of the controller
	CmdType string `json:"cmd_type"` // kind of command; one of admin, io
	Opc     uint8  `json:"opc"`      // opcode of the commands
}

// BdevNvmeResetController calls bdev_nvme_reset_controller. Resets an NVMe controller, which ends all commands. The block layer sends them again.
func (c *Client) BdevNvmeResetController(ctx context.Context, p BdevNvmeResetControllerParams) error {
	return c.Call(ctx, "bdev_nvme_reset_controller", p, nil)
}

// BdevNvmeResetControllerParams are the parameters of bdev_nvme_reset_controller.
type BdevNvmeResetControllerParams struct {
	Name   string  `json:"name"`             // name of the controller
	Cntlid *uint16 `json:"cntlid,omitempty"` // identifier of one of its paths; 0 for all; default 0
}

// BdevNvmeSendCmd calls bdev_nvme_send_cmd. Sends any NVMe command to a controller. Nothing keeps it from destroying data.
// It returns the completion, and what was read, as URL-safe base64.
func (c *Client) BdevNvmeSendCmd(ctx context.Context, p BdevNvmeSendCmdParams) (BdevNvmeSendCmdResult, error) {
	return Call[BdevNvmeSendCmdResult](ctx, c, "bdev_nvme_send_cmd", p)
}

// BdevNvmeSendCmdParams are the parameters of bdev_nvme_send_cmd.
type BdevNvmeSendCmdParams struct {
	Name          string  `json:"name"`                   // name of the controller
	CmdType       string  `json:"cmd_type"`               // kind of command; one of admin, io
	DataDirection string  `json:"data_direction"`         // from the controller, or to it; one of c2h, h2c
	Cmdbuf        string  `json:"cmdbuf"`                 // the 64 bytes of the command as URL-safe base64
	Data          *string `json:"data,omitempty"`         // data, or their length by what is in it, as URL-safe base64
	Metadata      *string `json:"metadata,omitempty"`     // metadata likewise
	DataLen       *uint32 `json:"data_len,omitempty"`     // bytes of data
	MetadataLen   *uint32 `json:"metadata_len,omitempty"` // bytes of metadata
	TimeoutMs     *uint32 `json:"timeout_ms,omitempty"`   // how long to wait, in ms, 0 for as long as it takes; default 0
}

// BdevNvmeSendCmdResult is a result, or a part of one.
type BdevNvmeSendCmdResult struct {
	Cpl      string `json:"cpl"` // the 16 bytes of the completion
	Data     string `json:"data,omitempty"`
	Metadata string `json:"metadata,omitempty"`
}

// BdevNvmeSetHotplug calls bdev_nvme_set_hotplug. Switches the monitor on or off that attaches PCIe controllers as they appear.
func (c *Client) BdevNvmeSetHotplug(ctx context.Context, p BdevNvmeSetHotplugParams) error {
	return c.Call(ctx, "bdev_nvme_set_hotplug", p, nil)
}

// BdevNvmeSetHotplugParams are the parameters of bdev_nvme_set_hotplug.
type BdevNvmeSetHotplugParams struct {
	Enable   bool    `json:"enable"`              // on or off
	PeriodUs *uint64 `json:"period_us,omitempty"` // how often to look, in µs, up to 10000000; 0 for 100000; default 0
}

// BdevNvmeSetKeys calls bdev_nvme_set_keys. Replaces the keys of an NVMe controller, and has all of its queues prove again who both sides are.
func (c *Client) BdevNvmeSetKeys(ctx context.Context, p BdevNvmeSetKeysParams) error {
	return c.Call(ctx, "bdev_nvme_set_keys", p, nil)
}

// BdevNvmeSetKeysParams are the parameters of bdev_nvme_set_keys.
type BdevNvmeSetKeysParams struct {
	Name           string  `json:"name"`                       // name of the controller
	DhchapKey      *string `json:"dhchap_key,omitempty"`       // name of the key that authenticates this host; none if it is left out
	DhchapCtrlrKey *string `json:"dhchap_ctrlr_key,omitempty"` // name of the key that authenticates the controller
}

// BdevNvmeSetMultipathPolicy calls bdev_nvme_set_multipath_policy. Sets how an NVMe block device uses several paths.
func (c *Client) BdevNvmeSetMultipathPolicy(ctx context.Context, p BdevNvmeSetMultipathPolicyParams) error {
	return c.Call(ctx, "bdev_nvme_set_multipath_policy", p, nil)
}

// BdevNvmeSetMultipathPolicyParams are the parameters of bdev_nvme_set_multipath_policy.
type BdevNvmeSetMultipathPolicyParams struct {
	Name     string  `json:"name"`                // name of the block device
	Policy   string  `json:"policy"`              // use one path at a time, or all; one of active_passive, active_active
	Selector *string `json:"selector,omitempty"`  // how active_active chooses a path (default: round_robin); one of round_robin, queue_depth
	RrMinIO  *uint32 `json:"rr_min_io,omitempty"` // IO before round_robin takes the next path
}

// BdevNvmeSetOptions calls bdev_nvme_set_options. Sets options of NVMe controllers. Those that are left out stay as they are. No controller may be attached.
func (c *Client) BdevNvmeSetOptions(ctx context.Context, p BdevNvmeSetOptionsParams) error {
	return c.Call(ctx, "bdev_nvme_set_options", p, nil)
}

// BdevNvmeSetOptionsMultipathOptsParams is the parameter multipath_opts.
type BdevNvmeSetOptionsMultipathOptsParams struct {
	Policy   *string `json:"policy,omitempty"`   // use one path at a time, or all; one of active_passive, active_active
	Selector *string `json:"selector,omitempty"` // how active_active chooses a path; one of round_robin, queue_depth
	MinIO    *uint32 `json:"min_io,omitempty"`   // IO before round_robin takes the next path
}

// BdevNvmeSetOptionsParams are the parameters of bdev_nvme_set_options.
type BdevNvmeSetOptionsParams struct {
	ActionOnTimeout        *string                                `json:"action_on_timeout,omitempty"`          // what is done about a command that takes longer than timeout_us; one of none, reset, abort
	TimeoutUs              *uint64                                `json:"timeout_us,omitempty"`                 // time that an I/O command may take, in µs, 0 for any
	TimeoutAdminUs         *uint64                                `json:"timeout_admin_us,omitempty"`           // time that an admin command may take, in µs, 0 for any
	KeepAliveTimeoutMs     *uint32                                `json:"keep_alive_timeout_ms,omitempty"`      // how long the controller waits for a sign of life, in ms, 0 for ever
	ArbitrationBurst       *uint32                                `json:"arbitration_burst,omitempty"`          // commands of a queue at a time, a power of two, 7 for no limit
	LowPriorityWeight      *uint32                                `json:"low_priority_weight,omitempty"`        // commands of queues of low priority at a time
	MediumPriorityWeight   *uint32                                `json:"medium_priority_weight,omitempty"`     // … of medium priority
	HighPriorityWeight     *uint32                                `json:"high_priority_weight,omitempty"`       // … of high priority
	NvmeAdminqPollPeriodUs *uint64                                `json:"nvme_adminq_poll_period_us,omitempty"` // how often the admin queue is polled, in µs
	NvmeIoqPollPeriodUs    *uint64                                `json:"nvme_ioq_poll_period_us,omitempty"`    // how often I/O queues are polled, in µs, 0 for always
	IOQueueRequests        *uint32                                `json:"io_queue_requests,omitempty"`          // requests of an I/O queue; half of it bounds the pieces of memory of one IO
	DelayCmdSubmit         *bool                                  `json:"delay_cmd_submit,omitempty"`           // ring the doorbell once for all commands of a round
	TransportRetryCount    *uint32                                `json:"transport_retry_count,omitempty"`      // how often the driver sends a command again
	BdevRetryCount         *int32                                 `json:"bdev_retry_count,omitempty"`           // how often an IO is tried again, -1 without end
	TransportAckTimeout    *uint8                                 `json:"transport_ack_timeout,omitempty"`      // how long what was sent over TCP may stay without an acknowledgement: 2 to this power, in ms; 0 for the machine's minutes
	CtrlrLossTimeoutSec    *int32                                 `json:"ctrlr_loss_timeout_sec,omitempty"`     // how long to try to connect again before the devices are removed, in s: -1 for ever, 0 not at all
	ReconnectDelaySec      *uint32                                `json:"reconnect_delay_sec,omitempty"`        // time between two attempts, in s
	FastIOFailTimeoutSec   *uint32                                `json:"fast_io_fail_timeout_sec,omitempty"`   // after how long IO fails instead of waiting, in s, 0 for never
	DisableAutoFailback    *bool                                  `json:"disable_auto_failback,omitempty"`      // stay on a path when a better one comes back
	GenerateUuids          *bool                                  `json:"generate_uuids,omitempty"`             // make UUIDs of serial number and namespace for namespaces without
	TransportTos           *uint8                                 `json:"transport_tos,omitempty"`              // accepted; it is for RDMA
	NvmeErrorStat          *bool                                  `json:"nvme_error_stat,omitempty"`            // accepted
	RdmaSrqSize            *uint32                                `json:"rdma_srq_size,omitempty"`              // accepted; it is for RDMA
	IOPathStat             *bool                                  `json:"io_path_stat,omitempty"`               // count IO of each path
	AllowAccelSequence     *bool                                  `json:"allow_accel_sequence,omitempty"`       // accepted
	RdmaMaxCqSize          *uint32                                `json:"rdma_max_cq_size,omitempty"`           // accepted; it is for RDMA
	RdmaCmEventTimeoutMs   *uint16                                `json:"rdma_cm_event_timeout_ms,omitempty"`   // accepted; it is for RDMA
	DhchapDigests          []string                               `json:"dhchap_digests,omitempty"`             // hashes that authentication may use: sha256, sha384, sha512
	DhchapDhgroups         []string                               `json:"dhchap_dhgroups,omitempty"`            // groups that it may use: null, ffdhe2048 to ffdhe8192
	RdmaUmrPerIO           *bool                                  `json:"rdma_umr_per_io,omitempty"`            // accepted; it is for RDMA
	TcpConnectTimeoutMs    *uint32                                `json:"tcp_connect_timeout_ms,omitempty"`     // accepted; fabrics_connect_timeout_us bounds the connection
	EnableFlush            *bool                                  `json:"enable_flush,omitempty"`               // hand flushes to controllers with a volatile write cache
	MultipathOpts          *BdevNvmeSetOptionsMultipathOptsParams `json:"multipath_opts,omitempty"`             // how several paths are used
}

// BdevNvmeSetPreferredPath calls bdev_nvme_set_preferred_path. Has an NVMe block device use a path before the others of the same access.
func (c *Client) BdevNvmeSetPreferredPath(ctx context.Context, p BdevNvmeSetPreferredPathParams) error {
	return c.Call(ctx, "bdev_nvme_set_preferred_path", p, nil)
}

// BdevNvmeSetPreferredPathParams are the parameters of bdev_nvme_set_preferred_path.
type BdevNvmeSetPreferredPathParams struct {
	Name   string `json:"name"`   // name of the block device
	Cntlid uint16 `json:"cntlid"` // identifier of the path's controller
}

// BdevNvmeStartDiscovery calls bdev_nvme_start_discovery. Attaches the controllers that a discovery service knows, and follows its changes.
func (c *Client) BdevNvmeStartDiscovery(ctx context.Context, p BdevNvmeStartDiscoveryParams) error {
	return c.Call(ctx, "bdev_nvme_start_discovery", p, nil)
}

// BdevNvmeStartDiscoveryParams are the parameters of bdev_nvme_start_discovery.
type BdevNvmeStartDiscoveryParams struct {
	Name                 string  `json:"name"`                               // the controllers are NAME0, NAME1, …
	Trtype               string  `json:"trtype"`                             // type of the transport: TCP or VFIOUSER
	Traddr               string  `json:"traddr"`                             // address of the service
	Adrfam               *string `json:"adrfam,omitempty"`                   // family of the address: IPv4 or IPv6
	Trsvcid              *string `json:"trsvcid,omitempty"`                  // port
	Hostnqn              *string `json:"hostnqn,omitempty"`                  // NQN of this host; made up if it is left out
	WaitForAttach        *bool   `json:"wait_for_attach,omitempty"`          // answer when the subsystems that are known first are attached
	AttachTimeoutMs      *uint64 `json:"attach_timeout_ms,omitempty"`        // how long that may take, in ms, 0 for any time; default 0
	CtrlrLossTimeoutSec  *int32  `json:"ctrlr_loss_timeout_sec,omitempty"`   // of the controllers: how long to try to connect again before the devices are removed, in s (default: that of bdev_nvme_set_options)
	ReconnectDelaySec    *uint32 `json:"reconnect_delay_sec,omitempty"`      // of the controllers: time between two attempts, in s (default: likewise)
	FastIOFailTimeoutSec *uint32 `json:"fast_io_fail_timeout_sec,omitempty"` // of the controllers: after how long IO fails instead of waiting, in s (default: likewise)
}

// BdevNvmeStartMdnsDiscovery calls bdev_nvme_start_mdns_discovery. Looks for discovery services by multicast DNS, and follows those that are found.
func (c *Client) BdevNvmeStartMdnsDiscovery(ctx context.Context, p BdevNvmeStartMdnsDiscoveryParams) error {
	return c.Call(ctx, "bdev_nvme_start_mdns_discovery", p, nil)
}

// BdevNvmeStartMdnsDiscoveryParams are the parameters of bdev_nvme_start_mdns_discovery.
type BdevNvmeStartMdnsDiscoveryParams struct {
	Name    string  `json:"name"`              // the discovery services are NAME0, NAME1, …
	Svcname string  `json:"svcname"`           // service to look for: _nvme-disc._tcp
	Hostnqn *string `json:"hostnqn,omitempty"` // NQN of this host; made up if it is left out
}

// BdevNvmeStopDiscovery calls bdev_nvme_stop_discovery. Ends bdev_nvme_start_discovery, and detaches what it has attached.
func (c *Client) BdevNvmeStopDiscovery(ctx context.Context, p BdevNvmeStopDiscoveryParams) error {
	return c.Call(ctx, "bdev_nvme_stop_discovery", p, nil)
}

// BdevNvmeStopDiscoveryParams are the parameters of bdev_nvme_stop_discovery.
type BdevNvmeStopDiscoveryParams struct {
	Name string `json:"name"` // name of the discovery service
}

// BdevNvmeStopMdnsDiscovery calls bdev_nvme_stop_mdns_discovery. Ends bdev_nvme_start_mdns_discovery, and the discovery services that it has started.
func (c *Client) BdevNvmeStopMdnsDiscovery(ctx context.Context, p BdevNvmeStopMdnsDiscoveryParams) error {
	return c.Call(ctx, "bdev_nvme_stop_mdns_discovery", p, nil)
}

// BdevNvmeStopMdnsDiscoveryParams are the parameters of bdev_nvme_stop_mdns_discovery.
type BdevNvmeStopMdnsDiscoveryParams struct {
	Name string `json:"name"` // name of the mDNS discovery
}

// BdevOpalCreate calls bdev_opal_create. Places a locking range of a self-encrypting drive, locks it and makes a block device of it.
// It returns the name of the block device.
func (c *Client) BdevOpalCreate(ctx context.Context, p BdevOpalCreateParams) (string, error) {
	return Call[string](ctx, c, "bdev_opal_create", p)
}

// BdevOpalCreateParams are the parameters of bdev_opal_create.
type BdevOpalCreateParams struct {
	NvmeCtrlrName  string `json:"nvme_ctrlr_name"`  // name of the controller, which must be an Opal drive
	Nsid           uint32 `json:"nsid"`             // namespace; only 1 can have locking ranges
	LockingRangeID uint16 `json:"locking_range_id"` // number of the locking range; 0 is the global one, which is not placed
	RangeStart     uint64 `json:"range_start"`      // its first block
	RangeLength    uint64 `json:"range_length"`     // its length in blocks
	Password       string `json:"password"`         // of Admin1
}

// BdevOpalDelete calls bdev_opal_delete. Removes the block device of a locking range. Its data are lost.
func (c *Client) BdevOpalDelete(ctx context.Context, p BdevOpalDeleteParams) error {
	return c.Call(ctx, "bdev_opal_delete", p, nil)
}

// BdevOpalDeleteParams are the parameters of bdev_opal_delete.
type BdevOpalDeleteParams struct {
	BdevName string `json:"bdev_name"` // name of the device of a locking range
	Password string `json:"password"`  // of Admin1
}

// BdevOpalGetInfo calls bdev_opal_get_info. Describes the locking range of a block device.
func (c *Client) BdevOpalGetInfo(ctx context.Context, p BdevOpalGetInfoParams) (BdevOpalGetInfoResult, error) {
	return Call[BdevOpalGetInfoResult](ctx, c, "bdev_opal_get_info", p)
}

// BdevOpalGetInfoParams are the parameters of bdev_opal_get_info.
type BdevOpalGetInfoParams struct {
	BdevName string `json:"bdev_name"` // name of the device of a locking range
	Password string `json:"password"`  // of Admin1
}

// BdevOpalGetInfoResult is a result, or a part of one.
type BdevOpalGetInfoResult struct {
	Name             string `json:"name"`
	RangeStart       uint64 `json:"range_start"`  // first block of the range
	RangeLength      uint64 `json:"range_length"` // blocks
	ReadLockEnabled  bool   `json:"read_lock_enabled"`
	WriteLockEnabled bool   `json:"write_lock_enabled"`
	ReadLocked       bool   `json:"read_locked"`
	WriteLocked      bool   `json:"write_locked"`
}

// BdevOpalNewUser calls bdev_opal_new_user. Gives a user a password and lets him lock and unlock a block device, with Admin1 and nobody else.
func (c *Client) BdevOpalNewUser(ctx context.Context, p BdevOpalNewUserParams) error {
	return c.Call(ctx, "bdev_opal_new_user", p, nil)
}

// BdevOpalNewUserParams are the parameters of bdev_opal_new_user.
type BdevOpalNewUserParams struct {
	BdevName      string `json:"bdev_name"`      // name of the device of a locking range
	AdminPassword string `json:"admin_password"` // of Admin1
	UserID        uint16 `json:"user_id"`        // the user, 1 to 9
	UserPassword  string `json:"user_password"`  // that the user is to have, 1 to 32 bytes
}

// BdevOpalSetLockState calls bdev_opal_set_lock_state. Locks or unlocks the block device of a locking range.
func (c *Client) BdevOpalSetLockState(ctx context.Context, p BdevOpalSetLockStateParams) error {
	return c.Call(ctx, "bdev_opal_set_lock_state", p, nil)
}

// BdevOpalSetLockStateParams are the parameters of bdev_opal_set_lock_state.
type BdevOpalSetLockStateParams struct {
	BdevName  string `json:"bdev_name"`  // name of the device of a locking range
	UserID    uint16 `json:"user_id"`    // who does it: 0 is Admin1, 1 to 9 are users
	Password  string `json:"password"`   // of who does it
	LockState string `json:"lock_state"` // READWRITE, READONLY or RWLOCK, which neither reads nor writes
}

// BdevPassthruCreate calls bdev_passthru_create. Makes a device that hands everything to another one.
// It returns the name of the device.
func (c *Client) BdevPassthruCreate(ctx context.Context, p BdevPassthruCreateParams) (string, error) {
	return Call[string](ctx, c, "bdev_passthru_create", p)
}

// BdevPassthruCreateParams are the parameters of bdev_passthru_create.
type BdevPassthruCreateParams struct {
	BaseBdevName string  `json:"base_bdev_name"` // name of the base device; it may appear later
	Name         string  `json:"name"`           // name of the device
	UUID         *string `json:"uuid,omitempty"` // identifies the content; follows from the base's if it is left out
}

// BdevPassthruDelete calls bdev_passthru_delete. Deletes a passthru device. Its base stays.
func (c *Client) BdevPassthruDelete(ctx context.Context, p BdevPassthruDeleteParams) error {
	return c.Call(ctx, "bdev_passthru_delete", p, nil)
}

// BdevPassthruDeleteParams are the parameters of bdev_passthru_delete.
type BdevPassthruDeleteParams struct {
	Name string `json:"name"` // name of the device
}

// BdevRaidAddBaseBdev calls bdev_raid_add_base_bdev. Adds a base device to an array that misses one.
func (c *Client) BdevRaidAddBaseBdev(ctx context.Context, p BdevRaidAddBaseBdevParams) error {
	return c.Call(ctx, "bdev_raid_add_base_bdev", p, nil)
}

// BdevRaidAddBaseBdevParams are the parameters of bdev_raid_add_base_bdev.
type BdevRaidAddBaseBdevParams struct {
	RaidBdev string `json:"raid_bdev"` // name of the array
	BaseBdev string `json:"base_bdev"` // name of the base device
}

// BdevRaidCreate calls bdev_raid_create. Makes an array out of base devices. It goes online when all of them are there.
func (c *Client) BdevRaidCreate(ctx context.Context, p BdevRaidCreateParams) error {
	return c.Call(ctx, "bdev_raid_create", p, nil)
}

// BdevRaidCreateParams are the parameters of bdev_raid_create.
type BdevRaidCreateParams struct {
	Name        string   `json:"name"`                    // name of the array
	StripSizeKb *uint32  `json:"strip_size_kb,omitempty"` // size of a strip in KiB, a power of two
	RaidLevel   string   `json:"raid_level"`              // how data are spread over the base devices; raid0 and concat are supported; one of raid0, 0, raid1, 1, raid5f, 5f, concat
	BaseBdevs   []string `json:"base_bdevs"`              // names of the base devices, in order; those that are missing may appear later
	UUID        *string  `json:"uuid,omitempty"`          // UUID of the array (default: a random one)
	Superblock  *bool    `json:"superblock,omitempty"`    // store what the array is on each base device, so that it is found again
}

// BdevRaidDelete calls bdev_raid_delete. Deletes an array. The data stay on the base devices.
func (c *Client) BdevRaidDelete(ctx context.Context, p BdevRaidDeleteParams) error {
	return c.Call(ctx, "bdev_raid_delete", p, nil)
}

// BdevRaidDeleteParams are the parameters of bdev_raid_delete.
type BdevRaidDeleteParams struct {
	Name    string `json:"name"`               // name of the array
	ClearSB *bool  `json:"clear_sb,omitempty"` // remove the superblocks from the base devices too, so that the array is not found again
}

// BdevRaidGetBdevs calls bdev_raid_get_bdevs. Describes the arrays in a state.
// It returns an array with one object an array.
func (c *Client) BdevRaidGetBdevs(ctx context.Context, p BdevRaidGetBdevsParams) ([]BdevRaidGetBdevsResult, error) {
	return Call[[]BdevRaidGetBdevsResult](ctx, c, "bdev_raid_get_bdevs", p)
}

// BdevRaidGetBdevsParams are the parameters of bdev_raid_get_bdevs.
type BdevRaidGetBdevsParams struct {
	Category string `json:"category"` // state of the arrays to list; one of online, configuring, offline, all
}

// BdevRaidGetBdevsBaseBdevsListResult is a result, or a part of one.
type BdevRaidGetBdevsBaseBdevsListResult struct {
	Name         *string `json:"name"`
	UUID         string  `json:"uuid"`
	IsConfigured bool    `json:"is_configured"`
	DataOffset   uint64  `json:"data_offset"`
	DataSize     uint64  `json:"data_size"`
}

// BdevRaidGetBdevsResult is a result, or a part of one.
type BdevRaidGetBdevsResult struct {
	Name                    string                                `json:"name"`
	UUID                    string                                `json:"uuid"`
	StripSizeKb             uint32                                `json:"strip_size_kb"`
	State                   string                                `json:"state"`
	RaidLevel               string                                `json:"raid_level"`
	Superblock              bool                                  `json:"superblock"`
	NumBaseBdevs            int                                   `json:"num_base_bdevs"`
	NumBaseBdevsDiscovered  int                                   `json:"num_base_bdevs_discovered"`
	NumBaseBdevsOperational int                                   `json:"num_base_bdevs_operational"`
	BaseBdevsList           []BdevRaidGetBdevsBaseBdevsListResult `json:"base_bdevs_list"`
}

// BdevRaidRemoveBaseBdev calls bdev_raid_remove_base_bdev. Removes a base device from its array. A raid0 or concat that is online goes offline.
func (c *Client) BdevRaidRemoveBaseBdev(ctx context.Context, p BdevRaidRemoveBaseBdevParams) error {
	return c.Call(ctx, "bdev_raid_remove_base_bdev", p, nil)
}

// BdevRaidRemoveBaseBdevParams are the parameters of bdev_raid_remove_base_bdev.
type BdevRaidRemoveBaseBdevParams struct {
	Name string `json:"name"` // name of the base device
}

// BdevRaidSetOptions calls bdev_raid_set_options. Sets options of background processes. Those that are left out stay as they are.
func (c *Client) BdevRaidSetOptions(ctx context.Context, p BdevRaidSetOptionsParams) error {
	return c.Call(ctx, "bdev_raid_set_options", p, nil)
}

// BdevRaidSetOptionsParams are the parameters of bdev_raid_set_options.
type BdevRaidSetOptionsParams struct {
	ProcessWindowSizeKb      *uint32 `json:"process_window_size_kb,omitempty"`       // how much a background process works on at once, in KiB (default 1024)
	ProcessMaxBandwidthMbSec *uint32 `json:"process_max_bandwidth_mb_sec,omitempty"` // limit of a background process in MiB a second, 0 for none (default 0)
}

// BdevResetIOStat calls bdev_reset_iostat. Starts the accounts of a device, or of all, anew.
func (c *Client) BdevResetIOStat(ctx context.Context, p BdevResetIOStatParams) error {
	return c.Call(ctx, "bdev_reset_iostat", p, nil)
}

// BdevResetIOStatParams are the parameters of bdev_reset_iostat.
type BdevResetIOStatParams struct {
	Name *string `json:"name,omitempty"` // name, alias or UUID; all devices if it is left out
	Mode *string `json:"mode,omitempty"` // what to reset; one of all, maxmin, error, none; default all
}

// BdevSetOptions calls bdev_set_options. Sets options of the block layer. Those that are left out stay as they are.
func (c *Client) BdevSetOptions(ctx context.Context, p BdevSetOptionsParams) error {
	return c.Call(ctx, "bdev_set_options", p, nil)
}

// BdevSetOptionsParams are the parameters of bdev_set_options.
type BdevSetOptionsParams struct {
	BdevIOPoolSize      *uint32 `json:"bdev_io_pool_size,omitempty"`      // requests in SPDK's shared pool; kept and saved, but there is no such pool here (default 65535)
	BdevIOCacheSize     *uint32 `json:"bdev_io_cache_size,omitempty"`     // requests that SPDK caches per thread; as above (default 256)
	BdevAutoExamine     *bool   `json:"bdev_auto_examine,omitempty"`      // examine all devices; false leaves the choice to bdev_examine (default true)
	IobufSmallCacheSize *uint32 `json:"iobuf_small_cache_size,omitempty"` // small buffers that a thread keeps for itself (default 128)
	IobufLargeCacheSize *uint32 `json:"iobuf_large_cache_size,omitempty"` // large buffers that a thread keeps for itself (default 16)
}

// BdevSetQDSamplingPeriod calls bdev_set_qd_sampling_period. Has the number of outstanding I/Os of a device looked at regularly; bdev_get_iostat shows what came of it.
func (c *Client) BdevSetQDSamplingPeriod(ctx context.Context, p BdevSetQDSamplingPeriodParams) error {
	return c.Call(ctx, "bdev_set_qd_sampling_period", p, nil)
}

// BdevSetQDSamplingPeriodParams are the parameters of bdev_set_qd_sampling_period.
type BdevSetQDSamplingPeriodParams struct {
	Name   string `json:"name"`   // name, alias or UUID of the device
	Period uint64 `json:"period"` // microseconds from one look to the next; 0 ends it
}

// BdevSetQoSLimit calls bdev_set_qos_limit. Limits what reads and writes of all users of a device may do together. Limits that are left out stay as they are; 0 is no limit.
func (c *Client) BdevSetQoSLimit(ctx context.Context, p BdevSetQoSLimitParams) error {
	return c.Call(ctx, "bdev_set_qos_limit", p, nil)
}

// BdevSetQoSLimitParams are the parameters of bdev_set_qos_limit.
type BdevSetQoSLimitParams struct {
	Name           string  `json:"name"`                        // name, alias or UUID of the device
	RwIosPerSec    *uint64 `json:"rw_ios_per_sec,omitempty"`    // reads and writes a second, rounded up to a multiple of 1000
	RwMbytesPerSec *uint64 `json:"rw_mbytes_per_sec,omitempty"` // MiB a second, read and written
	RMbytesPerSec  *uint64 `json:"r_mbytes_per_sec,omitempty"`  // MiB a second, read
	WMbytesPerSec  *uint64 `json:"w_mbytes_per_sec,omitempty"`  // MiB a second, written
}

// BdevSplitCreate calls bdev_split_create. Splits a device into parts called like it with p0, p1 and so on after that.
// It returns the names of the parts.
func (c *Client) BdevSplitCreate(ctx context.Context, p BdevSplitCreateParams) ([]string, error) {
	return Call[[]string](ctx, c, "bdev_split_create", p)
}

// BdevSplitCreateParams are the parameters of bdev_split_create.
type BdevSplitCreateParams struct {
	BaseBdev    string  `json:"base_bdev"`               // name of the device to split; it may appear later
	SplitCount  uint32  `json:"split_count"`             // parts to make; as many as fit if they are fewer
	SplitSizeMb *uint64 `json:"split_size_mb,omitempty"` // MiB a part; 0 to divide the device equally
}

// BdevSplitDelete calls bdev_split_delete. Removes the parts of a device. Their content stays on it.
func (c *Client) BdevSplitDelete(ctx context.Context, p BdevSplitDeleteParams) error {
	return c.Call(ctx, "bdev_split_delete", p, nil)
}

// BdevSplitDeleteParams are the parameters of bdev_split_delete.
type BdevSplitDeleteParams struct {
	BaseBdev string `json:"base_bdev"` // name of the device that is split
}

// BdevUringCreate calls bdev_uring_create. Makes a block device of a file or of a block device of the kernel's, by Linux's io_uring.
// It returns the name of the device.
func (c *Client) BdevUringCreate(ctx context.Context, p BdevUringCreateParams) (string, error) {
	return Call[string](ctx, c, "bdev_uring_create", p)
}

// BdevUringCreateParams are the parameters of bdev_uring_create.
type BdevUringCreateParams struct {
	Name      string  `json:"name"`                 // name of the device
	BlockSize *uint32 `json:"block_size,omitempty"` // bytes a block, a power of two, 512 or more; left out, that of the block device
	Filename  string  `json:"filename"`             // path of a file or a block device
	UUID      *string `json:"uuid,omitempty"`       // identifies the content; made up if it is left out
	Iopoll    *bool   `json:"iopoll,omitempty"`     // ask the disk for the ends of transfers while there are any, in place of interrupts; not SPDK's
}

// BdevUringDelete calls bdev_uring_delete. Deletes a uring device. The file stays.
func (c *Client) BdevUringDelete(ctx context.Context, p BdevUringDeleteParams) error {
	return c.Call(ctx, "bdev_uring_delete", p, nil)
}

// BdevUringDeleteParams are the parameters of bdev_uring_delete.
type BdevUringDeleteParams struct {
	Name string `json:"name"` // name of the device
}

// BdevUringRescan calls bdev_uring_rescan. Looks how large the file of a uring device is now.
func (c *Client) BdevUringRescan(ctx context.Context, p BdevUringRescanParams) error {
	return c.Call(ctx, "bdev_uring_rescan", p, nil)
}

// BdevUringRescanParams are the parameters of bdev_uring_rescan.
type BdevUringRescanParams struct {
	Name string `json:"name"` // name of the device
}

// BdevWaitForExamine calls bdev_wait_for_examine. Answers when all devices have been examined by all modules.
func (c *Client) BdevWaitForExamine(ctx context.Context) error {
	return c.Call(ctx, "bdev_wait_for_examine", nil, nil)
}

// BdevZoneBlockCreate calls bdev_zone_block_create. Makes a zoned device out of another one. Its zones are full at first: reset them before writing.
// It returns the name of the device.
func (c *Client) BdevZoneBlockCreate(ctx context.Context, p BdevZoneBlockCreateParams) (string, error) {
	return Call[string](ctx, c, "bdev_zone_block_create", p)
}

// BdevZoneBlockCreateParams are the parameters of bdev_zone_block_create.
type BdevZoneBlockCreateParams struct {
	Name             string `json:"name"`               // name of the zoned device
	BaseBdev         string `json:"base_bdev"`          // name of the base device; it may appear later
	ZoneCapacity     uint64 `json:"zone_capacity"`      // blocks of a zone that can be written; the zone's size is the next power of two
	OptimalOpenZones uint64 `json:"optimal_open_zones"` // how many zones are best written at once
}

// BdevZoneBlockDelete calls bdev_zone_block_delete. Deletes a zoned device. The data stay on the base device.
func (c *Client) BdevZoneBlockDelete(ctx context.Context, p BdevZoneBlockDeleteParams) error {
	return c.Call(ctx, "bdev_zone_block_delete", p, nil)
}

// BdevZoneBlockDeleteParams are the parameters of bdev_zone_block_delete.
type BdevZoneBlockDeleteParams struct {
	Name string `json:"name"` // name of the zoned device
}
