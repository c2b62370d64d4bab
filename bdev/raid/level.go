// SPDX-License-Identifier: BSD-3-Clause

package raid

import (
	"fmt"
	"slices"
	"syscall"
)

// Level is how an array spreads its data over its base devices.
type Level uint32

// Levels, with the numbers that SPDK has in its superblocks.
const (
	RAID0  Level = 0    // in strips, one on each base device in turn
	RAID1  Level = 1    // mirrored; not supported yet
	RAID5F Level = 0x5f // with parity, full stripes only; not supported yet
	Concat Level = 99   // one base device after the other
)

// levelNames are the names, the one that SPDK writes first.
var levelNames = []struct {
	level Level
	names []string
}{
	{RAID0, []string{"raid0", "0"}},
	{RAID1, []string{"raid1", "1"}},
	{RAID5F, []string{"raid5f", "5f"}},
	{Concat, []string{"concat"}},
}

// String returns the level's name.
func (l Level) String() string {
	for _, n := range levelNames {
		if n.level == l {
			return n.names[0]
		}
	}
	return fmt.Sprintf("raid level %d", uint32(l))
}

// MarshalText returns the name.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText takes any of the level's names.
func (l *Level) UnmarshalText(text []byte) error {
	for _, n := range levelNames {
		if slices.Contains(n.names, string(text)) {
			*l = n.level
			return nil
		}
	}
	return fmt.Errorf("raid level %q: it must be one of raid0, 0, raid1, 1, raid5f, 5f, concat", text)
}

// supported says why an array of the level cannot be made, if so.
func (l Level) supported() error {
	switch l {
	case RAID0, Concat:
		return nil
	case RAID1, RAID5F:
		return fmt.Errorf("raid level %s is not supported yet; raid0 and concat are: %w", l, syscall.EINVAL)
	}
	return fmt.Errorf("raid level %d is unknown; raid0 and concat are supported: %w", uint32(l), syscall.EINVAL)
}
