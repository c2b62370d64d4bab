// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"errors"
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// disk is namespace 1 of a plain controller with a queue and a buffer.
func disk(t *testing.T) (q *queue, ns *host.Namespace, buf []byte) {
	t.Helper()
	r := connect(t, "nvm", host.Options{})
	return r.queue(host.QPairOptions{}), r.namespace(1), buffer(t, 1<<20)
}

func TestCompare(t *testing.T) {
	q, ns, buf := disk(t)
	const n = 2048 // two commands
	fill(buf, 0, 1)
	q.write(ns, buf, 0, n)
	compare := func(r *host.Request) error { return q.Compare(ns, r, buf, 0, n, 0) }
	q.want("equal", nvme.StatusSuccess, compare)
	for _, at := range []int{0, 511, len(buf)/2 + 4000, len(buf) - 1} {
		buf[at] ^= 0x80
		q.want("one bit differs", nvme.StatusCompareFailure, compare)
		buf[at] ^= 0x80
	}
	iov := [][]byte{buf[:100], buf[100:1024], buf[1024:4096], buf[4096:8192]}
	q.want("scattered", nvme.StatusSuccess, func(r *host.Request) error { return q.CompareV(ns, r, iov, 0, 16, 0) })
	q.want("behind the end", nvme.StatusLBAOutOfRange, func(r *host.Request) error { return q.Compare(ns, r, buf, ns.NumBlocks()-1, 2, 0) })
}

// TestFused: QEMU has no fused commands. The driver says so, and the
// controller refuses what is sent all the same.
func TestFused(t *testing.T) {
	q, ns, buf := disk(t)
	if f := q.ctrlr.Identify().FUSES; f != 0 {
		t.Fatalf("FUSES %#x: the controller has learnt fused commands, so test them", f)
	}
	a, b := newCommand(), newCommand()
	if err := q.CompareAndWrite(ns, &a.Request, &b.Request, buf[:512], buf[512:1024], 0, 1, 0); !errors.Is(err, host.ErrNotSupported) {
		t.Errorf("CompareAndWrite: %v", err)
	}
	q.read(ns, buf, 0, 1)
}

func TestWriteZeroes(t *testing.T) {
	q, ns, buf := disk(t)
	for _, flags := range []host.IOFlags{0, host.FlagDeallocate, host.FlagFUA} {
		fill(buf, 0, 2)
		q.write(ns, buf, 0, 2048)
		q.ok("write zeroes", func(r *host.Request) error { return q.WriteZeroes(ns, r, 100, 1500, flags) })
		q.read(ns, buf, 0, 2048)
		check(t, "before", buf[:100*512], 0, 2)
		checkZero(t, "zeroed", buf[100*512:1600*512])
		check(t, "behind", buf[1600*512:], 1600*512, 2)
	}
	q.want("behind the end", nvme.StatusLBAOutOfRange, func(r *host.Request) error { return q.WriteZeroes(ns, r, ns.NumBlocks(), 1, 0) })
	q.ok("the most blocks", func(r *host.Request) error { return q.WriteZeroes(ns, r, 0, 65536, 0) })
}

func TestDatasetManagement(t *testing.T) {
	q, ns, buf := disk(t)
	fill(buf, 0, 3)
	q.write(ns, buf, 0, 2048)
	ranges := buffer(t, 4096)
	host.PutDSMRange(ranges, 0, 128, 256, 0)
	host.PutDSMRange(ranges, 1, 1024, 8, 0)
	host.PutDSMRange(ranges, 2, 1040, 512, 0)
	q.ok("hints", func(r *host.Request) error { return q.DatasetManagement(ns, r, host.DSMIntegralRead, ranges[:48]) })
	clear(buf)
	q.read(ns, buf, 0, 2048)
	check(t, "after hints", buf, 0, 3)

	q.ok("deallocate", func(r *host.Request) error { return q.DatasetManagement(ns, r, host.DSMDeallocate, ranges[:48]) })
	if v := ns.Data().DLFEAT & nvme.DLFEATReadMask; v != nvme.DLFEATReadZeroes {
		t.Fatalf("DLFEAT %#x: deallocated blocks do not read as zeroes", v)
	}
	q.read(ns, buf, 0, 2048)
	at := 0
	for _, d := range [][2]int{{128, 256}, {1024, 8}, {1040, 512}} {
		check(t, "kept", buf[at*512:d[0]*512], uint64(at)*512, 3)
		at = d[0] + d[1]
		checkZero(t, "deallocated", buf[d[0]*512:at*512])
	}
	check(t, "kept", buf[at*512:], uint64(at)*512, 3)

	for i := range 256 {
		host.PutDSMRange(ranges, i, uint64(i)*8, 1, 0)
	}
	q.ok("256 ranges", func(r *host.Request) error { return q.DatasetManagement(ns, r, host.DSMDeallocate, ranges) })
	host.PutDSMRange(ranges, 0, ns.NumBlocks(), 1, 0)
	q.ok("behind the end, which QEMU passes over", func(r *host.Request) error { return q.DatasetManagement(ns, r, host.DSMDeallocate, ranges[:16]) })
}

// TestDeallocatedError has the controller refuse to read what was deallocated.
func TestDeallocatedError(t *testing.T) {
	q, ns, buf := disk(t)
	if ns.Data().NSFEAT&nvme.NSFEATDeallocatedError == 0 {
		t.Fatal("the namespace cannot report deallocated blocks")
	}
	fill(buf, 0, 4)
	q.write(ns, buf, 0, 2048)
	ranges := buffer(t, 16)
	host.PutDSMRange(ranges, 0, 256, 256, 0)
	q.ok("deallocate", func(r *host.Request) error { return q.DatasetManagement(ns, r, host.DSMDeallocate, ranges) })
	set := func(on bool) {
		v := nvme.ErrorRecovery(0).WithDULBE(on)
		_, err := q.ctrlr.SetFeatures(q.ctx, uint8(nvme.FeatureErrorRecovery), false, 1, uint32(v), 0, nil)
		q.must(err)
	}
	read := func(r *host.Request) error { return q.Read(ns, r, buf, 256, 8, 0) }
	q.want("a read without the feature", nvme.StatusSuccess, read)
	set(true)
	defer set(false)
	q.want("a read of deallocated blocks", nvme.StatusDeallocatedBlock, read)
	q.want("a read of others", nvme.StatusSuccess, func(r *host.Request) error { return q.Read(ns, r, buf, 0, 8, 0) })
	q.write(ns, buf, 256, 256)
	q.want("a read of blocks written again", nvme.StatusSuccess, read)
}

func TestVerify(t *testing.T) {
	q, ns, _ := disk(t)
	q.ok("verify", func(r *host.Request) error { return q.Verify(ns, r, 0, 1024, 0) })
	q.want("beyond VSL", nvme.StatusInvalidField, func(r *host.Request) error { return q.Verify(ns, r, 0, 1025, 0) })
	q.want("behind the end", nvme.StatusLBAOutOfRange, func(r *host.Request) error { return q.Verify(ns, r, ns.NumBlocks(), 1, 0) })
}

func TestFlush(t *testing.T) {
	q, ns, buf := disk(t)
	q.write(ns, buf, 0, 8)
	q.ok("flush", func(r *host.Request) error { return q.Flush(ns, r) })
	fill(buf, 0, 5)
	q.ok("write through", func(r *host.Request) error { return q.Write(ns, r, buf, 0, 8, host.FlagFUA) })
	clear(buf)
	q.ok("read through", func(r *host.Request) error { return q.Read(ns, r, buf, 0, 8, host.FlagFUA) })
	check(t, "read back", buf[:4096], 0, 5)
}

// TestUnsupported: commands that QEMU has not are refused, and the error says
// how.
func TestUnsupported(t *testing.T) {
	q, ns, buf := disk(t)
	id := q.ctrlr.Identify()
	if id.ONCS&nvme.ONCSWriteUncorrectable != 0 || id.OACS&(nvme.OACSFirmware|nvme.OACSDeviceSelfTest) != 0 || id.SANICAP != 0 {
		t.Fatalf("ONCS %#x OACS %#x SANICAP %#x: the controller has learnt a command, so test it", id.ONCS, id.OACS, id.SANICAP)
	}
	q.want("write uncorrectable", nvme.StatusInvalidOpcode, func(r *host.Request) error { return q.WriteUncorrectable(ns, r, 0, 1) })
	q.want("reservation report", nvme.StatusInvalidOpcode, func(r *host.Request) error { return q.ReservationReport(ns, r, buf[:64], false) })
	c := q.ctrlr
	q.refused("sanitize", c.Sanitize(q.ctx, uint32(nvme.SanitizeBlockErase), 0), nvme.StatusInvalidOpcode)
	q.refused("self-test", c.DeviceSelfTest(q.ctx, 1, nvme.SelfTestShort), nvme.StatusInvalidOpcode)
	_, err := c.FirmwareCommit(q.ctx, 1, nvme.FirmwareActionReplace)
	q.refused("firmware commit", err, nvme.StatusInvalidOpcode)
	q.refused("firmware download", c.FirmwareDownload(q.ctx, make([]byte, 4096), 0), nvme.StatusInvalidOpcode)
}
