// SPDX-License-Identifier: BSD-3-Clause

package bdevio

import (
	"regexp"
	"slices"

	"github.com/gospdk/gospdk/bdev"
)

// Check is something that devices have to do.
type Check struct {
	Name  string `json:"name"`
	About string `json:"about"` // what it does, in one line

	ops   []bdev.Op // that it needs
	zones zoning
	// data says that it is about data, and a device that keeps none has no
	// use for it.
	data bool
	run  func(*rig) error
}

// zoning says for which devices a check is.
type zoning uint8

const (
	unzoned zoning = iota // it writes anywhere
	zoned
	either
)

// Checks returns all checks, in the order in which they are carried out.
// Those of SPDK's bdevio have its names.
func Checks() []Check {
	return slices.Concat(writeChecks, vectorChecks, splitChecks, zeroChecks, refusalChecks, compareChecks,
		copyChecks, controlChecks, metadataChecks, protectionChecks, threadChecks, zoneChecks, nvmeChecks)
}

// Select returns the checks whose names match, all for nil.
func Select(re *regexp.Regexp) []Check {
	return slices.DeleteFunc(Checks(), func(c Check) bool { return re != nil && !re.MatchString(c.Name) })
}

// applies returns an error that says why the device has no use for the check,
// if that can be told beforehand.
func (c *Check) applies(r *rig) error {
	switch {
	case c.zones == zoned && !r.info.Zoned:
		return inapplicable("the device is not zoned")
	case c.zones == unzoned && r.info.Zoned:
		return inapplicable("the device is zoned, and is written at the write pointers of its zones only")
	case c.data && r.discards:
		return inapplicable("the device keeps no data")
	}
	for _, op := range c.ops {
		if !r.desc.Supports(op) {
			return inapplicablef("the device does not support %s", op)
		}
	}
	return nil
}

// writing is what most checks need.
var writing = []bdev.Op{bdev.OpRead, bdev.OpWrite}

func with(ops ...bdev.Op) []bdev.Op { return append(slices.Clone(writing), ops...) }
