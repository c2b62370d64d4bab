// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"context"

	"github.com/gospdk/gospdk/internal/tsc"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/dhchap"
	"github.com/gospdk/gospdk/rpc"
)

func (t *Target) registerConnections(r *rpc.Registry) {
	rpc.Register(r, "nvmf_subsystem_get_controllers", t.rpcGetControllers,
		rpc.Doc("Lists the controllers of a subsystem, one for each host that is connected."))
	rpc.Register(r, "nvmf_subsystem_get_qpairs", t.rpcGetQueues,
		rpc.Doc("Lists the queues of a subsystem's controllers."))
	rpc.Register(r, "nvmf_get_stats", t.rpcGetStats,
		rpc.Doc("Tells what the target's threads have done."))
}

type controllerEntry struct {
	CNTLID  uint16 `json:"cntlid"`
	Type    string `json:"cntrltype" doc:"io"`
	HostNQN string `json:"hostnqn" doc:"empty for VFIOUSER, which has no names of hosts"`
	HostID  string `json:"hostid"`
	Queues  int    `json:"num_io_qpairs" doc:"queues, the admin queue among them"`
}

func (t *Target) rpcGetControllers(ctx context.Context, p ofSubsystem) ([]controllerEntry, error) {
	s, err := t.find(p)
	if err != nil {
		return nil, err
	}
	all, err := s.Controllers(ctx)
	if err != nil {
		return nil, internal(err)
	}
	entries := []controllerEntry{}
	for _, c := range all {
		entries = append(entries, controllerEntry{
			CNTLID: c.ID, Type: "io", HostNQN: c.Connection.HostNQN, HostID: c.Connection.HostID.String(), Queues: len(c.Queues),
		})
	}
	return entries, nil
}

type queueEntry struct {
	CNTLID  uint16       `json:"cntlid"`
	QID     uint16       `json:"qid" doc:"0 is the admin queue"`
	State   string       `json:"state" doc:"enabled, or authenticating"`
	Thread  string       `json:"thread"`
	HostNQN string       `json:"hostnqn"`
	Listen  addressEntry `json:"listen_address"`
	NUMA    *int32       `json:"numa_id,omitempty" doc:"of VFIOUSER"`
	Peer    addressEntry `json:"peer_address"`
	Auth    *authEntry   `json:"auth,omitempty" doc:"of hosts that have a key, or have authenticated without being asked"`
}

type authEntry struct {
	State  string `json:"state" doc:"negotiate, challenge, reply, success1, success2, failure1, completed or error"`
	Digest string `json:"digest" doc:"hash that was agreed on, unknown before"`
	Group  string `json:"dhgroup" doc:"group that was agreed on, null before"`
}

func (q *QueueInfo) authEntry() *authEntry {
	a := q.Auth
	if a == nil {
		return nil
	}
	e := &authEntry{State: a.State.String(), Digest: "unknown", Group: a.Group.String()}
	if a.Digest != dhchap.NoHash {
		e.Digest = a.Digest.String()
	}
	return e
}

func (t *Target) rpcGetQueues(ctx context.Context, p ofSubsystem) ([]queueEntry, error) {
	s, err := t.find(p)
	if err != nil {
		return nil, err
	}
	all, err := s.Controllers(ctx)
	if err != nil {
		return nil, internal(err)
	}
	entries := []queueEntry{}
	for _, c := range all {
		for _, q := range c.Queues {
			state := "enabled"
			if q.Authenticating {
				state = "authenticating"
			}
			entries = append(entries, queueEntry{
				CNTLID: c.ID, QID: q.ID, State: state, Auth: q.authEntry(), Thread: q.Thread, HostNQN: c.Connection.HostNQN,
				Listen: showAddress(c.Connection.Listen), NUMA: s.nodeAt(c.Connection.Listen), Peer: showAddress(q.Peer),
			})
		}
	}
	return entries, nil
}

// nodeAt is numa_id of a listener, which only those of vfio-user have.
func (s *Subsystem) nodeAt(addr nvme.TransportID) *int32 {
	if l := s.listened.find(addr); l != nil && addr.Trtype == nvme.TrtypeVFIOUser {
		return &l.Options.NUMA
	}
	return nil
}

type statsResult struct {
	TickRate uint64       `json:"tick_rate"`
	Groups   []groupEntry `json:"poll_groups"`
}

type groupEntry struct {
	Name           string           `json:"name" doc:"of the thread"`
	Admin          uint64           `json:"admin_qpairs" doc:"admin queues since the start"`
	IO             uint64           `json:"io_qpairs" doc:"I/O queues since the start"`
	CurrentAdmin   uint64           `json:"current_admin_qpairs"`
	CurrentIO      uint64           `json:"current_io_qpairs"`
	Unassociated   uint64           `json:"current_unassociated_qpairs" doc:"connections over which no Connect command has succeeded yet"`
	PendingBdevIO  uint64           `json:"pending_bdev_io" doc:"0: requests are not scarce here"`
	CompletedIO    uint64           `json:"completed_nvme_io" doc:"I/O commands since the start"`
	TransportStats []groupTransport `json:"transports"`
}

type groupTransport struct {
	Trtype string `json:"trtype"`
}

func (t *Target) rpcGetStats(ctx context.Context, p ofTarget) (*statsResult, error) {
	t, err := t.chosen(p)
	if err != nil {
		return nil, err
	}
	groups, err := t.Stats(ctx)
	if err != nil {
		return nil, internal(err)
	}
	r := &statsResult{TickRate: tsc.Hz(), Groups: []groupEntry{}}
	transports := []groupTransport{}
	for _, tr := range t.Transports() {
		transports = append(transports, groupTransport{tr.Type.String()})
	}
	for _, g := range groups {
		r.Groups = append(r.Groups, groupEntry{
			Name: g.Name, Admin: g.AdminQueues, IO: g.IOQueues, CurrentAdmin: g.CurrentAdminQueues, CurrentIO: g.CurrentIOQueues,
			Unassociated: g.Unassociated, CompletedIO: g.CompletedIO, TransportStats: transports,
		})
	}
	return r, nil
}
