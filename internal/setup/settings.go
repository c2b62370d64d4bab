// SPDX-License-Identifier: BSD-3-Clause

package setup

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gospdk/gospdk/internal/machine"
	"github.com/gospdk/gospdk/pci"
)

// Setting is one option: an environment variable and the flag of the same
// meaning.
type Setting struct {
	Env    string // "HUGEMEM"
	Kind   string // of its value, for help: "MB"
	Usage  string
	Switch bool // yes or no; the flag alone means yes
	List   bool // the flag may be repeated

	set func(*Options, string) error // the error says what is allowed
}

// Flag returns the name of the flag: "hugemem".
func (s *Setting) Flag() string { return strings.ReplaceAll(strings.ToLower(s.Env), "_", "-") }

// Check tells whether value is allowed, by an error that says what is.
func (s *Setting) Check(value string) error {
	var o Options
	return s.set(&o, value)
}

// Settings returns all options in the order of the help.
func Settings() []*Setting { return settings }

var settings = []*Setting{
	{Env: "HUGEMEM", Kind: "MB", set: number(func(o *Options) *int { return &o.HugeMem }, "MB", 0),
		Usage: "hugepage memory to reserve, in MB (default 2048); the kernel spreads it over the NUMA nodes"},
	{Env: "NRHUGE", Kind: "pages", set: number(func(o *Options) *int { return &o.NRHuge }, "hugepages", 0),
		Usage: "hugepages to reserve, in place of HUGEMEM"},
	{Env: "HUGENODE", Kind: "nodes", set: setNodes,
		Usage: "NUMA nodes to reserve on: 0,1 (each gets NRHUGE) or 'nodes_hp[0]=2048,nodes_hp[1]=512,2'"},
	{Env: "HUGEPGSZ", Kind: "kB", set: number(func(o *Options) *int { return &o.HugePageKB }, "kB", 1),
		Usage: "size of a hugepage in kB (default: the kernel's)"},
	{Env: "CLEAR_HUGE", Switch: true, set: choice(func(o *Options) *bool { return &o.ClearHuge }),
		Usage: "remove the hugepages of all nodes first"},
	{Env: "SHRINK_HUGE", Switch: true, set: choice(func(o *Options) *bool { return &o.ShrinkHuge }),
		Usage: "reserve also if there are more hugepages already"},
	{Env: "SKIP_HUGE", Switch: true, set: choice(func(o *Options) *bool { return &o.SkipHuge }),
		Usage: "leave hugepages alone"},
	{Env: "PERSIST_HUGE", Switch: true, set: choice(func(o *Options) *bool { return &o.PersistHuge }),
		Usage: "write the number of hugepages to " + sysctlFile + " (not with HUGENODE)"},
	{Env: "PCI_ALLOWED", Kind: "addresses", List: true, set: addresses(func(o *Options) *AddressList { return &o.Allowed }),
		Usage: "functions to touch and no others, such as '0000:01:00.0 0000:02:00.0'; none: no function"},
	{Env: "PCI_BLOCKED", Kind: "addresses", List: true, set: addresses(func(o *Options) *AddressList { return &o.Blocked }),
		Usage: "functions to leave alone; goes before PCI_ALLOWED"},
	{Env: "SKIP_PCI", Switch: true, set: setSkipPCI,
		Usage: "touch no function, as PCI_ALLOWED=none"},
	{Env: "DRIVER_OVERRIDE", Kind: "driver", set: setDriver,
		Usage: "bind to this driver: a name, the path of a module (.ko), or none to unbind only"},
	{Env: "TARGET_USER", Kind: "user", set: func(o *Options, v string) error { o.TargetUser = v; return nil },
		Usage: "who will run the program: owns VFIO groups and hugetlbfs mounts (default: who called sudo)"},
	{Env: "DEV_TYPE", Kind: "kind", List: true, set: setKinds,
		Usage: "act on this kind of function only: IOAT, AE4DMA, DSA, IAA, VIRTIO, VMD or NVME (default: all)"},
	{Env: "UNBIND_ENTIRE_IOMMU_GROUP", Switch: true, set: choice(func(o *Options) *bool { return &o.UnbindGroup }),
		Usage: "unbind the other functions of an IOMMU group from their drivers"},
	{Env: "PCI_BLOCK_SYNC_ON_RESET", Switch: true, set: choice(func(o *Options) *bool { return &o.BlockSync }),
		Usage: "reset waits for the block devices"},
	{Env: "UEVENT_TIMEOUT", Kind: "seconds", set: setTimeout,
		Usage: "how long that wait may be without anything new, in seconds (default 10)"},
}

// Parse makes options of the environment and of the flags that were given,
// by name and with all their values; a flag goes before its variable. An
// empty variable counts as unset. The error names the variable, its value and
// what is allowed. Nothing is looked up on the machine.
func Parse(getenv func(string) string, flags map[string][]string) (Options, error) {
	o := Defaults()
	for _, s := range settings {
		name, values := "--"+s.Flag(), flags[s.Flag()]
		if values == nil {
			name = s.Env
			if v := getenv(s.Env); v != "" {
				values = []string{v}
			}
		}
		for _, v := range values {
			if err := s.set(&o, v); err != nil {
				return Options{}, fmt.Errorf("%s=%q: %w", name, v, err)
			}
		}
	}
	if flags["pci-allowed"] == nil {
		// The older name of PCI_ALLOWED adds to it.
		const name = "NVME_ALLOWED"
		if err := addresses(func(o *Options) *AddressList { return &o.Allowed })(&o, getenv(name)); err != nil {
			return Options{}, fmt.Errorf("%s=%q: %w", name, getenv(name), err)
		}
	}
	if o.TargetUser == "" {
		o.TargetUser = getenv("SUDO_USER")
	}
	return o, nil
}

// maxNumber keeps sums and products of numbers in an int64.
const maxNumber = 1 << 40

func number(field func(*Options) *int, unit string, least int) func(*Options, string) error {
	return func(o *Options, v string) error {
		n, err := strconv.Atoi(strings.TrimSpace(v))
		if err != nil || n < least || n > maxNumber {
			return fmt.Errorf("allowed is a whole number of %s, %d or more", unit, least)
		}
		*field(o) = n
		return nil
	}
}

func choice(field func(*Options) *bool) func(*Options, string) error {
	return func(o *Options, v string) error {
		yes, err := parseYes(v)
		if err == nil {
			*field(o) = yes
		}
		return err
	}
}

func parseYes(v string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(v)) {
	case "yes", "y", "true", "on", "1":
		return true, nil
	case "no", "n", "false", "off", "0":
		return false, nil
	}
	return false, fmt.Errorf("allowed are yes and no")
}

// setSkipPCI differs from a choice: setup.sh looks only whether there is a
// value. "no" surely means no.
func setSkipPCI(o *Options, v string) error {
	yes, err := parseYes(v)
	o.SkipPCI = err != nil || yes
	return nil
}

func listed(v string) []string {
	return strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' })
}

func addresses(field func(*Options) *AddressList) func(*Options, string) error {
	return func(o *Options, v string) error {
		list := field(o)
		for _, item := range listed(v) {
			list.Given = true
			if strings.EqualFold(item, "none") {
				continue
			}
			a, err := pci.ParseAddress(item)
			if err != nil {
				return fmt.Errorf("%q is no PCI address; allowed are addresses such as 0000:01:00.0, separated by spaces or commas, and none", item)
			}
			if !list.Has(a) {
				list.Addresses = append(list.Addresses, a)
			}
		}
		return nil
	}
}

var nodePages = regexp.MustCompile(`^nodes_hp\[([0-9]{1,6})\]=([0-9]{1,12})$`)

func setNodes(o *Options, v string) error {
	for _, item := range listed(v) {
		n := NodeHuge{Pages: -1}
		var err error
		if m := nodePages.FindStringSubmatch(item); m != nil {
			n.Node, _ = strconv.Atoi(m[1])
			n.Pages, err = strconv.Atoi(m[2])
		} else if n.Node, err = strconv.Atoi(item); n.Node < 0 || n.Node > 999999 {
			err = strconv.ErrRange
		}
		if err != nil {
			return fmt.Errorf("%q is no node; allowed are numbers of nodes and nodes_hp[NODE]=PAGES, separated by commas", item)
		}
		// The last word on a node counts.
		o.HugeNodes = slices.DeleteFunc(o.HugeNodes, func(old NodeHuge) bool { return old.Node == n.Node })
		o.HugeNodes = append(o.HugeNodes, n)
	}
	slices.SortFunc(o.HugeNodes, func(a, b NodeHuge) int { return a.Node - b.Node })
	return nil
}

var driverName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)

func setDriver(o *Options, v string) error {
	name := strings.TrimSuffix(filepath.Base(v), ".ko")
	if !driverName.MatchString(name) || v != name && !strings.HasSuffix(v, ".ko") {
		return fmt.Errorf("allowed are the name of a driver such as vfio-pci or uio_pci_generic, the path of a module that ends in .ko, and none")
	}
	o.DriverOverride = v
	return nil
}

// kinds are the kinds of function as DEV_TYPE names them.
var kinds = map[string]string{
	"IOAT": machine.KindIOAT, "AE4DMA": machine.KindAE4DMA, "DSA": machine.KindDSA, "IAA": machine.KindIAA,
	"VIRTIO": machine.KindVirtio, "VMD": machine.KindVMD, "NVME": machine.KindNVMe,
}

func setKinds(o *Options, v string) error {
	for _, item := range listed(v) {
		k, ok := kinds[strings.ToUpper(item)]
		if !ok {
			return fmt.Errorf("%q is no kind of function; allowed are IOAT, AE4DMA, DSA, IAA, VIRTIO, VMD and NVME", item)
		}
		if !slices.Contains(o.Kinds, k) {
			o.Kinds = append(o.Kinds, k)
		}
	}
	return nil
}

func setTimeout(o *Options, v string) error {
	n, err := strconv.Atoi(strings.TrimSpace(v))
	if err != nil || n < 1 || n > 86400 {
		return fmt.Errorf("allowed is a whole number of seconds, 1 to 86400")
	}
	o.BlockTimeout = time.Duration(n) * time.Second
	return nil
}
