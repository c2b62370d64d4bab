// SPDX-License-Identifier: BSD-3-Clause

package machine

import (
	"encoding/binary"
	"slices"
)

// signature is a magic number at a fixed place of a disk.
type signature struct {
	off   int64 // bytes; negative: from the end
	magic string
	name  string
}

// signatures lists what may be on a whole disk; the names are blkid's.
var signatures = []signature{
	{0, "XFSB", "xfs"},
	{512, "\xfe\xed\xba\xbe", "xfs_log"}, {0, "\xfe\xed\xba\xbe", "xfs_log"},
	{0x10040, "_BHRfS_M", "btrfs"},
	{0x400, "\x10\x20\xf5\xf2", "f2fs"},
	{0x400, "\xe2\xe1\xf5\xe0", "erofs"},
	{3, "NTFS    ", "ntfs"},
	{3, "EXFAT   ", "exfat"},
	{3, "-FVE-FS-", "BitLocker"},
	{54, "FAT", "vfat"}, {82, "FAT32", "vfat"}, {54, "MSDOS", "vfat"}, {82, "MSDOS", "vfat"},
	{0, "LUKS\xba\xbe", "crypto_LUKS"},
	{0x4000, "SKUL\xba\xbe", "crypto_LUKS"}, {0x8000, "SKUL\xba\xbe", "crypto_LUKS"},
	{0x10000, "SKUL\xba\xbe", "crypto_LUKS"}, {0x20000, "SKUL\xba\xbe", "crypto_LUKS"},
	{0x40000, "SKUL\xba\xbe", "crypto_LUKS"}, {0x80000, "SKUL\xba\xbe", "crypto_LUKS"},
	{0, "LABELONE", "LVM2_member"}, {512, "LABELONE", "LVM2_member"},
	{1024, "LABELONE", "LVM2_member"}, {1536, "LABELONE", "LVM2_member"},
	{0, "HM\x01\x00", "LVM1_member"}, {0, "HM\x02\x00", "LVM1_member"},
	{0, "SnAp", "DM_snapshot_cow"},
	{0, "verity\x00\x00", "DM_verity_hash"},
	{0, "integrt\x00", "DM_integrity"},
	{0, "dmvdo001", "vdo"},
	{0, "\xfc\x4e\x2b\xa9", "linux_raid_member"}, {4096, "\xfc\x4e\x2b\xa9", "linux_raid_member"},
	{4096 + 24, "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81", "bcache"},
	{4096 + 24, "\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef", "bcachefs"},
	{0x10034, "ReIsEr", "reiserfs"}, {0x2034, "ReIsEr", "reiserfs"}, {0x10000, "ReIsEr4", "reiser4"},
	{0x8000, "JFS1", "jfs"},
	{0x10000, "\x01\x16\x19\x70", "gfs2"},
	{0x400, "OCFSV2", "ocfs2"}, {0x800, "OCFSV2", "ocfs2"}, {0x1000, "OCFSV2", "ocfs2"}, {0x2000, "OCFSV2", "ocfs2"},
	{0x400, "H+\x00\x04", "hfsplus"}, {0x400, "HX\x00\x05", "hfsx"},
	{32, "NXSB", "apfs"},
	{0, "hsqs", "squashfs"}, {0, "sqsh", "squashfs"},
	{0, "\x45\x3d\xcd\x28", "cramfs"}, {0, "-rom1fs-", "romfs"},
	{0x8001, "CD001", "iso9660"},
	{0x8001, "BEA01", "udf"}, {0x8001, "NSR0", "udf"}, {0x8801, "NSR0", "udf"}, {0x9001, "NSR0", "udf"},
	{8192 + 1372, "\x54\x19\x01\x00", "ufs"}, {65536 + 1372, "\x19\x01\x54\x19", "ufs"}, {65536 + 1372, "\x54\x19\x01\x00", "ufs"},
	{0x100000, "\x0d\xd0\x01\xc0", "VMFS_volume_member"},
	{32, "ORCLDISK", "oracleasm"},
	{0, "bluestore block device", "ceph_bluestore"},
	{512 + 4, "!Stra0tis\x86\xff\x02^\x41rh", "stratis"}, {4096 + 512 + 4, "!Stra0tis\x86\xff\x02^\x41rh", "stratis"},
	{-512, "\xde\x11\xde\x11", "ddf_raid_member"}, {-512, "\x11\xde\x11\xde", "ddf_raid_member"},
	{-1024, "Intel Raid ISM Cfg Sig. ", "isw_raid_member"},
	{-4096 + 60, "\x83\x74\x02\x6b", "drbd"}, {-4096 + 60, "\x83\x74\x02\x6c", "drbd"}, {-4096 + 60, "\x83\x74\x02\x6d", "drbd"},
}

// pageSizes are those that swap headers are made for.
var pageSizes = []int64{4096, 8192, 16384, 32768, 65536}

// swapMagics are at the end of the first page.
var swapMagics = []string{"SWAP-SPACE", "SWAPSPACE2", "S1SUSPEND", "S2SUSPEND", "ULSUSPEND", "LINHIB0001"}

// signatures returns the names of what is found, each once.
func (d *image) signatures() []string {
	var found []string
	add := func(name string, is bool) {
		if is && !slices.Contains(found, name) {
			found = append(found, name)
		}
	}
	for _, s := range signatures {
		add(s.name, d.has(s.off, s.magic))
	}
	for _, page := range pageSizes {
		for _, magic := range swapMagics {
			add("swap", d.has(page-10, magic))
		}
	}
	add("ext", d.ext())
	add("nilfs2", d.has(0x406, "\x34\x34") && d.has(0x400, "\x02\x00\x00\x00"))
	add("hfs", d.hfs())
	add("linux_raid_member", d.mdAtEnd())
	add("zfs_member", d.zfs())
	return found
}

// Magic numbers of two bytes are too weak alone: data that looks random has
// one in 65536 times.

// ext looks for a superblock of ext2, ext3 or ext4 that makes sense.
func (d *image) ext() bool {
	le, sb := binary.LittleEndian, d.at(0x400, 0x60)
	return sb != nil && le.Uint16(sb[0x38:]) == 0xef53 &&
		le.Uint32(sb[0x18:]) <= 6 && // log of the block size, from 1 KiB
		le.Uint32(sb[0x4c:]) <= 1 // revision
}

// hfs looks for a master directory block whose allocation blocks are whole
// sectors.
func (d *image) hfs() bool {
	mdb := d.at(0x400, 24)
	if mdb == nil || string(mdb[:2]) != "BD" {
		return false
	}
	n := binary.BigEndian.Uint32(mdb[20:])
	return n != 0 && n%512 == 0
}

// mdAtEnd looks for the RAID superblocks that are at a disk's end: 0.90 in
// the last whole 64 KiB, 1.0 at least 8 KiB before the end.
func (d *image) mdAtEnd() bool {
	const magic, bigEndian = "\xfc\x4e\x2b\xa9", "\xa9\x2b\x4e\xfc"
	at := d.size&^0xffff - 0x10000
	return at >= 0 && (d.has(at, magic) || d.has(at, bigEndian)) ||
		d.size >= 8192 && d.has((d.size-8192)&^4095, magic)
}

// zfs looks for an uberblock in one of the four labels.
func (d *image) zfs() bool {
	const (
		label = 256 << 10
		magic = 0x00bab10c
	)
	end := d.size &^ (label - 1)
	for _, at := range []int64{0, label, end - 2*label, end - label} {
		ring := d.at(at+label/2, label/2)
		for i := 0; i+8 <= len(ring); i += 1024 {
			if binary.LittleEndian.Uint64(ring[i:]) == magic || binary.BigEndian.Uint64(ring[i:]) == magic {
				return true
			}
		}
	}
	return false
}
