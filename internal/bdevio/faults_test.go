// SPDX-License-Identifier: BSD-3-Clause

package bdevio

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dif"
)

// faults are wrong devices: what is below them, which checks must fail, and
// what they must say.
var faults = []struct {
	name   string
	base   string // a kind of device; malloc if it is empty
	fault  fault
	checks []string
	says   string
}{
	{"corrupts", "", fault{after: flip(100)}, []string{
		"write read block", "write read 8 blocks", "write read size > 128k", "write read offset + nbytes == size of blockdev",
		"write read 2 blocks on overlapped address offset", "write read each size and offset", "write read largest I/O",
		"writev readv 8 blocks", "writev readv block", "writev readv size > 128k", "writev readv size > 128k in two iovs", "write read odd address",
	}, `^read after write, offset \d+, length \d+: byte \d+ \(block \d+\): expected (\S\S ){16}…, got (\S\S ){16}…$`},
	{"corrupts in pieces", "", fault{after: flipFirst}, []string{
		"writev readv 30 x 1block", "writev readv odd pieces", "writev readv byte by byte",
	}, `^read after write, offset \d+, length \d+: byte \d+ .*: expected \S\S.*, got \S\S`},
	{"corrupts, with random operations", "", fault{after: flipFirst}, []string{"random operations"}, `step \d+ of the random operations of seed \d+`},
	{"corrupts what is lent", "", fault{after: flip(9)}, []string{"read without a buffer"}, `^read without a buffer, offset 3584, length 6144: byte 3593 \(block 7\)`},
	{"corrupts what must stay", "", fault{after: flip(0)}, []string{
		"write read invalid size", "write read offset + nbytes > size of blockdev", "write read max offset", "write read behind the end",
		"others across the end", "no data", "no metadata", "comparev and writev of too many blocks",
	}, `^read after what was refused, offset \d+, length \d+: byte`},
	{"corrupts at a boundary", "malloc boundary", fault{after: flip(0)}, []string{"split at optimal boundary"}, `^read after write, offset 3584, length 1024: byte 3584`},
	{"corrupts parts", "", fault{after: flip(0), info: func(i *bdev.Info) { i.MaxRW = 16 }}, []string{"split at largest I/O"}, `^read after write, offset 512, length 8192: byte 512`},
	{"corrupts segments", "", fault{after: flip(0), info: func(i *bdev.Info) { i.MaxSegments, i.MaxSegment = 2, 1024 }}, []string{"split in segments"}, `^read after write, offset 0, length 1536: byte 0`},
	{"corrupts write units", "", fault{after: flip(0), info: func(i *bdev.Info) { i.WriteUnit = 4 }}, []string{"write part of a write unit"}, `^read after write of a part of a write unit, offset 0`},
	{"corrupts many", "", fault{after: flip(0)}, []string{"many I/Os outstanding"}, `^read at once after write at once, offset 0, length 98304: byte 0 `},
	{"corrupts on a thread", "", fault{after: flip(0)}, []string{"two threads"}, `^read after write on this thread, while another one writes elsewhere, `},
	{"reads half", "", fault{before: readHalf}, []string{"write read 8 blocks"}, `^read after write, offset 4096, length 4096: byte 6144 .* got ee ee .*\(the buffer was not filled from there on\)$`},
	{"changes the writer's buffer", "", fault{after: changeBuffer}, []string{"write read block"}, `^write has changed its buffer, offset 0, length 512: byte 7 `},
	{"writes behind the reader's buffer", "", fault{after: overrun}, []string{"write read block"}, `^read has written outside of its buffer, offset 0, length 512: expected c5, got 77 at byte 514 of a buffer of 512$`},
	{"writes too much", "", fault{before: zeroNext}, []string{"write leaves neighbours"}, `^read after write of the blocks before, offset 8192, length 4096: byte 8192 .* got 00 00`},
	{"fails", "", fault{before: end(bdev.OpWrite, bdev.StatusNVMe(0, 6))}, []string{"write read block"}, `^write, offset 0, length 512: expected "success", got "NVMe status 00/06"$`},

	{"ignores write zeroes", "", fault{before: succeed(bdev.OpWriteZeroes)}, []string{
		"write zeroes read block", "write zeroes read no split", "write zeroes read split", "write zeroes read split partial",
	}, `^read after write zeroes, offset 0, length \d+: byte \d+ .*: expected 00 00 .*, got \S\S`},
	{"zeroes too much", "", fault{before: tooMany(bdev.OpWriteZeroes)}, []string{"write zeroes leaves neighbours"}, `^read after write zeroes of the blocks before, offset 8192`},
	{"ignores unmap", "", fault{before: succeed(bdev.OpUnmap)}, []string{"unmap"}, `^read after unmap, offset 4096, length 4096`},
	{"unmaps too much", "", fault{before: tooMany(bdev.OpUnmap)}, []string{"unmap"}, `^read after unmap of the blocks before, offset 8192`},
	{"cannot unmap all", "", fault{before: end(bdev.OpUnmap, bdev.StatusFailed)}, []string{"unmap of all"}, `^unmap, offset 0, length 4194304: expected "success", got "failed"$`},

	{"always equal", "", fault{before: succeed(bdev.OpCompare)}, []string{"comparev", "comparev and writev"}, `^compare.*expected "data differ", got "success"$`},
	{"never equal", "", fault{before: end(bdev.OpCompare, bdev.StatusMiscompare)}, []string{"comparev", "comparev and writev"}, `^compare.*expected "success", got "data differ"$`},
	{"compares and writes anyway", "", fault{native: []bdev.Op{bdev.OpCompareAndWrite}, before: func(c *wrongChannel, io *bdev.IO) bool {
		return io.Op == bdev.OpCompareAndWrite && c.instead(io, bdev.IO{Op: bdev.OpWrite, Offset: io.Offset, Blocks: io.Blocks, Iov: io.WriteIov})
	}}, []string{"comparev and writev on two threads"}, `^read after counting to 50 on two threads, offset 0, length 512: byte 0 .*: expected 32 00 `},
	{"copies nothing", "", fault{before: succeed(bdev.OpCopy)}, []string{"copy", "copy of many blocks"}, `^read after copy, offset \d+, length \d+: byte`},
	{"copies forward only", "", fault{before: copyForward}, []string{"copy to overlapping blocks"}, `^read after copy, offset 2048, length 8192: byte`},

	{"cannot reset", "", fault{before: end(bdev.OpReset, bdev.StatusFailed)}, []string{"reset"}, `^reset, offset 0, length 0: expected "success", got "failed"$`},
	{"loses data at a reset", "", fault{before: func(c *wrongChannel, io *bdev.IO) bool {
		return io.Op == bdev.OpReset && c.instead(io, bdev.IO{Op: bdev.OpWriteZeroes, Offset: 3, Blocks: 1})
	}}, []string{"reset with I/O outstanding"}, `^read after reset, offset 0, length 65536: byte 1536 `},
	{"lies about aborts", "", fault{native: []bdev.Op{bdev.OpAbort}, before: succeed(bdev.OpAbort)}, []string{"abort"}, `^read that was aborted, .*expected "aborted", got "success"$`},
	{"cannot flush", "", fault{before: end(bdev.OpFlush, bdev.StatusFailed)}, []string{"flush"}, `^flush, offset 512, length 2048: expected "success"`},
	{"has a cache without flush", "", fault{info: func(i *bdev.Info) { i.WriteCache = true }, lacks: bdev.OpFlush}, []string{"flush"}, `^flush, .*expected support, as the device has a write cache, got none$`},
	{"finds data too far", "", fault{native: []bdev.Op{bdev.OpSeekData}, before: func(_ *wrongChannel, io *bdev.IO) bool {
		io.Result = io.Offset + 1
		return succeed(bdev.OpSeekData)(nil, io)
	}}, []string{"seek data and hole"}, `^seek data from a block that was written, offset 4096, length 0: expected block 8, got block 9$`},
	{"finds holes in data", "", fault{native: []bdev.Op{bdev.OpSeekHole}, before: func(_ *wrongChannel, io *bdev.IO) bool {
		io.Result = io.Offset
		return succeed(bdev.OpSeekHole)(nil, io)
	}}, []string{"seek data and hole"}, `^seek hole from .*expected a block from 16 on, or none, got block 8$`},

	{"does nothing by commands of NVMe", "", fault{native: []bdev.Op{bdev.OpNVMeIO, bdev.OpNVMeAdmin}, before: succeed(bdev.OpNVMeIO)},
		[]string{"nvme passthru rw", "nvme passthru vendor specific"}, `^NVMe I/O command that reads block 4, .*: expected a5a5.*, got eeee|^NVMe I/O command, .*expected "NVMe status 00/01", got "success"$`},
	{"identifies nothing", "", fault{native: []bdev.Op{bdev.OpNVMeAdmin}, before: succeed(bdev.OpNVMeAdmin)}, []string{"nvme admin passthru"}, `^NVMe admin command Identify Controller, .*: expected commands of 64 bytes .SQES 66., got ee$`},

	{"drops metadata", "malloc separate", fault{before: func(c *wrongChannel, io *bdev.IO) bool {
		return io.Op == bdev.OpWrite && c.instead(io, bdev.IO{Op: io.Op, Offset: io.Offset, Blocks: io.Blocks, Iov: io.Iov})
	}}, []string{"separate metadata"}, `^read of metadata after write with metadata, offset 1536, length 320: .*from byte 0 of the metadata of block 3 on`},
	{"corrupts beside metadata", "malloc separate", fault{after: flip(0)}, []string{"separate metadata of another length"}, `^read after what was refused`},
	{"corrupts metadata", "malloc interleaved", fault{after: flip(520)}, []string{"interleaved metadata"}, `^read after write of other metadata, offset 1056, length 2640: byte 1576 \(block 2\)`},
	{"corrupts hidden data", "malloc interleaved", fault{after: flip(0)}, []string{"hidden metadata"}, `^read without metadata, offset 2640`},
	{"checks no protection", "malloc DIF 1", fault{before: unprotected(dif.Guard | dif.RefTag)}, []string{"wrong guard", "wrong reference tag"},
		`^write with wrong protection information, offset 3120, length 5200: expected "NVMe status 02/8[24]", got "success"$`},
	{"checks no application tag", "malloc DIX 2", fault{info: func(i *bdev.Info) { i.DIFCheck |= dif.AppTag }}, []string{"wrong application tag"}, `expected "NVMe status 02/83", got "success"$`},
	{"always checks protection", "malloc DIF 1", fault{before: unprotected(0)}, []string{"unchecked protection information"}, `^write without checks of protection information, .*got "NVMe status 02/82"`},
	{"corrupts protected data", "malloc DIF 1", fault{after: flip(0)}, []string{"protection information"}, `^read with protection information, offset 3120, length 5200: byte 3120`},
	{"keeps writes to a thread", "", fault{before: keepToItself}, []string{"write on one thread, read on the other"}, `^read after write on the other thread, `},

	{"reports other zones", "zone_block", fault{after: func(_ *wrongChannel, io *bdev.IO, s bdev.Status) bdev.Status {
		if io.Op == bdev.OpZoneReport && io.Result > 2 {
			io.Zones[2].Start++
		}
		return s
	}}, []string{"zone report"}, `^zone report of zone 2, offset 1048576, .*expected block 2048 as its first, got 2049$`},
	{"leaves zones alone", "zone_block", fault{before: succeed(bdev.OpZoneManagement)}, []string{"zone write read", "zone open, close, finish, reset"},
		`^zone report after reset, offset 0, length 524288: expected a zone in state "empty", got "full"$`},
	{"hides failures", "zone_block", fault{after: func(*wrongChannel, *bdev.IO, bdev.Status) bdev.Status { return bdev.StatusSuccess }},
		[]string{"zone write elsewhere", "zone write across its end", "zone filled"}, `^write (behind the write pointer|across the end of a zone|in a full zone), .*expected a failure, got "success"$`},
	{"appends elsewhere", "zone_block", fault{after: func(_ *wrongChannel, io *bdev.IO, s bdev.Status) bdev.Status {
		if io.Op == bdev.OpZoneAppend {
			io.Result++
		}
		return s
	}}, []string{"zone append"}, `^zone append, offset 0, length 512: expected block 0, the write pointer, got 1$`},
	{"appends twice to a block", "zone_block", fault{after: func(_ *wrongChannel, io *bdev.IO, s bdev.Status) bdev.Status {
		if io.Op == bdev.OpZoneAppend {
			io.Result &^= 1
		}
		return s
	}}, []string{"zone append on two threads"}, `^(zone append on two threads, .*expected a block of its own of the zone's first 32|read after zone append on two threads)`},
}

// unbreakable are checks of what the block layer does, whatever the device.
var unbreakable = []string{"no blocks", "unsupported operations", "descriptor for reading"}

// exactly matches names of checks.
func exactly(names ...string) *regexp.Regexp {
	for i, n := range names {
		names[i] = regexp.QuoteMeta(n)
	}
	return regexp.MustCompile("^(" + strings.Join(names, "|") + ")$")
}

func TestFaultsAreFound(t *testing.T) {
	kinds := devices(t)
	found := slices.Clone(unbreakable)
	for _, f := range faults {
		found = append(found, f.checks...)
		t.Run(strings.ReplaceAll(f.name, " ", "_"), func(t *testing.T) {
			if f.base == "" {
				f.base = "malloc"
			}
			a := start(t, kinds[f.base]...)
			top := "M"
			if f.base == "zone_block" {
				top = "Z"
			}
			breakDevice(t, a, top, f.fault)
			report, err := Run(t.Context(), a.Bdevs, a.Reactors, Config{Devices: []string{"W"}, Test: exactly(slices.Clone(f.checks)...), Seed: 11})
			if err != nil {
				t.Fatal(err)
			}
			d := report.Devices[0]
			if len(d.Results) != len(f.checks) {
				t.Errorf("%d checks were carried out, want %q", len(d.Results), f.checks)
			}
			for _, r := range d.Results {
				if r.Outcome != Failed || r.Failure == nil || !regexp.MustCompile(f.says).MatchString(r.Why) {
					t.Errorf("%s: %s: %s\nwant %s", r.Name, r.Outcome, r.Why, f.says)
				}
			}
		})
	}
	for _, c := range Checks() {
		if !slices.Contains(found, c.Name) {
			t.Errorf("no wrong device makes %q fail", c.Name)
		}
	}
}

// A device with limits of all kinds passes, as the block layer keeps them.
func TestLimits(t *testing.T) {
	a := start(t, mallocDisk("M"))
	breakDevice(t, a, "M", fault{info: func(i *bdev.Info) {
		i.WriteUnit, i.MaxRW, i.MaxSegments, i.MaxSegment, i.Alignment = 4, 16, 3, 2048, 512
		i.OptimalIOBoundary, i.SplitOnBoundary, i.MaxUnmap, i.MaxWriteZeroes, i.MaxCopy = 32, true, 100, 100, 50
	}})
	report, err := Run(t.Context(), a.Bdevs, a.Reactors, Config{Devices: []string{"W"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Devices[0].Results {
		must := exactly("split at optimal boundary", "split at largest I/O", "split in segments", "write part of a write unit").MatchString(r.Name)
		if r.Outcome == Failed || must && r.Outcome != OK {
			t.Errorf("%s: %s: %s", r.Name, r.Outcome, r.Why)
		}
	}
}

// An I/O that does not end is told, nothing more is done to the device, and a
// reset frees it.
func TestIOWithoutEnd(t *testing.T) {
	a := start(t, mallocDisk("M"))
	breakDevice(t, a, "M", fault{before: holdFlush})
	report, err := Run(t.Context(), a.Bdevs, a.Reactors, Config{Devices: []string{"W"}, Test: exactly("flush", "seek data and hole"), Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	r := report.Devices[0].Results
	if r[0].Outcome != Failed || r[0].Why != "flush, offset 512, length 2048: expected an end, got none within 2s" {
		t.Errorf("%+v", r[0])
	}
	if r[1].Outcome != NotRun || !strings.Contains(r[1].Why, "has not ended") {
		t.Errorf("%+v", r[1])
	}
}

func TestClaimedAndMissingDevices(t *testing.T) {
	a := start(t, mallocDisk("M"), [2]string{"bdev_passthru_create", `{"base_bdev_name":"M","name":"P"}`})
	check := exactly("write read block")
	report, err := Run(t.Context(), a.Bdevs, a.Reactors, Config{Test: check})
	if err != nil || len(report.Devices) != 2 || report.Devices[0].Name != "M" ||
		report.Devices[0].Skipped != "module passthru has claimed it (exclusive_write); check what is on top of it" || len(report.Devices[0].Results) != 0 ||
		report.Devices[1].Skipped != "" || report.Count(OK) != 1 {
		t.Errorf("%+v, %v", report, err)
	}
	report, err = Run(t.Context(), a.Bdevs, a.Reactors, Config{Test: check, Devices: []string{"M"}})
	if err == nil || !strings.Contains(err.Error(), "claimed") || report.Devices[0].Skipped == "" {
		t.Errorf("%+v, %v", report, err)
	}
	for _, cfg := range []Config{{Devices: []string{"P", "Zebra"}}, {Discards: []string{"Zebra"}}} {
		if _, err := Run(t.Context(), a.Bdevs, a.Reactors, cfg); !errors.Is(err, bdev.ErrNotFound) || !strings.Contains(err.Error(), "Zebra") {
			t.Error(err)
		}
	}
	if _, err := Run(t.Context(), a.Bdevs, a.Reactors, Config{Test: exactly("fly")}); err == nil || !strings.Contains(err.Error(), "fly") {
		t.Error(err)
	}
}

// What discards data is not asked for them, if that is said of it.
func TestDiscards(t *testing.T) {
	a := start(t, [2]string{"bdev_null_create", `{"name":"N","num_blocks":65536,"block_size":512}`}, [2]string{"bdev_passthru_create", `{"base_bdev_name":"N","name":"P"}`})
	report, err := Run(t.Context(), a.Bdevs, a.Reactors, Config{Devices: []string{"P"}})
	if err != nil || report.Count(Failed) == 0 {
		t.Errorf("%v", err)
	}
	report, err = Run(t.Context(), a.Bdevs, a.Reactors, Config{Devices: []string{"P"}, Discards: []string{"P"}})
	if err != nil || report.Count(Failed) != 0 || report.Devices[0].Results[0].Why == "" {
		t.Errorf("%+v, %v", report.Devices[0], err)
	}
}

// The rest is not run when the user or the device goes away.
func TestEarlyEnd(t *testing.T) {
	for _, test := range []struct {
		why string
		end func(t *testing.T, reg *bdev.Registry, cancel func())
	}{
		{"interrupted", func(_ *testing.T, _ *bdev.Registry, cancel func()) { cancel() }},
		{"the device has been removed", func(t *testing.T, reg *bdev.Registry, _ func()) {
			go func() {
				if err := reg.Unregister(context.Background(), "M"); err != nil {
					t.Error(err)
				}
			}()
			for { // until its users are being told
				desc, err := reg.Open(t.Context(), "M", bdev.Read, nil)
				if err != nil {
					return
				}
				if err := desc.Close(); err != nil {
					t.Error(err)
				}
			}
		}},
	} {
		a := start(t, mallocDisk("M"))
		ctx, cancel := context.WithCancel(t.Context())
		report, err := Run(ctx, a.Bdevs, a.Reactors, Config{Begun: func(_ *Device, _ string, number, _ int) {
			if number == 2 {
				test.end(t, a.Bdevs, cancel)
			}
		}})
		cancel()
		if err != nil {
			t.Error(err)
		}
		all := report.Devices[0].Results
		if last := all[len(all)-1]; len(all) != len(Checks()) || all[0].Outcome != OK || last.Outcome != NotRun || last.Why != test.why {
			t.Errorf("%+v, want %s", last, test.why)
		}
		if n := report.Count(Failed); n != 0 {
			t.Errorf("%d checks failed: %+v", n, all)
		}
	}
}
