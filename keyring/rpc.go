// SPDX-License-Identifier: BSD-3-Clause

package keyring

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"github.com/gospdk/gospdk/rpc"
)

// RegisterRPC registers the keyring_* methods.
func (k *Keyring) RegisterRPC(r *rpc.Registry) {
	rpc.Register(r, "keyring_file_add_key", k.rpcAdd,
		rpc.Doc("Names the key in a file, which only its owner may be able to read. It is read when it is used."))
	rpc.Register(r, "keyring_file_remove_key", k.rpcRemove, rpc.Doc("Forgets a key. The file stays."))
	rpc.Register(r, "keyring_get_keys", k.rpcGet, rpc.Doc("Lists the keys, without their content, and how many use them."))
	rpc.Register(r, "keyring_linux_set_options", k.rpcLinux, rpc.Startup(),
		rpc.Doc("Sets whether keys are looked up in the kernel's session keyring, too."))
}

type addParams struct {
	Name string `json:"name" rpc:"required" doc:"name of the key"`
	Path string `json:"path" rpc:"required" doc:"absolute path of the file, whose permissions must be 0600"`
}

func (k *Keyring) rpcAdd(_ context.Context, p addParams) (rpc.True, error) {
	return answer(k.AddFile(p.Name, p.Path))
}

type removeParams struct {
	Name string `json:"name" rpc:"required" doc:"name of the key"`
}

func (k *Keyring) rpcRemove(_ context.Context, p removeParams) (rpc.True, error) {
	return answer(k.RemoveFile(p.Name))
}

// answer gives errors SPDK's code, the negated errno.
func answer(err error) (rpc.True, error) {
	if err == nil {
		return true, nil
	}
	code := syscall.EINVAL
	if errors.Is(err, fs.ErrPermission) {
		code = syscall.EPERM
	} else {
		errors.As(err, &code)
	}
	return false, rpc.Errorf(-int(code), "%s: %v", rpc.Strerror(code), err)
}

// keyEntry is a key as SPDK shows it.
type keyEntry struct {
	Name    string `json:"name"`
	Module  string `json:"module"`
	Removed bool   `json:"removed" doc:"whether the name is gone, and the key still held"`
	Probed  bool   `json:"probed" doc:"whether it is here because it is held, as those of the kernel are"`
	Refs    int    `json:"refcnt" doc:"how many hold it, and one for the name"`
	Path    string `json:"path,omitempty" doc:"of a key in a file"`
	Serial  int    `json:"sn,omitempty" doc:"of a key of the kernel"`
}

func (k *Keyring) rpcGet(context.Context, struct{}) ([]keyEntry, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	entries := []keyEntry{}
	for _, x := range k.keys {
		e := keyEntry{Name: x.name, Module: "keyring_file", Refs: x.holders + 1, Path: x.path}
		if x.path == "" {
			e.Module, e.Probed, e.Serial = "linux", true, x.serial
		}
		entries = append(entries, e)
	}
	for _, x := range k.removed {
		entries = append(entries, keyEntry{Name: x.name, Module: "keyring_file", Removed: true, Refs: x.holders})
	}
	return entries, nil
}

type linuxParams struct {
	Enable *bool `json:"enable" doc:"whether they are"`
}

func (k *Keyring) rpcLinux(_ context.Context, p linuxParams) (rpc.True, error) {
	if p.Enable != nil {
		k.UseLinux(*p.Enable)
	}
	return true, nil
}

// SaveConfig returns the calls that name the keys again. What the keys hold is
// not in them.
func (k *Keyring) SaveConfig() (calls []rpc.Call) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.linux {
		calls = append(calls, rpc.Call{Method: "keyring_linux_set_options", Params: linuxParams{&k.linux}})
	}
	for _, x := range k.keys {
		if x.path != "" {
			calls = append(calls, rpc.Call{Method: "keyring_file_add_key", Params: addParams{x.name, x.path}})
		}
	}
	return calls
}
