// SPDX-License-Identifier: BSD-3-Clause

package split

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/gospdk/gospdk/rpc"
)

// errNotSplit is what SPDK answers for a device that is not split.
var errNotSplit = fmt.Errorf("it is not split: %w", syscall.ENOENT)

type createParams struct {
	Base  string `json:"base_bdev" rpc:"required" doc:"name of the device to split; it may appear later"`
	Count uint32 `json:"split_count" rpc:"required" doc:"parts to make; as many as fit if they are fewer"`
	SizeM uint64 `json:"split_size_mb" doc:"MiB a part; 0 to divide the device equally"`
}

type deleteParams struct {
	Base string `json:"base_bdev" rpc:"required" doc:"name of the device that is split"`
}

// RegisterRPC adds the methods of the module.
func (m *Module) RegisterRPC(r *rpc.Registry) {
	rpc.Register(r, "bdev_split_create", m.rpcCreate,
		rpc.Doc("Splits a device into parts called like it with p0, p1 and so on after that."), rpc.Returns("the names of the parts"))
	rpc.Register(r, "bdev_split_delete", func(ctx context.Context, p deleteParams) (rpc.True, error) {
		if err := m.Delete(ctx, p.Base); err != nil {
			return false, words(err, "")
		}
		return true, nil
	}, rpc.Concurrent(), rpc.Doc("Removes the parts of a device. Their content stays on it."))
}

func (m *Module) rpcCreate(ctx context.Context, p createParams) ([]string, error) {
	names, err := m.Create(ctx, Config(p))
	if err != nil {
		return nil, words(err, fmt.Sprintf("Failed to create %d split bdevs from '%s': ", p.Count, p.Base))
	}
	return append([]string{}, names...), nil
}

// words answers as SPDK does, with the errno in words.
func words(err error, prefix string) error {
	message := err.Error()
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		message = rpc.Strerror(errno) + ": " + message
	}
	return rpc.Errorf(rpc.InvalidParams, "%s%s", prefix, message)
}

// SaveConfig implements rpc.Saver. The splits are the module's to save, so
// that they come before their bases, for which they wait.
func (m *Module) SaveConfig() (calls []rpc.Call) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.splits {
		calls = append(calls, rpc.Call{Method: "bdev_split_create", Params: createParams{s.Base, s.Count, s.SizeM}})
	}
	return calls
}
