// SPDX-License-Identifier: BSD-3-Clause

package delay

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/rpc"
)

type createParams struct {
	Base     string    `json:"base_bdev_name" rpc:"required" doc:"name of the base device; it may appear later"`
	Name     string    `json:"name" rpc:"required" doc:"name of the device"`
	UUID     uuid.UUID `json:"uuid" doc:"identifies the content; follows from the base's if it is left out"`
	AvgRead  uint64    `json:"avg_read_latency" rpc:"required" doc:"microseconds that most reads take longer"`
	P99Read  uint64    `json:"p99_read_latency" rpc:"required" doc:"microseconds that one read of a hundred takes longer; not less than avg_read_latency"`
	AvgWrite uint64    `json:"avg_write_latency" rpc:"required" doc:"microseconds that most writes take longer"`
	P99Write uint64    `json:"p99_write_latency" rpc:"required" doc:"microseconds that one write of a hundred takes longer; not less than avg_write_latency"`
}

type updateParams struct {
	Name    string `json:"delay_bdev_name" rpc:"required" doc:"name of the device"`
	Type    string `json:"latency_type" rpc:"required" enum:"avg_read,p99_read,avg_write,p99_write" doc:"which latency"`
	Latency uint64 `json:"latency_us" rpc:"required" doc:"microseconds"`
}

type deleteParams struct {
	Name string `json:"name" rpc:"required" doc:"name of the device"`
}

// RegisterRPC adds the methods of the module.
func (m *Module) RegisterRPC(r *rpc.Registry) {
	rpc.Register(r, "bdev_delay_create", func(ctx context.Context, p createParams) (string, error) {
		return m.Create(ctx, Config{Name: p.Name, Base: p.Base, UUID: p.UUID,
			Latencies: Latencies{AvgRead: us(p.AvgRead), P99Read: us(p.P99Read), AvgWrite: us(p.AvgWrite), P99Write: us(p.P99Write)}})
	}, rpc.Doc("Makes a device that hands everything to another one, and lets reads and writes take longer."), rpc.Returns("the name of the device"))
	rpc.Register(r, "bdev_delay_update_latency", m.rpcUpdate, rpc.Doc("Changes one of a delay device's latencies."))
	rpc.Register(r, "bdev_delay_delete", func(ctx context.Context, p deleteParams) (rpc.True, error) {
		err := m.Delete(ctx, p.Name)
		return err == nil, err
	}, rpc.Concurrent(), rpc.Doc("Deletes a delay device. Its base stays."))
}

// us converts microseconds; what is too large stays too large.
func us(n uint64) time.Duration {
	if n > math.MaxInt64/uint64(time.Microsecond) {
		return math.MaxInt64
	}
	return time.Duration(n) * time.Microsecond
}

func (m *Module) rpcUpdate(_ context.Context, p updateParams) (rpc.True, error) {
	err := m.Update(p.Name, Latency(slices.Index(latencyNames, p.Type)), us(p.Latency))
	if errors.Is(err, bdev.ErrNotFound) {
		return false, rpc.Errorf(rpc.InvalidParams, "The requested bdev does not exist.: %v", err)
	}
	return err == nil, err
}

// SaveConfig implements rpc.Saver. The devices are the module's to save, so
// that they come before their bases, for which they wait.
func (m *Module) SaveConfig() (calls []rpc.Call) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.disks {
		calls = append(calls, rpc.Call{Method: "bdev_delay_create", Params: d.values()})
	}
	return calls
}
