// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"context"
	"errors"
	"syscall"

	"github.com/gospdk/gospdk/rpc"
)

func (t *Target) registerAnnouncing(r *rpc.Registry) {
	rpc.Register(r, "nvmf_publish_mdns_prr", t.rpcAnnounce,
		rpc.Doc("Announces the TCP listeners of the discovery subsystem by mDNS, as _nvme-disc._tcp, so that hosts need no address. It is not saved."))
	rpc.Register(r, "nvmf_stop_mdns_prr", t.rpcStopAnnouncing,
		rpc.Doc("Ends what nvmf_publish_mdns_prr has begun."))
}

func (t *Target) rpcAnnounce(ctx context.Context, p ofTarget) (rpc.True, error) {
	t, err := t.chosen(p)
	if err != nil {
		return false, err
	}
	if err := t.Announce(ctx); err != nil {
		errno, ok := errors.AsType[syscall.Errno](err)
		if !ok {
			return false, internal(err)
		}
		return false, rpc.Errorf(-int(errno), "%s: tgt_name %s: %v", rpc.Strerror(errno), t.name, err)
	}
	return true, nil
}

func (t *Target) rpcStopAnnouncing(_ context.Context, p ofTarget) (rpc.True, error) {
	t, err := t.chosen(p)
	if err != nil {
		return false, err
	}
	if err := t.StopAnnouncing(); err != nil {
		return false, internal(err)
	}
	return true, nil
}
