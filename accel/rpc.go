// SPDX-License-Identifier: BSD-3-Clause

package accel

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"syscall"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/rpc"
)

type rpcAssignOpc struct {
	OpName string `json:"opname" rpc:"required" doc:"name of the operation, as accel_get_opc_assignments lists it"`
	Module string `json:"module" rpc:"required" doc:"name of the module, as accel_get_module_info lists it"`
}

type rpcKeyCreate struct {
	Name      string  `json:"name" rpc:"required" doc:"name of the key"`
	Cipher    string  `json:"cipher" rpc:"required" enum:"AES_CBC,AES_XTS" doc:"cipher"`
	Key       string  `json:"key" rpc:"required" secret:"true" doc:"key, 16 or 32 bytes in hexadecimal digits"`
	Key2      *string `json:"key2" secret:"true" doc:"second key, for the tweak, in hexadecimal digits; AES_XTS needs one as long as key, AES_CBC has none"`
	TweakMode string  `json:"tweak_mode" enum:"SIMPLE_LBA,JOIN_NEG_LBA_WITH_LBA,INCR_512_FULL_LBA,INCR_512_UPPER_LBA" default:"SIMPLE_LBA" doc:"how the tweak is made of a block's address"`
}

type rpcKeyDestroy struct {
	KeyName string `json:"key_name" rpc:"required" doc:"name of the key"`
}

type rpcKeysGet struct {
	KeyName *string `json:"key_name" doc:"name of one key; all if it is left out"`
}

type rpcSetDriver struct {
	Name string `json:"name" doc:"name of the driver that executes sequences; none if it is empty"`
}

type rpcSetOptions struct {
	SmallCacheSize *uint32 `json:"small_cache_size" doc:"small buffers that each thread keeps for itself"`
	LargeCacheSize *uint32 `json:"large_cache_size" doc:"large buffers that each thread keeps for itself"`
	TaskCount      *uint32 `json:"task_count" doc:"kept for SPDK: tasks belong to their users and do not run out; at least 8"`
	SequenceCount  *uint32 `json:"sequence_count" doc:"kept for SPDK: sequences belong to their users"`
	BufCount       *uint32 `json:"buf_count" doc:"kept for SPDK: buffers belong to their users"`
}

// RegisterRPC adds the accel methods and those of the modules that have been
// added.
func (f *Framework) RegisterRPC(r *rpc.Registry) {
	f.mu.Lock()
	modules := slices.Clone(f.modules)
	f.mu.Unlock()
	for _, m := range modules {
		if m, ok := m.(rpc.Registrar); ok {
			m.RegisterRPC(r)
		}
	}
	rpc.Register(r, "accel_get_module_info", f.rpcModuleInfo,
		rpc.Doc("List the accel modules and the operations that each supports."))
	rpc.Register(r, "accel_get_opc_assignments", f.rpcAssignments,
		rpc.Doc("List the accel operations and the module that carries each out."),
		rpc.Returns("an object with the name of a module for each operation"))
	rpc.Register(r, "accel_assign_opc", f.rpcAssign, rpc.Startup(),
		rpc.Doc("Give an accel operation to a module, whatever the modules' priorities."))
	rpc.Register(r, "accel_crypto_key_create", f.rpcKeyCreate,
		rpc.Doc("Create a key for encryption. Its name is what crypto block devices refer to."))
	rpc.Register(r, "accel_crypto_key_destroy", f.rpcKeyDestroy,
		rpc.Doc("Destroy a key. It is overwritten in memory. A key that is in use cannot be destroyed."))
	rpc.Register(r, "accel_crypto_keys_get", f.rpcKeysGet,
		rpc.Doc("Show keys. The answer holds the keys themselves, as SPDK's does."))
	rpc.Register(r, "accel_set_driver", f.rpcSetDriver, rpc.Startup(),
		rpc.Doc("Choose the driver that executes sequences of operations. Without one, the modules do."))
	rpc.Register(r, "accel_set_options", f.rpcSetOptions, rpc.Startup(),
		rpc.Doc("Set the options of the accel framework."))
	rpc.Register(r, "accel_get_stats", f.rpcStats,
		rpc.Doc("Show the statistics of the accel framework. Operations that have not been used are left out."))
}

type rpcModule struct {
	Module string   `json:"module"`
	Ops    []string `json:"supported ops"`
}

// rpcModuleInfo, like rpcAssignments, lists the operations that SPDK has:
// scripts compare such lists.
func (f *Framework) rpcModuleInfo(context.Context, struct{}) ([]rpcModule, error) {
	modules := f.Modules()
	all := make([]rpcModule, len(modules))
	for i, m := range modules {
		all[i] = rpcModule{m.Name, []string{}}
		for _, op := range m.Ops {
			if op.InSPDK() {
				all[i].Ops = append(all[i].Ops, op.String())
			}
		}
	}
	return all, nil
}

// rpcMap is an object whose members have an order.
type rpcMap []Assignment

// MarshalJSON implements json.Marshaler.
func (m rpcMap) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, a := range m {
		if i > 0 {
			b = append(b, ',')
		}
		name, err := json.Marshal(a.Module)
		if err != nil {
			return nil, err
		}
		b = append(append(append(append(b, '"'), a.Op.String()...), `":`...), name...)
	}
	return append(b, '}'), nil
}

func (f *Framework) rpcAssignments(context.Context, struct{}) (rpcMap, error) {
	all := rpcMap{}
	for _, a := range f.Assignments() {
		if a.Op.InSPDK() {
			all = append(all, a)
		}
	}
	return all, nil
}

func (f *Framework) rpcAssign(_ context.Context, p rpcAssignOpc) (rpc.True, error) {
	op, err := ParseOp(p.OpName)
	if err != nil {
		return false, rpc.Errorf(rpc.InvalidParams, "spdk_json_decode_object failed: opname: %v", err)
	}
	if err := f.AssignOp(op, p.Module); err != nil {
		return false, rpc.Errorf(rpc.InvalidParams, "error assigning opcode: %v", err)
	}
	log.Noticef("Operation %s will be assigned to module %s", p.OpName, p.Module)
	return true, nil
}

// code is the negated errno within err.
func code(err error) int {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return -int(errno)
	}
	return -int(syscall.EINVAL)
}

func (f *Framework) rpcKeyCreate(_ context.Context, p rpcKeyCreate) (rpc.True, error) {
	k := KeyParams{Name: p.Name, Key: []byte(p.Key)}
	if p.Key2 != nil {
		k.Key2 = []byte(*p.Key2)
	}
	defer clear(k.Key)
	defer clear(k.Key2)
	cipher, err := ParseCipher(p.Cipher)
	if err != nil {
		return false, rpc.Errorf(rpc.InvalidParams, "%v", err)
	}
	mode, err := ParseTweakMode(p.TweakMode)
	if err != nil {
		return false, rpc.Errorf(rpc.InvalidParams, "%v", err)
	}
	k.Cipher, k.TweakMode = cipher, &mode
	if err := f.CreateKey(k); err != nil {
		return false, rpc.Errorf(rpc.InvalidParams, "failed to create DEK, rc %d: %v", code(err), err)
	}
	return true, nil
}

func (f *Framework) rpcKeyDestroy(_ context.Context, p rpcKeyDestroy) (rpc.True, error) {
	switch err := f.DestroyKey(p.KeyName); {
	case errors.Is(err, syscall.ENOENT):
		return false, rpc.Errorf(rpc.InvalidParams, "No key object found: key_name %q", p.KeyName)
	case err != nil:
		return false, rpc.Errorf(rpc.InvalidParams, "Failed to destroy key, rc %d: %v", code(err), err)
	}
	return true, nil
}

// rpcKey is a key as SPDK shows it and saves it.
type rpcKey struct {
	Name      string `json:"name"`
	Cipher    string `json:"cipher"`
	Key       string `json:"key"`
	Key2      string `json:"key2,omitempty"`
	TweakMode string `json:"tweak_mode,omitempty"`
}

func (f *Framework) rpcKeys() []rpcKey {
	keys := f.Keys()
	all := make([]rpcKey, len(keys))
	for i, k := range keys {
		all[i] = rpcKey{Name: k.Name, Cipher: k.Cipher.String(), Key: string(k.Key), Key2: string(k.Key2)}
		if k.TweakMode != nil {
			all[i].TweakMode = k.TweakMode.String()
		}
		clear(k.Key)
		clear(k.Key2)
	}
	return all
}

func (f *Framework) rpcKeysGet(_ context.Context, p rpcKeysGet) ([]rpcKey, error) {
	all := f.rpcKeys()
	if p.KeyName == nil {
		return all, nil
	}
	for _, k := range all {
		if k.Name == *p.KeyName {
			return []rpcKey{k}, nil
		}
	}
	return nil, rpc.Errorf(rpc.InvalidParams, "key was not found: key_name %q", *p.KeyName)
}

func (f *Framework) rpcSetDriver(_ context.Context, p rpcSetDriver) (rpc.True, error) {
	if err := f.SetDriver(p.Name); err != nil {
		return false, err
	}
	name := p.Name
	if name == "" {
		name = "none"
	}
	log.Noticef("Using accel driver: %s", name)
	return true, nil
}

func (f *Framework) rpcSetOptions(_ context.Context, p rpcSetOptions) (rpc.True, error) {
	o := f.Options()
	for _, v := range []struct {
		given *uint32
		field *uint32
	}{
		{p.SmallCacheSize, &o.SmallCacheSize},
		{p.LargeCacheSize, &o.LargeCacheSize},
		{p.TaskCount, &o.TaskCount},
		{p.SequenceCount, &o.SequenceCount},
		{p.BufCount, &o.BufCount},
	} {
		if v.given != nil {
			*v.field = *v.given
		}
	}
	return true, f.SetOptions(o)
}

type rpcOpStats struct {
	OpCode   string `json:"opcode"`
	Module   string `json:"module_name"`
	Executed uint64 `json:"executed"`
	Failed   uint64 `json:"failed"`
	Bytes    uint64 `json:"num_bytes"`
}

type rpcStats struct {
	SequenceExecuted    uint64       `json:"sequence_executed"`
	SequenceFailed      uint64       `json:"sequence_failed"`
	SequenceOutstanding uint64       `json:"sequence_outstanding"`
	TaskOutstanding     uint64       `json:"task_outstanding"`
	Operations          []rpcOpStats `json:"operations"`
	// Tasks, sequences and buffers are their users', so these are 0, but
	// for iobuf: how often a sequence waited for memory.
	RetryTask     uint64 `json:"retry_task"`
	RetrySequence uint64 `json:"retry_sequence"`
	RetryIobuf    uint64 `json:"retry_iobuf"`
	RetryBufdesc  uint64 `json:"retry_bufdesc"`
}

func (f *Framework) rpcStats(ctx context.Context, _ struct{}) (*rpcStats, error) {
	s, err := f.Stats(ctx)
	if err != nil {
		return nil, err
	}
	out := &rpcStats{
		SequenceExecuted: s.SequencesExecuted, SequenceFailed: s.SequencesFailed,
		SequenceOutstanding: s.SequencesOutstanding, TaskOutstanding: s.TasksOutstanding,
		RetryIobuf: s.BufferWaits, Operations: []rpcOpStats{},
	}
	for _, a := range f.Assignments() {
		if o := s.Operations[a.Op]; o.Executed+o.Failed > 0 {
			out.Operations = append(out.Operations, rpcOpStats{a.Op.String(), a.Module, o.Executed, o.Failed, o.Bytes})
		}
	}
	return out, nil
}

type rpcOptions struct {
	SmallCacheSize uint32 `json:"small_cache_size"`
	LargeCacheSize uint32 `json:"large_cache_size"`
	TaskCount      uint32 `json:"task_count"`
	SequenceCount  uint32 `json:"sequence_count"`
	BufCount       uint32 `json:"buf_count"`
}

// SaveConfig returns the calls that set the framework up again, in SPDK's
// order, with the keys, as SPDK does.
func (f *Framework) SaveConfig() []rpc.Call {
	calls := []rpc.Call{{Method: "accel_set_options", Params: rpcOptions(f.Options())}}
	if name := f.DriverName(); name != "" {
		calls = append(calls, rpc.Call{Method: "accel_set_driver", Params: rpcSetDriver{name}})
	}
	f.mu.Lock()
	modules, assigned := slices.Clone(f.modules), f.assigned
	f.mu.Unlock()
	for _, m := range modules {
		if s, ok := m.(rpc.Saver); ok {
			calls = append(calls, s.SaveConfig()...)
		}
	}
	for op, module := range assigned {
		if module != "" {
			calls = append(calls, rpc.Call{Method: "accel_assign_opc", Params: rpcAssignOpc{Op(op).String(), module}})
		}
	}
	for _, k := range f.rpcKeys() {
		calls = append(calls, rpc.Call{Method: "accel_crypto_key_create", Params: k})
	}
	return calls
}
