// SPDX-License-Identifier: BSD-3-Clause

// Package opaldrive is a self-encrypting drive for tests: the device's side of
// TCG Opal over NVMe's security commands, and a block device whose locking
// ranges really cannot be read or written when they are locked, and whose data
// really are lost with their key.
package opaldrive

import (
	"encoding/binary"
	"sync"
)

// MSID is the password that a drive leaves the factory with.
const MSID = "factory-password-0123456789"

// Ranges is how many locking ranges there are beside the global one.
const Ranges = 8

const comID = 0x07fe

// lockingRange is a row of the Locking table, columns 3 to 8, and a key.
type lockingRange struct {
	columns [9]uint64
	key     uint64
	allowed [2][]byte // who but the Admins may set ReadLocked, WriteLocked
}

// Drive is the device. Its methods may be called from any goroutine.
type Drive struct {
	mu     sync.Mutex
	blocks uint64

	pins    map[string]string // by the authority
	enabled map[string]bool
	active  bool // the Locking SP
	ranges  [Ranges + 1]lockingRange
	nextKey uint64

	tsn, hsn  uint32 // of the session; tsn 0 for none
	sp        string
	authority string
	lastTSN   uint32

	answer []byte // what Receive returns next
	// Slow is how many Receives an answer takes to be there.
	Slow    int
	waiting int
	// Busy has sessions be refused.
	Busy bool
}

// NewDrive makes a drive without a disk: its blocks are not kept.
func NewDrive(blocks uint64) *Drive {
	d := &Drive{blocks: blocks}
	d.reset()
	return d
}

// reset makes the drive as it was in the factory, with new keys.
func (d *Drive) reset() {
	d.pins = map[string]string{sidAuth: MSID}
	d.enabled = map[string]bool{}
	d.active = false
	for i := range d.ranges {
		d.nextKey++
		d.ranges[i] = lockingRange{key: d.nextKey}
	}
}

// send takes what a host sends to a security protocol, and tells whether it
// could be.
func (d *Drive) send(secp byte, spsp uint16, b []byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	be := binary.BigEndian
	if secp != 1 || spsp != comID || len(b) < 56 || be.Uint16(b[4:]) != comID {
		return false
	}
	com, packet, sub := int(be.Uint32(b[16:])), int(be.Uint32(b[40:])), int(be.Uint32(b[52:]))
	if com%4 != 0 || com > len(b)-20 || packet != com-24 || sub > packet-12 || packet-12-sub > 3 {
		return false
	}
	d.waiting = d.Slow
	d.respond(be.Uint32(b[20:]), be.Uint32(b[24:]), b[56:56+sub])
	return true
}

// respond carries a message out and sets the answer.
func (d *Drive) respond(tsn, hsn uint32, b []byte) {
	in, err := decode(b)
	d.answer = nil
	if err != nil || tsn != d.tsn || tsn != 0 && hsn != d.hsn {
		return // Core 3.3.7.1.3: what belongs to no session has no answer
	}
	var out []byte
	if len(in) == 1 && in[0] == endOfSession {
		out = []byte{byte(endOfSession)}
		d.tsn = 0
		d.frame(tsn, hsn, out)
		return
	}
	results, status := d.method(in)
	for _, r := range results {
		out = encode(out, r)
	}
	out = encode(append(out, byte(endOfData)), list{uint64(status), uint64(0), uint64(0)})
	d.frame(tsn, hsn, out)
}

func (d *Drive) frame(tsn, hsn uint32, tokens []byte) {
	padded := (len(tokens) + 3) &^ 3
	b := make([]byte, 56+padded)
	be := binary.BigEndian
	be.PutUint16(b[4:], comID)
	be.PutUint32(b[16:], uint32(36+padded))
	be.PutUint32(b[20:], tsn)
	be.PutUint32(b[24:], hsn)
	be.PutUint32(b[40:], uint32(12+padded))
	be.PutUint32(b[52:], uint32(len(tokens)))
	copy(b[56:], tokens)
	d.answer = b
}

// receive fills b with what a security protocol has for the host.
func (d *Drive) receive(secp byte, spsp uint16, b []byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(b)
	switch {
	case secp == 0 && len(b) >= 10:
		copy(b[6:], []byte{0, 2, 0, 1})
	case secp == 1 && spsp == 1:
		copy(b, d.discovery())
	case secp == 1 && spsp == comID && d.waiting > 0:
		d.waiting--
		binary.BigEndian.PutUint16(b[4:], comID)
		b[11] = 1 // more data are outstanding
	case secp == 1 && spsp == comID && d.answer == nil:
		binary.BigEndian.PutUint16(b[4:], comID)
	case secp == 1 && spsp == comID && len(d.answer) <= len(b):
		copy(b, d.answer)
		d.answer = nil
	default:
		return false
	}
	return true
}

// discovery is level 0 discovery.
func (d *Drive) discovery() []byte {
	be := binary.BigEndian
	b := make([]byte, 48)
	feature := func(code uint16, data []byte) {
		b = append(be.AppendUint16(b, code), 0x10, byte(len(data)))
		b = append(b, data...)
	}
	feature(1, append([]byte{1}, make([]byte, 11)...))
	locking := byte(1 | 8)
	if d.active {
		locking |= 2
	}
	for i := range d.ranges {
		c := &d.ranges[i].columns
		if c[5]&c[7] != 0 || c[6]&c[8] != 0 {
			locking |= 4
		}
	}
	feature(2, append([]byte{locking}, make([]byte, 11)...))
	geometry := make([]byte, 28)
	geometry[0] = 1
	be.PutUint32(geometry[8:], 512)
	be.PutUint64(geometry[12:], 8)
	feature(3, geometry)
	feature(0xc001, []byte{1, 2, 3, 4}) // the vendor's own
	feature(0x203, []byte{comID >> 8, comID & 0xff, 0, 1, 0, 0, 4, 0, 9, 0, 0, 0, 0, 0, 0, 0})
	be.PutUint32(b, uint32(len(b)-4))
	be.PutUint32(b[4:], 1)
	return b
}

// at returns the range that a block is in.
func (d *Drive) at(lba uint64) *lockingRange {
	for i := 1; i < len(d.ranges); i++ {
		if c := &d.ranges[i].columns; lba >= c[3] && lba-c[3] < c[4] {
			return &d.ranges[i]
		}
	}
	return &d.ranges[0]
}

// access tells whether blocks can be read or written.
func (d *Drive) access(lba, blocks uint64, write bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range blocks {
		c := &d.at(lba + i).columns
		if write && c[6]&c[8] != 0 || !write && c[5]&c[7] != 0 {
			return false
		}
	}
	return true
}

// crypt encrypts or decrypts a block.
func (d *Drive) crypt(lba uint64, block []byte) {
	d.mu.Lock()
	key := d.at(lba).key
	d.mu.Unlock()
	x := key*0x9e3779b97f4a7c15 ^ lba
	for i := range block {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		block[i] ^= byte(x)
	}
}
