// SPDX-License-Identifier: BSD-3-Clause

package setup

import (
	"slices"
	"time"

	"github.com/gospdk/gospdk/internal/machine"
	"github.com/gospdk/gospdk/pci"
)

// Options say what to do. The zero value is not useful: see [Defaults].
type Options struct {
	HugeMem     int        // memory to reserve as hugepages, MB (2^20 bytes)
	NRHuge      int        // number of hugepages, which goes before HugeMem; -1: from HugeMem
	HugeNodes   []NodeHuge // NUMA nodes to reserve on; none: the kernel spreads them
	HugePageKB  int        // size of a hugepage in kB; 0: the kernel's default
	ClearHuge   bool       // remove all hugepages first
	ShrinkHuge  bool       // also lower the number that there is
	SkipHuge    bool       // leave hugepages alone
	PersistHuge bool       // write the number to a sysctl file, for the next boot

	Allowed        AddressList // functions that may be touched
	Blocked        AddressList // functions that may not; goes before Allowed
	SkipPCI        bool        // touch no function
	DriverOverride string      // name of a driver, path of a module (.ko), or DriverNone
	TargetUser     string      // who will run the program: owns VFIO groups and hugetlbfs mounts
	Kinds          []string    // kinds of function (package machine) to act on; none: all
	UnbindGroup    bool        // unbind the rest of an IOMMU group from its drivers
	BlockSync      bool        // let Reset wait for block devices
	BlockTimeout   time.Duration
}

// DriverNone as Options.DriverOverride takes functions from their drivers and
// binds them to none.
const DriverNone = "none"

// Defaults are the options of an empty environment.
func Defaults() Options {
	return Options{HugeMem: 2048, NRHuge: -1, BlockTimeout: 10 * time.Second}
}

// NodeHuge is a NUMA node to reserve hugepages on.
type NodeHuge struct {
	Node  int
	Pages int // -1: what NRHuge and HugeMem say
}

// AddressList is a list of functions. A list that was given and is empty
// ("none") differs from one that was not.
type AddressList struct {
	Given     bool
	Addresses []pci.Address
}

// Has tells whether a is in the list.
func (l AddressList) Has(a pci.Address) bool { return slices.Contains(l.Addresses, a) }

// MayUse tells whether the lists let a function be touched.
func (o *Options) MayUse(a pci.Address) bool {
	if o.SkipPCI || o.Blocked.Has(a) {
		return false
	}
	return !o.Allowed.Given || o.Allowed.Has(a)
}

// selects tells whether the options take in functions of a kind, one of
// package machine's.
func (o *Options) selects(kind string) bool {
	return len(o.Kinds) == 0 || slices.Contains(o.Kinds, kind)
}

// Permits tells whether the options let a function be touched. Devices that
// other devices or the system depend on must be allowed by name, as in
// setup.sh.
func (o *Options) Permits(f *machine.Function) bool {
	return o.selects(f.Kind) && o.MayUse(f.Address) && (!byName(f) || o.Allowed.Has(f.Address))
}

// byName tells whether a function must be allowed by name.
func byName(f *machine.Function) bool {
	return f.Kind == machine.KindVMD || f.Kind == machine.KindDSA || f.Kind == machine.KindIAA
}
