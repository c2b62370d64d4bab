// SPDX-License-Identifier: BSD-3-Clause

package machine

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/gospdk/gospdk/internal/machine/machinetest"
)

const linuxData = "0fc63daf-8483-4772-8e79-3d69d8477de4"

// part is a partition that gptImage makes.
type part struct{ kind, label string }

// parseGUID returns the form that a GUID has on disk.
func parseGUID(s string) (g guid) {
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(b) != 16 {
		panic(s)
	}
	binary.LittleEndian.PutUint32(g[:], binary.BigEndian.Uint32(b))
	binary.LittleEndian.PutUint16(g[4:], binary.BigEndian.Uint16(b[4:]))
	binary.LittleEndian.PutUint16(g[6:], binary.BigEndian.Uint16(b[6:]))
	copy(g[8:], b[8:])
	return g
}

// protectiveMBR writes the MBR of a GPT.
func protectiveMBR(p []byte) {
	p[446+4] = 0xee
	p[510], p[511] = 0x55, 0xaa
}

// gptImage makes a disk with both copies of a GPT.
func gptImage(size, blockSize int, parts ...part) []byte {
	p := make([]byte, size)
	protectiveMBR(p)
	entries := make([]byte, 128*128)
	for i, e := range parts {
		at := entries[i*128:]
		g := parseGUID(e.kind)
		copy(at, g[:])
		at[16] = byte(i + 1)
		for j, u := range utf16.Encode([]rune(e.label)) {
			binary.LittleEndian.PutUint16(at[56+2*j:], u)
		}
	}
	blocks := size / blockSize
	table := (len(entries) + blockSize - 1) / blockSize
	put := func(lba, other, entriesAt int) {
		copy(p[entriesAt*blockSize:], entries)
		writeGPTHeader(p[lba*blockSize:][:blockSize], lba, other, entriesAt, entries)
	}
	put(1, blocks-1, 2)
	put(blocks-1, 1, blocks-1-table)
	return p
}

func writeGPTHeader(h []byte, lba, other, entriesAt int, entries []byte) {
	le := binary.LittleEndian
	copy(h, gptSignature)
	le.PutUint32(h[8:], 0x10000)
	le.PutUint32(h[12:], gptHeaderSize)
	le.PutUint64(h[24:], uint64(lba))
	le.PutUint64(h[32:], uint64(other))
	le.PutUint64(h[72:], uint64(entriesAt))
	le.PutUint32(h[80:], uint32(len(entries)/128))
	le.PutUint32(h[84:], 128)
	le.PutUint32(h[88:], crc32.ChecksumIEEE(entries))
	le.PutUint32(h[16:], 0)
	le.PutUint32(h[16:], crc32.ChecksumIEEE(h[:gptHeaderSize]))
}

// contentTest is a disk and what is found on it.
type contentTest struct {
	name      string
	image     []byte
	blockSize string
	want      string
}

func contentTests() []contentTest {
	const size = machinetest.DiskSize
	with := func(off int, magic string) []byte {
		p := make([]byte, size)
		copy(p[(off+size)%size:], magic)
		return p
	}
	spdk, old, test := part{spdkPartition, "store"}, part{spdkPartitionOld, ""}, part{linuxData, "SPDK_TEST_first"}
	linux := part{linuxData, "home"}
	dos := make([]byte, size)
	dos[446], dos[446+4] = 0x80, 0x83
	dos[510], dos[511] = 0x55, 0xaa
	return []contentTest{
		{name: "zeroes", image: make([]byte, size)},
		{name: "no GPT partitions", image: gptImage(size, 512), want: "gpt partition table"},
		{name: "GPT", image: gptImage(size, 512, linux), want: "gpt partition table"},
		{name: "GPT of SPDK", image: gptImage(size, 512, spdk)},
		{name: "GPT of an old SPDK", image: gptImage(size, 512, old, spdk)},
		{name: "GPT of SPDK's tests", image: gptImage(size, 512, test)},
		{name: "GPT that is SPDK's in part", image: gptImage(size, 512, spdk, linux), want: "gpt partition table"},
		{name: "GPT of 4096-byte blocks", image: gptImage(size, 4096, linux), blockSize: "4096", want: "gpt partition table"},
		{name: "GPT of SPDK of 4096-byte blocks", image: gptImage(size, 4096, spdk), blockSize: "4096"},
		{name: "GPT for another block size", image: gptImage(size, 512, spdk), blockSize: "4096", want: "gpt partition table"},
		{name: "DOS", image: dos, want: "dos partition table"},
		{name: "MBR of a lost GPT", image: gptImage(size, 512, linux)[:512], want: "PMBR partition table"},
		{name: "signature of a boot sector in noise", image: with(446, "\x17"+strings.Repeat("\x00", 63)+"\x55\xaa")},
		{name: "Atari", image: with(0x1c6, "\x01GEM\x00\x00\x00\x02\x00\x00\x08\x00")},
		{name: "Mac", image: func() []byte { p := with(0, "ER"); copy(p[512:], "PM"); return p }(), want: "mac partition table"},
		{name: "SGI", image: with(0, "\x0b\xe5\xa9\x41"), want: "sgi partition table"},
		{name: "Sun", image: with(506, "\xda\xbe\xda\xbe"), want: "sun partition table"},
		{name: "BSD", image: with(512, "\x57\x45\x56\x82"), want: "bsd partition table"},
		{name: "xfs", image: with(0, "XFSB"), want: "xfs"},
		{name: "btrfs", image: with(0x10040, "_BHRfS_M"), want: "btrfs"},
		{name: "LVM", image: with(512, "LABELONE"), want: "LVM2_member"},
		{name: "LUKS", image: with(0, "LUKS\xba\xbe"), want: "crypto_LUKS"},
		{name: "second header of LUKS", image: with(0x8000, "SKUL\xba\xbe"), want: "crypto_LUKS"},
		{name: "swap", image: with(4096-10, "SWAPSPACE2"), want: "swap"},
		{name: "swap of large pages", image: with(65536-10, "SWAPSPACE2"), want: "swap"},
		{name: "hibernation", image: with(4096-10, "S1SUSPEND"), want: "swap"},
		{name: "md 1.2", image: with(4096, "\xfc\x4e\x2b\xa9"), want: "linux_raid_member"},
		{name: "md 1.0", image: with(-8192, "\xfc\x4e\x2b\xa9"), want: "linux_raid_member"},
		{name: "md 0.90", image: with(-65536, "\xfc\x4e\x2b\xa9"), want: "linux_raid_member"},
		{name: "ZFS", image: with(128<<10, "\x0c\xb1\xba\x00\x00\x00\x00\x00"), want: "zfs_member"},
		{name: "ZFS's last label", image: with(-(96 << 10), "\x0c\xb1\xba\x00\x00\x00\x00\x00"), want: "zfs_member"},
		{name: "bcache", image: with(4096+24, "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81"), want: "bcache"},
		{name: "Intel RAID", image: with(-1024, "Intel Raid ISM Cfg Sig. 1.2.00"), want: "isw_raid_member"},
		{name: "VMFS", image: with(1<<20, "\x0d\xd0\x01\xc0"), want: "VMFS_volume_member"},
		{name: "two bytes of ext are chance", image: with(0x438, "\x53\xef\xff\xff\xff\xff\xff\xff")[:0x43a:0x43a]},
		{name: "blobstore", image: with(0, "SPDKBLOB")},
		{name: "odd block size", image: make([]byte, size), blockSize: "513", want: "error"},
	}
}

// TestContent looks at disks through a whole machine: what the probe finds
// makes the function in use or not.
func TestContent(t *testing.T) {
	for _, test := range contentTests() {
		t.Run(test.name, func(t *testing.T) {
			if test.name == "two bytes of ext are chance" {
				binary.LittleEndian.PutUint32(test.image[0x418:], 77) // a block size of 2^87 bytes
			}
			tr := oneController(t)
			if err := os.WriteFile(tr.Path("dev/nvme0n1"), test.image, 0o600); err != nil {
				t.Fatal(err)
			}
			if test.blockSize != "" {
				tr.Write("sys/class/block/nvme0n1/queue/logical_block_size", test.blockSize)
			}
			f := at(t, tr, bdf)
			got := ""
			if f.ExamineErr != nil {
				got = "error"
			}
			for _, h := range f.Holders {
				if h.Kind != HeldData || h.String() != "data@nvme0n1" {
					t.Errorf("holder %v", h)
				}
				got += h.Detail
			}
			if got != test.want {
				t.Errorf("found %q, want %q (%v)", got, test.want, f.ExamineErr)
			}
		})
	}
}

// TestDamagedGPT damages each copy of SPDK's own table: one alone does not
// matter, both make it unknown what the partitions are.
func TestDamagedGPT(t *testing.T) {
	const size = 1 << 20
	fresh := func() []byte { return gptImage(size, 512, part{spdkPartition, ""}) }
	for _, test := range []struct {
		name   string
		damage []int
		want   string
	}{
		{"none", nil, ""},
		{"primary header", []int{512 + 40}, ""},
		{"primary entries", []int{1024 + 60}, ""},
		{"primary signature", []int{512}, ""},
		{"backup header", []int{size - 512 + 40}, ""},
		{"both headers", []int{512 + 40, size - 512 + 40}, "gpt partition table"},
		{"primary header, backup entries", []int{512 + 80, size - 512 - 128*128 + 5}, "gpt partition table"},
		{"MBR", []int{510}, ""},
		{"MBR and primary entries", []int{510, 1024 + 60}, ""},
	} {
		p := fresh()
		for _, off := range test.damage {
			p[off] ^= 0xff
		}
		c, err := probe(bytes.NewReader(p), size, 512)
		if err != nil || c.String() != test.want {
			t.Errorf("%s: %q, %v; want %q", test.name, c, err, test.want)
		}
	}
	// A disk whose first MiB was wiped is free: its backup is not in use.
	p := fresh()
	clear(p[:size/2])
	if c, err := probe(bytes.NewReader(p), size, 512); err != nil || c.String() != "" {
		t.Errorf("wiped: %q, %v", c, err)
	}
}

func TestProbeSmall(t *testing.T) {
	for _, size := range []int64{0, 1, 511, 512, 513, 4096, 8191, 65536} {
		c, err := probe(bytes.NewReader(make([]byte, size)), size, 512)
		if err != nil || c.String() != "" {
			t.Errorf("%d bytes: %q, %v", size, c, err)
		}
		// A disk may be shorter than it says.
		if c, err := probe(bytes.NewReader(nil), size, 4096); err != nil || c.String() != "" {
			t.Errorf("%d bytes, none there: %q, %v", size, c, err)
		}
	}
}

// TestTools has the system's own programs make what is to be found.
func TestTools(t *testing.T) {
	for _, test := range []struct {
		name    string
		command []string
		stdin   string
		want    string
	}{
		{"sfdisk gpt", []string{"sfdisk", "-q"}, "label: gpt\n- - L\n", "gpt partition table"},
		{"sfdisk spdk", []string{"sfdisk", "-q"}, "label: gpt\ntype=" + spdkPartition + "\n", ""},
		{"sfdisk label", []string{"sfdisk", "-q"}, "label: gpt\nname=SPDK_TEST_one, size=4MiB\nname=SPDK_TEST_two\n", ""},
		{"sfdisk dos", []string{"sfdisk", "-q"}, "label: dos\n- - L\n", "dos partition table"},
		{"sfdisk sgi", []string{"sfdisk", "-q"}, "label: sgi\n- - \n", "sgi partition table"},
		{"sfdisk sun", []string{"sfdisk", "-q"}, "label: sun\n- - \n", "sun partition table"},
		{"mkswap", []string{"mkswap", "-q"}, "", "swap"},
		{"ext4", []string{"mkfs.ext4", "-q", "-F"}, "", "ext"},
		{"ext2", []string{"mkfs.ext2", "-q", "-F"}, "", "ext"},
		{"xfs", []string{"mkfs.xfs", "-q"}, "", "xfs"},
		{"btrfs", []string{"mkfs.btrfs", "-q"}, "", "btrfs"},
		{"vfat", []string{"mkfs.vfat"}, "", "dos partition table, vfat"},
		{"luks", []string{"cryptsetup", "luksFormat", "-q", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"}, "secret", "crypto_LUKS"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := exec.LookPath(test.command[0]); err != nil {
				t.Skipf("%v: make unit installs it where it may", err)
			}
			const size = 512 << 20 // sparse
			path := filepath.Join(t.TempDir(), "disk")
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := f.Truncate(size); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(test.command[0], append(test.command[1:], path)...)
			cmd.Stdin = strings.NewReader(test.stdin)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %v\n%s", test.command, err, out)
			}
			c, err := probe(f, size, 512)
			if err != nil || c.String() != test.want {
				t.Errorf("found %q, %v; want %q", c, err, test.want)
			}
		})
	}
}

func FuzzGPT(f *testing.F) {
	f.Add(gptImage(64<<10, 512, part{spdkPartition, "a"}), uint16(512))
	f.Add(gptImage(64<<10, 4096, part{linuxData, "SPDK_TEST"}), uint16(4096))
	f.Add(gptImage(64<<10, 512), uint16(512))
	f.Add([]byte("short"), uint16(512))
	f.Fuzz(func(t *testing.T, p []byte, blockSize uint16) {
		c, err := probe(bytes.NewReader(p), int64(len(p)), int(blockSize))
		if err == nil && c.Exempt && c.Table != tableGPT {
			t.Errorf("a disk without GPT is exempt: %+v", c)
		}
	})
}

// FuzzGPTEntries gives the parser what a checksum would keep from it.
func FuzzGPTEntries(f *testing.F) {
	f.Add(make([]byte, 512), uint32(4), uint32(128), uint64(2))
	f.Add([]byte{1}, uint32(1), uint32(136), uint64(1)<<63)
	f.Fuzz(func(t *testing.T, entries []byte, count, size uint32, at uint64) {
		h := make([]byte, 512)
		writeGPTHeader(h, 1, 2, 0, entries)
		binary.LittleEndian.PutUint64(h[72:], at)
		binary.LittleEndian.PutUint32(h[80:], count)
		binary.LittleEndian.PutUint32(h[84:], size)
		binary.LittleEndian.PutUint32(h[16:], 0)
		binary.LittleEndian.PutUint32(h[16:], crc32.ChecksumIEEE(h[:gptHeaderSize]))
		g, err := parseGPTHeader(h, 1, 1000)
		if err != nil {
			return
		}
		if g.lba >= 1000 {
			t.Fatalf("entries at block %d of 1000", g.lba)
		}
		got, err := parseGPTEntries(entries, g)
		if err == nil && len(got) > int(count) {
			t.Errorf("%d entries of %d", len(got), count)
		}
	})
}

func FuzzMBR(f *testing.F) {
	mbr := make([]byte, 512)
	protectiveMBR(mbr)
	f.Add(mbr)
	f.Add(make([]byte, 512))
	f.Fuzz(func(t *testing.T, p []byte) {
		d := &image{size: int64(len(p)), head: p}
		if got := d.table(512); got == tableDOS && hasProtective(p) {
			t.Error("a protective MBR is taken for a DOS table")
		}
		d.signatures()
	})
}
