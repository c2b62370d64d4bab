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
	rpc.Register(r, "keyring_get_keys", k.rpcGet, rpc.Doc("Lists the keys, without what they hold."))
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
	Removed bool   `json:"removed" doc:"false"`
	Probed  bool   `json:"probed" doc:"false"`
	Users   int    `json:"refcnt" doc:"1: the name"`
	Path    string `json:"path"`
}

func (k *Keyring) rpcGet(context.Context, struct{}) ([]keyEntry, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	entries := []keyEntry{}
	for _, f := range k.files {
		entries = append(entries, keyEntry{Name: f.name, Module: "keyring_file", Users: 1, Path: f.path})
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
	for _, f := range k.files {
		calls = append(calls, rpc.Call{Method: "keyring_file_add_key", Params: addParams{f.name, f.path}})
	}
	return calls
}
