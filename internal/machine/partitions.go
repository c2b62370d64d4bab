// SPDX-License-Identifier: BSD-3-Clause

package machine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"unicode/utf16"
)

const (
	tableGPT = "gpt"
	tableDOS = "dos"
)

// tableMagics are partition tables that a magic number tells.
var tableMagics = []struct {
	off   int64
	magic string
	name  string
}{
	{0, "ER", "mac"}, // the driver descriptor; checked further below
	{0, "\x0b\xe5\xa9\x41", "sgi"},
	{512, "\x57\x45\x56\x82", "bsd"}, {64, "\x57\x45\x56\x82", "bsd"}, {128, "\x57\x45\x56\x82", "bsd"},
	{0, "\xc9\xc2\xd4\xc1", "aix"},
}

// table returns the kind of partition table, "" if there is none.
func (d *image) table(blockSize int) string {
	mbr := d.at(0, 512)
	if mbr == nil {
		return ""
	}
	protective := validMBR(mbr) && hasProtective(mbr)
	// Without a protective MBR a GPT is not in use any more. Some tools
	// write the table for another block size than the disk's.
	for _, bs := range []int64{int64(blockSize), 512, 4096} {
		if protective && (d.has(bs, gptSignature) || d.has(-bs, gptSignature)) {
			return tableGPT
		}
	}
	switch {
	case d.has(int64(blockSize), gptSignature):
		return tableGPT // its MBR may be damaged
	case protective:
		return "PMBR"
	case validMBR(mbr):
		return tableDOS
	case isSun(mbr):
		return "sun"
	}
	for _, m := range tableMagics {
		if d.has(m.off, m.magic) && (m.name != "mac" || d.has(512, "PM") || d.has(int64(blockSize), "PM")) {
			return m.name
		}
	}
	return ""
}

// validMBR tells whether a first sector is a master boot record: it has the
// signature, and each of its four entries is bootable or not.
func validMBR(p []byte) bool {
	if len(p) < 512 || p[510] != 0x55 || p[511] != 0xaa {
		return false
	}
	for i := range 4 {
		if b := p[446+16*i]; b != 0 && b != 0x80 {
			return false
		}
	}
	return true
}

// hasProtective tells whether an entry of an MBR covers a GPT.
func hasProtective(p []byte) bool {
	for i := range 4 {
		if p[446+16*i+4] == 0xee {
			return true
		}
	}
	return false
}

// isSun tells whether a first sector is a Sun disk label: its 16-bit words
// cancel out.
func isSun(p []byte) bool {
	if binary.BigEndian.Uint16(p[508:]) != 0xdabe {
		return false
	}
	var sum uint16
	for i := 0; i < 512; i += 2 {
		sum ^= binary.BigEndian.Uint16(p[i:])
	}
	return sum == 0
}

// The GUID partition table (UEFI 2.10, 5.3).
const (
	gptSignature  = "EFI PART"
	gptHeaderSize = 92
	gptMaxEntries = 1024
	gptMaxEntry   = 4096 // bytes of one
)

// errNoGPT tells that there is no intact GPT.
var errNoGPT = errors.New("no intact GPT")

// guid is a GUID as it is on disk: its first three fields are little-endian.
type guid [16]byte

func (g guid) String() string {
	le := binary.LittleEndian
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", le.Uint32(g[:]), le.Uint16(g[4:]), le.Uint16(g[6:]), g[8:10], g[10:])
}

// SPDK's partition types.
const (
	spdkPartition    = "6527994e-2c5a-4eec-9613-8f5944074e8b"
	spdkPartitionOld = "7c5222bd-8f5d-4087-9c00-bf9843c7b58c"
	spdkTestLabel    = "SPDK_TEST"
)

// gptEntry is a partition of a GPT.
type gptEntry struct {
	Type  guid
	Label string
}

// spdk tells whether the partition is one of SPDK's.
func (e gptEntry) spdk() bool {
	t := e.Type.String()
	return t == spdkPartition || t == spdkPartitionOld || strings.Contains(e.Label, spdkTestLabel)
}

// readGPT returns the partitions of the primary GPT, or of the backup at the
// disk's end if that is damaged.
func readGPT(r io.ReaderAt, size, blockSize int64) ([]gptEntry, error) {
	entries, err := readGPTAt(r, blockSize, size, blockSize)
	if errors.Is(err, errNoGPT) && size >= 3*blockSize {
		return readGPTAt(r, size-blockSize, size, blockSize)
	}
	return entries, err
}

func readGPTAt(r io.ReaderAt, off, size, blockSize int64) ([]gptEntry, error) {
	if off+blockSize > size {
		return nil, errNoGPT
	}
	h, err := window(r, off, blockSize)
	if err != nil {
		return nil, err
	}
	g, err := parseGPTHeader(h, uint64(off/blockSize), uint64(size/blockSize))
	if err != nil {
		return nil, err
	}
	table, err := window(r, int64(g.lba)*blockSize, int64(g.count)*int64(g.entrySize))
	if err != nil {
		return nil, err
	}
	return parseGPTEntries(table, g)
}

// gptHeader is what the header says about the entries.
type gptHeader struct {
	lba              uint64
	count, entrySize uint32
	crc              uint32
}

// parseGPTHeader checks a header that is at block lba of a disk of so many
// blocks.
func parseGPTHeader(p []byte, lba, blocks uint64) (gptHeader, error) {
	le := binary.LittleEndian
	if len(p) < gptHeaderSize || string(p[:8]) != gptSignature {
		return gptHeader{}, errNoGPT
	}
	n := le.Uint32(p[12:])
	if n < gptHeaderSize || int64(n) > int64(len(p)) {
		return gptHeader{}, fmt.Errorf("%w: its header has %d bytes", errNoGPT, n)
	}
	sum := crc32.NewIEEE()
	sum.Write(p[:16])
	sum.Write([]byte{0, 0, 0, 0}) // in place of the checksum itself
	sum.Write(p[20:n])
	if sum.Sum32() != le.Uint32(p[16:]) {
		return gptHeader{}, fmt.Errorf("%w: the checksum of its header is wrong", errNoGPT)
	}
	g := gptHeader{lba: le.Uint64(p[72:]), count: le.Uint32(p[80:]), entrySize: le.Uint32(p[84:]), crc: le.Uint32(p[88:])}
	switch {
	case le.Uint64(p[24:]) != lba:
		return gptHeader{}, fmt.Errorf("%w: its header is at block %d and says %d", errNoGPT, lba, le.Uint64(p[24:]))
	case g.count == 0 || g.count > gptMaxEntries || g.entrySize < 128 || g.entrySize > gptMaxEntry || g.entrySize%8 != 0:
		return gptHeader{}, fmt.Errorf("%w: it has %d entries of %d bytes", errNoGPT, g.count, g.entrySize)
	case g.lba >= blocks:
		return gptHeader{}, fmt.Errorf("%w: its entries are at block %d of %d", errNoGPT, g.lba, blocks)
	}
	return g, nil
}

// parseGPTEntries returns the entries that are in use.
func parseGPTEntries(p []byte, g gptHeader) ([]gptEntry, error) {
	if uint64(len(p)) < uint64(g.count)*uint64(g.entrySize) || crc32.ChecksumIEEE(p) != g.crc {
		return nil, fmt.Errorf("%w: the checksum of its entries is wrong", errNoGPT)
	}
	var all []gptEntry
	for i := range int(g.count) {
		e := p[i*int(g.entrySize):]
		entry := gptEntry{Type: guid(e[:16]), Label: utf16Text(e[56:128])}
		if entry.Type != (guid{}) {
			all = append(all, entry)
		}
	}
	return all, nil
}

// utf16Text decodes little-endian UTF-16 up to a null.
func utf16Text(p []byte) string {
	var units []uint16
	for i := 0; i+1 < len(p); i += 2 {
		u := binary.LittleEndian.Uint16(p[i:])
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units))
}
