// SPDX-License-Identifier: BSD-3-Clause

// Package trace records what happens on the data path, by tracepoints that are
// turned on and off while the program runs. A point that is off costs a load
// and a branch; one that is on a reading of the clock and 32 bytes in a ring
// of its thread. It allocates nothing and takes no lock.
//
// The rings lie in a file of /dev/shm in the layout of SPDK's, so that
// spdk_trace reads it as gospdk trace does. Points, groups and masks have
// SPDK's names and numbers. What SPDK has for a core is here for a thread.
//
// There is one trace of a process, as there is one of an SPDK application.
package trace

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// Point is a tracepoint.
type Point uint16

// masks has a bit for each point that is on.
var masks [maxGroups]atomic.Uint64

// On tells whether the point is on. Whoever would record it asks first.
func (p Point) On() bool { return masks[p/pointsPerGroup].Load()>>(p%pointsPerGroup)&1 != 0 }

// setting is held while masks change, and while a file is opened or closed.
var setting sync.Mutex

// current is the file that is recorded to, nil if there is none.
var current atomic.Pointer[file]

// errOff is the answer where there is no file.
var errOff = fmt.Errorf("nothing is traced by this program: it was started with --num-trace-entries 0, or /dev/shm has no room: %w", syscall.ENODEV)

// Enable turns points of a group on, by its number; mask has a bit for each.
func enable(group int, mask uint64) error {
	return change(group, func(old uint64) uint64 { return old | mask })
}

func disable(group int, mask uint64) error {
	return change(group, func(old uint64) uint64 { return old &^ mask })
}

func change(group int, to func(uint64) uint64) error {
	setting.Lock()
	defer setting.Unlock()
	f := current.Load()
	if f == nil {
		return errOff
	}
	mask := to(masks[group].Load())
	masks[group].Store(mask)
	f.setMask(group, mask)
	return nil
}

// find returns the groups that a name stands for: one, or "all".
func find(name string) ([]group, error) {
	if name == "all" {
		return groups, nil
	}
	var known []string
	for _, g := range groups {
		if g.name == name {
			return []group{g}, nil
		}
		known = append(known, g.name)
	}
	return nil, fmt.Errorf("tracepoint group %q: there are %s, and all: %w", name, strings.Join(known, ", "), syscall.EINVAL)
}

// EnableAs turns points on as SPDK's option --tpoint-group says: groups by
// name or by a hexadecimal mask, separated by commas, each of which may have a
// colon and a mask of its points, or their names with plus signs between.
func EnableAs(spec string) error {
	for _, part := range strings.Split(spec, ",") {
		name, points, some := strings.Cut(part, ":")
		chosen, err := findByMask(name)
		if err != nil {
			return fmt.Errorf("tracepoints %q: %w", spec, err)
		}
		if some && len(chosen) != 1 {
			return fmt.Errorf("tracepoints %q: points of several groups at once; name one group before the colon: %w", spec, syscall.EINVAL)
		}
		for _, g := range chosen {
			mask := ^uint64(0)
			if some {
				if mask, err = g.mask(points); err != nil {
					return fmt.Errorf("tracepoints %q: %w", spec, err)
				}
			}
			if err := enable(g.id, mask); err != nil {
				return err
			}
		}
	}
	return nil
}

// findByMask is find that knows masks, too.
func findByMask(name string) (chosen []group, err error) {
	mask, no := parseHex(name)
	if no != nil {
		return find(name)
	}
	for _, g := range groups {
		if mask>>g.id&1 != 0 {
			chosen = append(chosen, g)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("mask %s has no group that there is: %w", name, syscall.EINVAL)
	}
	return chosen, nil
}

// mask is that of the points of a list.
func (g *group) mask(points string) (mask uint64, err error) {
	if mask, err := parseHex(points); err == nil {
		return mask, nil
	}
	for _, name := range strings.Split(points, "+") {
		found := false
		for _, d := range g.points {
			if strings.EqualFold(d.name, name) {
				mask |= 1 << (d.point % pointsPerGroup)
				found = true
			}
		}
		if !found {
			return 0, fmt.Errorf("no tracepoint %q in group %s: %w", name, g.name, syscall.EINVAL)
		}
	}
	return mask, nil
}

func parseHex(s string) (uint64, error) {
	return strconv.ParseUint(strings.TrimPrefix(strings.ToLower(s), "0x"), 16, 64)
}
