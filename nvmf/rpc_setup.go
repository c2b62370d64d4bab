// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/gospdk/gospdk/nvme/dhchap"
	"github.com/gospdk/gospdk/reactor"
	"github.com/gospdk/gospdk/rpc"
)

// settings are those of nvmf_set_config and its like that are kept for what
// will use them, and saved.
type settings struct {
	mu         sync.Mutex
	maxSet     bool // nvmf_set_max_subsystems was called
	filters    []string
	passthru   AdminPassthru
	digests    []string
	dhgroups   []string
	dupPolicy  string
	pollGroups string
}

// Values of parameters that name sets. Filters are in the order of the bits of
// DiscoveryFilter.
var (
	allFilters = []string{"transport", "address", "svcid"}
	allDigests = []string{"sha256", "sha384", "sha512"}
	allGroups  = []string{"null", "ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192"}
)

const (
	dupAllow    = "allow"
	dupRestrict = "restrict_per_listener"
	matchAny    = "match_any"
)

func (t *Target) resetSettings() {
	s := &t.settings
	s.filters, s.digests, s.dhgroups, s.dupPolicy = []string{}, allDigests, allGroups, dupAllow
}

type setConfigParams struct {
	Passthru   *AdminPassthru `json:"admin_cmd_passthru" doc:"admin commands that go to the NVMe device below, of subsystems with max_namespaces 1 whose namespace is on one"`
	PollGroups *string        `json:"poll_groups_mask" doc:"CPUs for controllers, of those of the program: a mask or list; all unless it is set"`
	Filter     *string        `json:"discovery_filter" doc:"deprecated: discovery_filters with commas between, or match_any"`
	Filters    *[]string      `json:"discovery_filters" enum:"transport,address,svcid" doc:"what an address must have in common with that of the discovery to be told there"`
	Digests    *[]string      `json:"dhchap_digests" enum:"sha256,sha384,sha512" doc:"hashes allowed for authentication"`
	DHGroups   *[]string      `json:"dhchap_dhgroups" enum:"null,ffdhe2048,ffdhe3072,ffdhe4096,ffdhe6144,ffdhe8192" doc:"groups allowed for authentication"`
	DupPolicy  *string        `json:"dup_host_policy" enum:"allow,restrict_per_listener" doc:"whether a host may connect more than once to a subsystem at the same address (default allow)"`
}

type setMaxParams struct {
	Max uint32 `json:"max_subsystems" rpc:"required" doc:"how many there may be, 0 for 1024"`
}

type setCRDTParams struct {
	CRDT1 uint16 `json:"crdt1" default:"0" doc:"first command retry delay time, in units of 100 ms"`
	CRDT2 uint16 `json:"crdt2" default:"0" doc:"second one"`
	CRDT3 uint16 `json:"crdt3" default:"0" doc:"third one"`
}

func (t *Target) registerSetup(r *rpc.Registry, cpus reactor.Mask) {
	rpc.Register(r, "nvmf_set_max_subsystems", t.rpcSetMax, rpc.Startup(),
		rpc.Doc("Sets how many subsystems there may be. It may be called once."))
	rpc.Register(r, "nvmf_set_crdt", t.rpcSetCRDT, rpc.Startup(),
		rpc.Doc("Sets the command retry delay times, which hosts that know of them wait before they repeat a command that has failed."))
	rpc.Register(r, "nvmf_set_config", func(_ context.Context, p setConfigParams) (rpc.True, error) {
		err := t.rpcSetConfig(&p, cpus)
		return err == nil, err
	}, rpc.Startup(), rpc.Doc("Sets what concerns the whole target. What is left out stays as it is."))
}

func (t *Target) rpcSetMax(_ context.Context, p setMaxParams) (rpc.True, error) {
	s := &t.settings
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.maxSet {
		return false, rpc.Errorf(rpc.InternalError, "Must not call more than once")
	}
	s.maxSet = p.Max != 0
	c := t.Config()
	c.MaxSubsystems = p.Max
	t.SetConfig(c)
	return true, nil
}

func (t *Target) rpcSetCRDT(_ context.Context, p setCRDTParams) (rpc.True, error) {
	t.settings.mu.Lock()
	defer t.settings.mu.Unlock()
	c := t.Config()
	c.CRDT = [3]uint16{p.CRDT1, p.CRDT2, p.CRDT3}
	t.SetConfig(c)
	return true, nil
}

// rpcSetConfig changes all or nothing.
func (t *Target) rpcSetConfig(p *setConfigParams, cpus reactor.Mask) error {
	s := &t.settings
	s.mu.Lock()
	defer s.mu.Unlock()
	c := t.Config()
	filters := s.filters
	if p.Filter != nil {
		var err error
		if filters, err = parseFilter(*p.Filter); err != nil {
			return err
		}
	}
	if p.PollGroups != nil {
		m, err := reactor.ParseMask(*p.PollGroups)
		if err != nil {
			return invalid("poll_groups_mask: %v", err)
		}
		if m.And(cpus).Count() != m.Count() {
			return invalid("poll_groups_mask %q: the CPUs of this program are %s", *p.PollGroups, cpus.List())
		}
		c.PollGroups = m
		s.pollGroups = strings.TrimPrefix(m.String(), "0x")
	}
	if p.Filters != nil {
		filters = inOrderOf(allFilters, *p.Filters)
	}
	s.filters = filters
	c.DiscoveryFilter = filterOf(filters)
	if p.Digests != nil {
		s.digests = inOrderOf(allDigests, *p.Digests)
		c.Hashes = nil
		for _, name := range s.digests {
			h, _ := dhchap.ParseHash(name) // the names have been checked
			c.Hashes = append(c.Hashes, h)
		}
	}
	if p.DHGroups != nil {
		s.dhgroups = inOrderOf(allGroups, *p.DHGroups)
		c.Groups = nil
		for _, name := range s.dhgroups {
			g, _ := dhchap.ParseGroup(name)
			c.Groups = append(c.Groups, g)
		}
	}
	if p.DupPolicy != nil {
		s.dupPolicy = *p.DupPolicy
		c.OnePerListener = s.dupPolicy == dupRestrict
	}
	if p.Passthru != nil {
		s.passthru = *p.Passthru
		c.Passthru = s.passthru
	}
	t.SetConfig(c)
	return nil
}

// filterOf is the filter that names stand for.
func filterOf(names []string) (f DiscoveryFilter) {
	for i, name := range allFilters {
		if slices.Contains(names, name) {
			f |= 1 << i
		}
	}
	return f
}

// parseFilter reads the old form of the filters.
func parseFilter(text string) ([]string, error) {
	words := strings.Split(text, ",")
	if len(words) == 1 && words[0] == matchAny {
		return []string{}, nil
	}
	for _, w := range words {
		if !slices.Contains(allFilters, w) {
			return nil, invalid("discovery_filter %q: it must be %s alone, or some of %s with commas between", text, matchAny, strings.Join(allFilters, ", "))
		}
	}
	return inOrderOf(allFilters, words), nil
}

// inOrderOf returns those of all that are chosen, each once.
func inOrderOf(all, chosen []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return !slices.Contains(chosen, s) })
}
