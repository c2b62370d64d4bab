// SPDX-License-Identifier: BSD-3-Clause

package raid

import (
	"github.com/google/uuid"
)

// Status describes an array as SPDK does.
type Status struct {
	UUID        uuid.UUID    `json:"uuid"`
	StripKB     uint32       `json:"strip_size_kb"`
	State       string       `json:"state"`
	Level       Level        `json:"raid_level"`
	Superblock  bool         `json:"superblock"`
	NumBases    int          `json:"num_base_bdevs"`
	Discovered  int          `json:"num_base_bdevs_discovered"`
	Operational int          `json:"num_base_bdevs_operational"`
	Bases       []BaseStatus `json:"base_bdevs_list"`
}

// BaseStatus describes a base device of an array.
type BaseStatus struct {
	Name       *string   `json:"name"` // nil if it has been removed
	UUID       uuid.UUID `json:"uuid"`
	Configured bool      `json:"is_configured"`
	DataOffset uint64    `json:"data_offset"` // blocks
	DataSize   uint64    `json:"data_size"`   // blocks
}

// Listed is a Status with the array's name.
type Listed struct {
	Name string `json:"name"`
	Status
}

// Arrays describes the arrays in a state, or all if state is nil, in the
// order in which they were made.
func (m *Module) Arrays(state *State) []Listed {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := []Listed{}
	for _, a := range m.arrays {
		if state == nil || a.state == *state {
			list = append(list, Listed{a.name, a.status()})
		}
	}
	return list
}

// status describes the array. The module's mutex is held.
func (a *array) status() Status {
	s := Status{
		UUID: a.uuid, StripKB: a.stripKB, State: a.state.String(), Level: a.level, Superblock: a.superblock,
		NumBases: len(a.members), Discovered: a.discovered, Operational: a.operational,
	}
	for _, b := range a.members {
		e := BaseStatus{UUID: b.uuid, Configured: b.configured, DataOffset: b.dataOffset, DataSize: b.dataSize}
		if b.name != "" {
			e.Name = new(b.name)
		}
		s.Bases = append(s.Bases, e)
	}
	return s
}

// DriverSpecific is what bdev_get_bdevs tells of the array.
func (d *disk) DriverSpecific() any {
	d.array.m.mu.Lock()
	defer d.array.m.mu.Unlock()
	return struct {
		Raid Status `json:"raid"`
	}{d.array.status()}
}
