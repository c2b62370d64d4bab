// SPDX-License-Identifier: BSD-3-Clause

package opal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
)

// Security protocols of SPC-4.
const (
	protocolInfo = 0x00
	protocolTCG  = 0x01
)

// discoveryComID is that of level 0 discovery: Core 3.3.6.
const discoveryComID = 1

// Features of level 0 discovery: Core 3.3.6, Opal 3.1.1.
const (
	featureTPer     = 0x0001
	featureLocking  = 0x0002
	featureGeometry = 0x0003
	featureOpalV1   = 0x0200
	featureOpalV2   = 0x0203
)

// ErrNotOpal says that a drive does not speak Opal.
var ErrNotOpal = errors.New("the drive does not support TCG Opal")

// Info is what a drive tells by level 0 discovery.
type Info struct {
	ComID uint16

	LockingEnabled  bool // the Locking SP is active
	Locked          bool // some range is locked
	MediaEncryption bool
	MBREnabled      bool
	MBRDone         bool

	// Granularity and LowestAligned are what the ranges' starts are best, or
	// with Align must be, aligned to, in blocks; 0 if it does not say.
	Align                      bool
	Granularity, LowestAligned uint64

	Users uint16 // of the Locking SP; 0 if it does not say
}

// parseProtocols tells whether TCG is among the security protocols: SPC-4
// 7.7.1.3.
func parseProtocols(b []byte) (bool, error) {
	n := int(binary.BigEndian.Uint16(b[6:]))
	if n > len(b)-8 {
		return false, fmt.Errorf("the drive's list of security protocols has %d entries in %d bytes", n, len(b))
	}
	for _, p := range b[8 : 8+n] {
		if p == protocolTCG {
			return true, nil
		}
	}
	return false, nil
}

const (
	discoveryHeader = 48
	featureHeader   = 4
)

// parseDiscovery takes level 0 discovery apart.
func parseDiscovery(b []byte) (*Info, error) {
	be := binary.BigEndian
	end := int64(be.Uint32(b)) + 4
	if end > int64(len(b)) || end < discoveryHeader {
		return nil, fmt.Errorf("the drive's discovery data say that they have %d bytes; 48 to %d are possible", end, len(b))
	}
	info, opal := &Info{}, false
	for rest := b[discoveryHeader:end]; len(rest) > 0; {
		if len(rest) < featureHeader || len(rest) < featureHeader+int(rest[3]) {
			return nil, fmt.Errorf("the drive's discovery data end within the feature at byte %d", int(end)-len(rest))
		}
		code, f := be.Uint16(rest), rest[featureHeader:featureHeader+int(rest[3])]
		rest = rest[featureHeader+len(f):]
		if len(f) < featureSizes[code] {
			return nil, fmt.Errorf("the drive's discovery data have feature 0x%04x with %d bytes, of %d", code, len(f), featureSizes[code])
		}
		opal = info.take(code, f) || opal
	}
	if !opal {
		return nil, ErrNotOpal
	}
	return info, nil
}

// featureSizes are the bytes that are used of each feature.
var featureSizes = map[uint16]int{featureLocking: 1, featureGeometry: 28, featureOpalV1: 4, featureOpalV2: 9}

// take notes a feature and tells whether it is that of Opal.
func (i *Info) take(code uint16, f []byte) bool {
	be := binary.BigEndian
	switch code {
	case featureLocking:
		i.LockingEnabled, i.Locked, i.MediaEncryption = f[0]&2 != 0, f[0]&4 != 0, f[0]&8 != 0
		i.MBREnabled, i.MBRDone = f[0]&0x10 != 0, f[0]&0x20 != 0
	case featureGeometry:
		i.Align, i.Granularity, i.LowestAligned = f[0]&1 != 0, be.Uint64(f[12:]), be.Uint64(f[20:])
	case featureOpalV1:
		i.ComID = be.Uint16(f)
		return true
	case featureOpalV2:
		i.ComID, i.Users = be.Uint16(f), be.Uint16(f[7:])
		return true
	}
	return false
}

// Discover asks a drive what it is. The error is ErrNotOpal if it does not
// speak Opal.
func (d *Drive) Discover(ctx context.Context) (*Info, error) {
	b := make([]byte, bufferSize)
	if err := d.link.SecurityReceive(ctx, protocolInfo, 0, 0, b); err != nil {
		return nil, fmt.Errorf("opal: the drive's security protocols: %w", err)
	}
	tcg, err := parseProtocols(b)
	if err == nil && !tcg {
		err = ErrNotOpal
	}
	if err != nil {
		return nil, fmt.Errorf("opal: %w", err)
	}
	clear(b)
	if err := d.link.SecurityReceive(ctx, protocolTCG, discoveryComID, 0, b); err != nil {
		return nil, fmt.Errorf("opal: discovery: %w", err)
	}
	info, err := parseDiscovery(b)
	if err != nil {
		return nil, fmt.Errorf("opal: %w", err)
	}
	return info, nil
}
