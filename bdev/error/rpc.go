// SPDX-License-Identifier: BSD-3-Clause

package error

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/rpc"
)

type createParams struct {
	Base string     `json:"base_name" rpc:"required" doc:"name of the base device; it may appear later"`
	UUID *uuid.UUID `json:"uuid,omitempty" doc:"identifies the content; follows from the base's if it is left out"`
}

type nameParams struct {
	Name string `json:"name" rpc:"required" doc:"name of the device, EE_ and the base's"`
}

type injectParams struct {
	Name       string `json:"name" rpc:"required" doc:"name of the device, EE_ and the base's"`
	IOType     string `json:"io_type" rpc:"required" enum:"clear,read,write,unmap,flush,all" doc:"what goes wrong; clear ends all injections"`
	ErrorType  string `json:"error_type" rpc:"required" enum:"failure,pending,corrupt_data,nomem,nvme_failure" doc:"how it goes wrong"`
	SCT        uint32 `json:"nvme_sct" max:"7" doc:"status code type of nvme_failure"`
	SC         uint32 `json:"nvme_sc" max:"255" doc:"status code of nvme_failure"`
	Num        uint32 `json:"num" default:"1" doc:"how many IOs go wrong"`
	QueueDepth uint64 `json:"queue_depth" doc:"only while at least so many IOs are under way on the thread"`
	Offset     uint64 `json:"corrupt_offset" doc:"byte of an IO's data that corrupt_data changes"`
	Value      uint8  `json:"corrupt_value" doc:"what it is combined with by exclusive or, not 0"`
}

// RegisterRPC adds the methods of the module.
func (m *Module) RegisterRPC(r *rpc.Registry) {
	rpc.Register(r, "bdev_error_create", func(ctx context.Context, p createParams) (rpc.True, error) {
		var id uuid.UUID
		if p.UUID != nil {
			id = *p.UUID
		}
		_, err := m.Create(ctx, p.Base, id)
		return err == nil, err
	}, rpc.Doc("Makes a device that hands everything to another one, but for errors that bdev_error_inject_error asks for. Its name is EE_ and the base's."))
	rpc.Register(r, "bdev_error_delete", func(ctx context.Context, p nameParams) (rpc.True, error) {
		err := m.Delete(ctx, p.Name)
		return err == nil, err
	}, rpc.Concurrent(), rpc.Doc("Deletes an error device. Its base stays."))
	rpc.Register(r, "bdev_error_inject_error", m.rpcInject, rpc.Doc("Lets IO of an error device go wrong."))
	rpc.Register(r, "bdev_error_resume_pending", func(ctx context.Context, p nameParams) (rpc.True, error) {
		err := m.Resume(ctx, p.Name)
		return err == nil, err
	}, rpc.Doc("Lets the IO of an error device go on that hangs because of pending."))
}

// injectable are the operations of each io_type.
var injectable = map[string][]bdev.Op{
	"read": {bdev.OpRead}, "write": {bdev.OpWrite}, "unmap": {bdev.OpUnmap}, "flush": {bdev.OpFlush},
	"all": {bdev.OpRead, bdev.OpWrite, bdev.OpUnmap, bdev.OpFlush},
}

func (m *Module) rpcInject(_ context.Context, p injectParams) (rpc.True, error) {
	kind, err := ParseKind(p.ErrorType)
	if err != nil {
		return false, err
	}
	if kind == NVMeFailure && p.SCT == 0 && p.SC == 0 {
		return false, fmt.Errorf("nvme_sct or nvme_sc should be specified for NVMe error injection: %w", bdev.ErrInvalid)
	}
	if p.IOType == "clear" {
		err = m.Clear(p.Name)
	} else {
		err = m.Inject(p.Name, injectable[p.IOType], Injection{
			Kind: kind, Count: p.Num, QueueDepth: p.QueueDepth, SCT: uint8(p.SCT), SC: uint8(p.SC), Offset: p.Offset, Value: p.Value,
		})
	}
	return err == nil, err
}

// SaveConfig implements rpc.Saver. As in SPDK, what was injected is not saved.
func (m *Module) SaveConfig() (calls []rpc.Call) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.saved {
		p := createParams{Base: s.Base}
		if s.Config != uuid.Nil {
			p.UUID = &s.Config
		}
		calls = append(calls, rpc.Call{Method: "bdev_error_create", Params: p})
	}
	return calls
}
