// SPDX-License-Identifier: BSD-3-Clause

package accelerror

import (
	"context"
	"math"

	"github.com/gospdk/gospdk/accel"
	"github.com/gospdk/gospdk/rpc"
)

type rpcInject struct {
	OpCode   string  `json:"opcode" rpc:"required" enum:"copy,fill,dualcast,compare,crc32c,copy_crc32c,compress,decompress,encrypt,decrypt,xor,dif_verify,dif_verify_copy,dif_generate,dif_generate_copy,dix_generate,dix_verify" doc:"operation; the error module has crc32c only"`
	Type     string  `json:"type" rpc:"required" enum:"disable,corrupt,failure" doc:"what is injected"`
	Count    *uint64 `json:"count" doc:"how often on each thread, without limit if it is left out; 0 disables"`
	Interval uint64  `json:"interval" doc:"every so many operations; 0 and 1 are each"`
	Errcode  int32   `json:"errcode" doc:"for type failure: the status, a negated errno; 0 ends the operation with success without carrying it out"`
}

// RegisterRPC adds the module's method.
func (m *Module) RegisterRPC(r *rpc.Registry) {
	rpc.Register(r, "accel_error_inject_error", m.rpcInject,
		rpc.Doc("Let an accel operation fail or give a wrong result. The error module must have been assigned to the operation with accel_assign_opc."))
}

func (m *Module) rpcInject(ctx context.Context, p rpcInject) (rpc.True, error) {
	op, err := accel.ParseOp(p.OpCode)
	if err != nil {
		return false, err
	}
	kind, err := ParseKind(p.Type)
	if err != nil {
		return false, err
	}
	in := Injection{Op: op, Kind: kind, Count: math.MaxUint64, Interval: p.Interval, Errcode: p.Errcode}
	if p.Count != nil {
		in.Count = *p.Count
	}
	return true, m.Inject(ctx, in)
}

type rpcInjection struct {
	OpCode   string `json:"opcode"`
	Type     string `json:"type"`
	Count    uint64 `json:"count"`
	Interval uint64 `json:"interval"`
	Errcode  int32  `json:"errcode,omitempty"` // SPDK forgets it
}

// SaveConfig returns the calls that inject the same again.
func (m *Module) SaveConfig() []rpc.Call {
	var calls []rpc.Call
	for _, in := range m.Injections() {
		p := rpcInjection{OpCode: in.Op.String(), Type: in.Kind.String(), Count: in.Count, Interval: in.Interval}
		if in.Kind == Failure {
			p.Errcode = in.Errcode
		}
		calls = append(calls, rpc.Call{Method: "accel_error_inject_error", Params: p})
	}
	return calls
}
