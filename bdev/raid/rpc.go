// SPDX-License-Identifier: BSD-3-Clause

package raid

import (
	"context"
	"errors"
	"strings"
	"syscall"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/rpc"
)

type createParams struct {
	Name       string    `json:"name" rpc:"required" doc:"name of the array"`
	StripKB    uint32    `json:"strip_size_kb" doc:"size of a strip in KiB, a power of two"`
	Level      Level     `json:"raid_level" rpc:"required" enum:"raid0,0,raid1,1,raid5f,5f,concat" doc:"how data are spread over the base devices; raid0 and concat are supported"`
	Bases      []string  `json:"base_bdevs" rpc:"required" max:"255" doc:"names of the base devices, in order; those that are missing may appear later"`
	UUID       uuid.UUID `json:"uuid" doc:"UUID of the array (default: a random one)"`
	Superblock bool      `json:"superblock" doc:"store what the array is on each base device, so that it is found again"`
}

type deleteParams struct {
	Name    string `json:"name" rpc:"required" doc:"name of the array"`
	ClearSB bool   `json:"clear_sb" doc:"remove the superblocks from the base devices too, so that the array is not found again"`
}

type listParams struct {
	Category string `json:"category" rpc:"required" enum:"online,configuring,offline,all" doc:"state of the arrays to list"`
}

type addBaseParams struct {
	Array string `json:"raid_bdev" rpc:"required" doc:"name of the array"`
	Base  string `json:"base_bdev" rpc:"required" doc:"name of the base device"`
}

type removeBaseParams struct {
	Name string `json:"name" rpc:"required" doc:"name of the base device"`
}

type optionParams struct {
	WindowKB      *uint32 `json:"process_window_size_kb" doc:"how much a background process works on at once, in KiB (default 1024)"`
	BandwidthMBps *uint32 `json:"process_max_bandwidth_mb_sec" doc:"limit of a background process in MiB a second, 0 for none (default 0)"`
}

// RegisterRPC adds the methods of the module.
func (m *Module) RegisterRPC(r *rpc.Registry) {
	rpc.Register(r, "bdev_raid_set_options", m.rpcSetOptions, rpc.Always(),
		rpc.Doc("Sets options of background processes. Those that are left out stay as they are."))
	rpc.Register(r, "bdev_raid_get_bdevs", m.rpcList,
		rpc.Doc("Describes the arrays in a state."), rpc.Returns("an array with one object an array"))
	rpc.Register(r, "bdev_raid_create", m.rpcCreate,
		rpc.Doc("Makes an array out of base devices. It goes online when all of them are there."))
	rpc.Register(r, "bdev_raid_delete", m.rpcDelete, rpc.Concurrent(),
		rpc.Doc("Deletes an array. The data stay on the base devices."))
	rpc.Register(r, "bdev_raid_add_base_bdev", m.rpcAddBase,
		rpc.Doc("Adds a base device to an array that misses one."))
	rpc.Register(r, "bdev_raid_remove_base_bdev", m.rpcRemoveBase, rpc.Concurrent(),
		rpc.Doc("Removes a base device from its array. A raid0 or concat that is online goes offline."))
}

// answer gives an error the code of its errno and SPDK's words, the errno's
// included, before its own.
func answer(err error, format string, args ...any) *rpc.Error {
	errno, ok := errors.AsType[syscall.Errno](err)
	if !ok {
		return rpc.Errorf(rpc.InternalError, format+": %v", append(args, err)...)
	}
	if missing, ok := errors.AsType[*noArray](err); ok {
		return rpc.Errorf(-int(errno), "%s; bdev_raid_get_bdevs lists the arrays", missing.text)
	}
	words := rpc.Strerror(errno)
	detail := strings.TrimSuffix(err.Error(), ": "+strings.ToLower(words))
	return rpc.Errorf(-int(errno), format+": %s: %s", append(args, words, detail)...)
}

func (m *Module) rpcCreate(ctx context.Context, p createParams) (rpc.True, error) {
	for _, base := range p.Bases {
		if base == "" {
			return false, rpc.Errorf(-int(syscall.EINVAL), "The base bdev name cannot be empty: %s: base_bdevs %q", rpc.Strerror(syscall.EINVAL), p.Bases)
		}
	}
	err := m.Create(ctx, Config{Name: p.Name, Level: p.Level, StripKB: p.StripKB, Bases: p.Bases, UUID: p.UUID, Superblock: p.Superblock})
	if err != nil {
		return false, answer(err, "Failed to create RAID bdev %s", p.Name)
	}
	return true, nil
}

func (m *Module) rpcDelete(ctx context.Context, p deleteParams) (rpc.True, error) {
	err := m.Delete(ctx, p.Name, p.ClearSB)
	switch {
	case errors.Is(err, syscall.EALREADY):
		return false, rpc.Errorf(rpc.InternalError, "%s: %v", rpc.Strerror(syscall.EALREADY), err)
	case err != nil:
		return false, answer(err, "Failed to delete RAID bdev %s", p.Name)
	}
	return true, nil
}

func (m *Module) rpcList(_ context.Context, p listParams) ([]Listed, error) {
	for _, s := range []State{Online, Configuring, Offline} {
		if p.Category == s.String() {
			return m.Arrays(&s), nil
		}
	}
	return m.Arrays(nil), nil
}

func (m *Module) rpcAddBase(ctx context.Context, p addBaseParams) (rpc.True, error) {
	if err := m.AddBase(ctx, p.Array, p.Base); err != nil {
		return false, answer(err, "Failed to add base bdev %s to RAID bdev %s", p.Base, p.Array)
	}
	return true, nil
}

func (m *Module) rpcRemoveBase(ctx context.Context, p removeBaseParams) (rpc.True, error) {
	if err := m.RemoveBase(ctx, p.Name); err != nil {
		return false, answer(err, "Failed to remove base bdev from raid bdev")
	}
	return true, nil
}

func (m *Module) rpcSetOptions(_ context.Context, p optionParams) (rpc.True, error) {
	o := m.Options()
	if p.WindowKB != nil {
		o.ProcessWindowSizeKB = *p.WindowKB
	}
	if p.BandwidthMBps != nil {
		o.ProcessMaxBandwidthMBSec = *p.BandwidthMBps
	}
	err := m.SetOptions(o)
	return err == nil, err
}

type savedOptions struct {
	WindowKB      uint32 `json:"process_window_size_kb"`
	BandwidthMBps uint32 `json:"process_max_bandwidth_mb_sec"`
}

// SaveConfig implements rpc.Saver: the options. Arrays save themselves.
func (m *Module) SaveConfig() []rpc.Call {
	o := m.Options()
	return []rpc.Call{{Method: "bdev_raid_set_options", Params: savedOptions{o.ProcessWindowSizeKB, o.ProcessMaxBandwidthMBSec}}}
}

type savedArray struct {
	Name    string    `json:"name"`
	UUID    uuid.UUID `json:"uuid"`
	StripKB uint32    `json:"strip_size_kb,omitempty"`
	Level   Level     `json:"raid_level"`
	Bases   []string  `json:"base_bdevs"`
}

// SaveConfig implements rpc.Saver. An array with superblocks is found again
// without a call.
func (d *disk) SaveConfig() []rpc.Call {
	a := d.array
	a.m.mu.Lock()
	defer a.m.mu.Unlock()
	if a.superblock {
		return nil
	}
	s := savedArray{Name: a.name, UUID: a.uuid, StripKB: a.stripKB, Level: a.level}
	for _, b := range a.members {
		s.Bases = append(s.Bases, b.savedName())
	}
	return []rpc.Call{{Method: "bdev_raid_create", Params: s}}
}
