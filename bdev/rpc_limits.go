// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"context"
	"errors"
	"syscall"

	"github.com/gospdk/gospdk/rpc"
)

func (r *Registry) registerLimitsRPC(m *rpc.Registry) {
	rpc.Register(m, "bdev_set_qos_limit", r.rpcSetQoS,
		rpc.Doc("Limits what reads and writes of all users of a device may do together. Limits that are left out stay as they are; 0 is no limit."))
}

type setQoSParams struct {
	Name     string  `json:"name" rpc:"required" doc:"name, alias or UUID of the device"`
	RWIOs    *uint64 `json:"rw_ios_per_sec" doc:"reads and writes a second, rounded up to a multiple of 1000"`
	RWMBytes *uint64 `json:"rw_mbytes_per_sec" doc:"MiB a second, read and written"`
	RMBytes  *uint64 `json:"r_mbytes_per_sec" doc:"MiB a second, read"`
	WMBytes  *uint64 `json:"w_mbytes_per_sec" doc:"MiB a second, written"`
}

func (r *Registry) rpcSetQoS(ctx context.Context, p setQoSParams) (rpc.True, error) {
	d, err := r.findPresent(p.Name)
	if err != nil {
		return false, err
	}
	l := QoSLimits{RWIOsPerSec: QoSKeep, RWMBytesPerSec: QoSKeep, RMBytesPerSec: QoSKeep, WMBytesPerSec: QoSKeep}
	if p.RWIOs == nil && p.RWMBytes == nil && p.RMBytes == nil && p.WMBytes == nil {
		return false, rpc.Errorf(-int(syscall.EINVAL),
			"No rate limits specified: give rw_ios_per_sec, rw_mbytes_per_sec, r_mbytes_per_sec or w_mbytes_per_sec")
	}
	set(&l.RWIOsPerSec, p.RWIOs)
	set(&l.RWMBytesPerSec, p.RWMBytes)
	set(&l.RMBytesPerSec, p.RMBytes)
	set(&l.WMBytesPerSec, p.WMBytes)
	if err := r.SetQoS(ctx, d.info.Name, l); err != nil {
		return false, failedLimit(err)
	}
	return true, nil
}

// failedLimit says err in the words and with the code of SPDK.
func failedLimit(err error) error {
	var no syscall.Errno
	if errors.As(err, &no) {
		return rpc.Errorf(rpc.InvalidParams, "Failed to configure rate limit: %s: %v", rpc.Strerror(no), err)
	}
	return rpc.Errorf(rpc.InvalidParams, "Failed to configure rate limit: %v", err)
}
