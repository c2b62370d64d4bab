// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/rpc"
	"github.com/gospdk/gospdk/thread"
)

func (m *Module) registerPaths(r *rpc.Registry) {
	rpc.Register(r, "bdev_nvme_get_io_paths", m.rpcIOPaths, rpc.Concurrent(),
		rpc.Doc("Lists the paths of NVMe block devices, for each thread that uses them."))
	rpc.Register(r, "bdev_nvme_set_preferred_path", m.rpcPreferPath,
		rpc.Doc("Has an NVMe block device use a path before the others of the same access."))
	rpc.Register(r, "bdev_nvme_set_multipath_policy", m.rpcSetPolicy,
		rpc.Doc("Sets how an NVMe block device uses several paths."))
	rpc.Register(r, "bdev_nvme_get_path_iostat", m.rpcPathStat, rpc.Concurrent(),
		rpc.Doc("Returns the accounts of each path of an NVMe block device. io_path_stat of bdev_nvme_set_options must be on."))
}

type ioPathsParams struct {
	Name *string `json:"name" doc:"name of a block device; all if it is left out"`
}

// pathTransport is in the order in which SPDK shows it.
type pathTransport struct {
	Trtype  string `json:"trtype"`
	Traddr  string `json:"traddr"`
	Trsvcid string `json:"trsvcid,omitempty"`
	Adrfam  string `json:"adrfam,omitempty"`
}

type shownPath struct {
	Bdev       string        `json:"bdev_name"`
	Cntlid     uint16        `json:"cntlid" doc:"identifier of the path's controller"`
	Current    bool          `json:"current" doc:"whether IO goes this way"`
	Connected  bool          `json:"connected" doc:"whether there is a queue pair"`
	Accessible bool          `json:"accessible" doc:"whether the ANA state permits IO"`
	Transport  pathTransport `json:"transport"`
}

type shownPathGroup struct {
	Thread string      `json:"thread"`
	Paths  []shownPath `json:"io_paths"`
}

type shownPathGroups struct {
	Groups []shownPathGroup `json:"poll_groups"`
}

func (m *Module) rpcIOPaths(ctx context.Context, p ioPathsParams) (shownPathGroups, error) {
	m.mu.Lock()
	groups := slices.Clone(m.groups)
	var disks []*Disk
	for _, b := range m.named {
		for _, d := range b.disks {
			if p.Name == nil || d.info.Name == *p.Name {
				disks = append(disks, d)
			}
		}
	}
	m.mu.Unlock()
	slices.SortFunc(disks, func(a, b *Disk) int { return compareNames(a.info.Name, b.info.Name) })
	all := shownPathGroups{Groups: []shownPathGroup{}}
	for _, g := range groups {
		s := shownPathGroup{Thread: g.t.Name(), Paths: []shownPath{}}
		for _, d := range disks {
			err := d.eachChannel(ctx, g.t, func(ch *channel) {
				for _, p := range ch.paths {
					s.Paths = append(s.Paths, p.show(ch))
				}
			})
			if err != nil {
				return all, err
			}
		}
		all.Groups = append(all.Groups, s)
	}
	return all, nil
}

// compareNames sorts names so that n2 comes before n10.
func compareNames(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// eachChannel calls fn for the channels of a thread, or of all if t is nil,
// on their thread.
func (d *Disk) eachChannel(ctx context.Context, t *thread.Thread, fn func(*channel)) error {
	d.mu.Lock()
	channels := slices.Clone(d.channels)
	d.mu.Unlock()
	for _, ch := range channels {
		if t != nil && ch.t != t {
			continue
		}
		err := thread.Do(ctx, ch.t, func() error {
			if !ch.closed {
				fn(ch)
			}
			return nil
		})
		if err != nil && !errors.Is(err, thread.ErrExited) {
			return err
		}
	}
	return nil
}

// show describes the path. It runs on the thread.
func (p *ioPath) show(ch *channel) shownPath {
	c, at := p.n.c, p.n.c.address().trid
	s := shownPath{
		Bdev: ch.d.info.Name, Cntlid: c.last.Load().Identify().CNTLID, Current: p.isCurrent(ch),
		Connected: p.cc.usable(), Accessible: p.n.access() <= accessSecond,
		Transport: pathTransport{Trtype: at.Trtype.String(), Traddr: at.Traddr, Trsvcid: at.Trsvcid},
	}
	s.Transport.Adrfam = showTrid(at).Adrfam
	return s
}

// isCurrent tells whether IO goes this way: with active_active, on all paths
// of the best access.
func (p *ioPath) isCurrent(ch *channel) bool {
	if !p.usable() {
		return false
	}
	if !ch.d.policy.Load().ActiveActive {
		return ch.path() == p
	}
	best := accessNone
	for _, o := range ch.paths {
		if o.usable() {
			best = min(best, o.n.access())
		}
	}
	return p.n.access() == best
}

type preferParams struct {
	Name   string `json:"name" rpc:"required" doc:"name of the block device"`
	Cntlid uint16 `json:"cntlid" rpc:"required" doc:"identifier of the path's controller"`
}

func (m *Module) rpcPreferPath(_ context.Context, p preferParams) (rpc.True, error) {
	d, err := m.findDisk(p.Name)
	if err != nil {
		return false, answer(err)
	}
	for _, n := range d.listPaths() {
		if n.c.last.Load().Identify().CNTLID == p.Cntlid {
			d.prefer(n)
			return true, nil
		}
	}
	return false, answer(fmt.Errorf("bdev %s has no path with cntlid %d; bdev_nvme_get_io_paths lists them: %w", p.Name, p.Cntlid, syscall.ENODEV))
}

type policyParams struct {
	Name     string  `json:"name" rpc:"required" doc:"name of the block device"`
	Policy   string  `json:"policy" rpc:"required" enum:"active_passive,active_active" doc:"use one path at a time, or all"`
	Selector *string `json:"selector" enum:"round_robin,queue_depth" doc:"how active_active chooses a path (default: round_robin)"`
	MinIO    *uint32 `json:"rr_min_io" doc:"IO before round_robin takes the next path"`
}

func (m *Module) rpcSetPolicy(_ context.Context, p policyParams) (rpc.True, error) {
	d, err := m.findDisk(p.Name)
	if err != nil {
		return false, answer(err)
	}
	selector := selectorRobin
	given(&selector, p.Selector)
	if p.Policy != policyActive && p.Selector != nil {
		return false, answer(fmt.Errorf("selector %s: it is for policy %s only: %w", selector, policyActive, syscall.EINVAL))
	}
	if p.MinIO != nil && selector != selectorRobin {
		return false, answer(fmt.Errorf("rr_min_io %d: it is for selector %s only: %w", *p.MinIO, selectorRobin, syscall.EINVAL))
	}
	minIO := d.policy.Load().MinIO
	given(&minIO, p.MinIO)
	policy, err := newPolicy(p.Policy, selector, minIO)
	if err != nil {
		return false, answer(err)
	}
	d.setPolicy(policy)
	return true, nil
}

type savedPolicy struct {
	Name     string `json:"name"`
	Policy   string `json:"policy"`
	Selector string `json:"selector,omitempty"`
	MinIO    uint32 `json:"rr_min_io,omitempty"`
}

// savedPolicies are those that are not the default.
func (m *Module) savedPolicies() (calls []rpc.Call) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range m.named {
		for _, nsid := range sortedKeys(b.disks) {
			d := b.disks[nsid]
			p := *d.policy.Load()
			if p == (Policy{MinIO: defaultRRMinIO}) {
				continue
			}
			q := p.params()
			s := savedPolicy{Name: d.info.Name, Policy: *q.Policy}
			given(&s.Selector, q.Selector)
			given(&s.MinIO, q.MinIO)
			calls = append(calls, rpc.Call{Method: "bdev_nvme_set_multipath_policy", Params: s})
		}
	}
	return calls
}

func sortedKeys(m map[uint32]*Disk) (keys []uint32) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// pathStats is the account of an ioPath. It belongs to the thread.
type pathStats struct{ bdev.Account }

// count adds a request that has ended well.
func (s *pathStats) count(r *request) {
	o := &s.Ops[r.io.Op]
	ticks := bdev.Ticks() - r.began
	if o.Ops == 0 || ticks < o.MinTicks {
		o.MinTicks = ticks
	}
	o.Ops++
	o.Blocks += r.io.Blocks
	o.Bytes += r.io.Blocks * uint64(r.ch.d.info.BlockSize)
	o.LatencyTicks += ticks
	o.MaxTicks = max(o.MaxTicks, ticks)
}

// add adds another account.
func (s *pathStats) add(b *pathStats) {
	for i := range s.Ops {
		to, from := &s.Ops[i], &b.Ops[i]
		if from.Ops == 0 {
			continue
		}
		if to.Ops == 0 || from.MinTicks < to.MinTicks {
			to.MinTicks = from.MinTicks
		}
		to.Ops += from.Ops
		to.Blocks += from.Blocks
		to.Bytes += from.Bytes
		to.LatencyTicks += from.LatencyTicks
		to.MaxTicks = max(to.MaxTicks, from.MaxTicks)
	}
}

type shownPathStat struct {
	Trid shownTrid `json:"trid"`
	Stat any       `json:"stat" doc:"as bdev_get_iostat has it"`
}

type shownPathStats struct {
	Name  string          `json:"name"`
	Stats []shownPathStat `json:"stats"`
}

type bdevNameParams struct {
	Name string `json:"name" rpc:"required" doc:"name of the block device"`
}

func (m *Module) rpcPathStat(ctx context.Context, p bdevNameParams) (shownPathStats, error) {
	shown := shownPathStats{Stats: []shownPathStat{}}
	if !m.Options().IOPathStat {
		return shown, answer(say(syscall.EPERM, "RPC not enabled if enable_io_path_stat is false"))
	}
	d, err := m.findDisk(p.Name)
	if err != nil {
		return shown, answer(err)
	}
	shown.Name = d.info.Name
	paths := d.listPaths()
	sums := make([]pathStats, len(paths))
	err = d.eachChannel(ctx, nil, func(ch *channel) {
		for _, p := range ch.paths {
			if i := slices.Index(paths, p.n); i >= 0 && p.stats != nil {
				sums[i].add(p.stats)
			}
		}
	})
	for i, n := range paths {
		shown.Stats = append(shown.Stats, shownPathStat{showTrid(n.c.address().trid), bdev.ShowAccount(&sums[i].Account)})
	}
	return shown, answer(err)
}
