// SPDX-License-Identifier: BSD-3-Clause

package crypto

import (
	"context"
	"fmt"

	"github.com/gospdk/gospdk/accel"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/rpc"
)

// defaultCipher is what a key without cipher is for.
const defaultCipher = "AES_CBC"

// maxKeyName is the greatest length of the name of a key that is made here.
const maxKeyName = 127

type createParams struct {
	Base      string  `json:"base_bdev_name" rpc:"required" doc:"name of the base device; it may appear later"`
	Name      string  `json:"name" rpc:"required" doc:"name of the encrypted device"`
	CryptoPMD *string `json:"crypto_pmd" doc:"obsolete, ignored"`
	Key       *string `json:"key" secret:"true" doc:"obsolete, use key_name: the key, in hexadecimal digits"`
	Cipher    *string `json:"cipher" doc:"obsolete, use key_name: AES_CBC (default) or AES_XTS"`
	Key2      *string `json:"key2" secret:"true" doc:"obsolete, use key_name: the second key of AES_XTS, in hexadecimal digits"`
	KeyName   *string `json:"key_name" doc:"name of a key that accel_crypto_key_create has made"`
}

type deleteParams struct {
	Name string `json:"name" rpc:"required" doc:"name of the encrypted device"`
}

// RegisterRPC adds the methods of the module.
func (m *Module) RegisterRPC(r *rpc.Registry) {
	rpc.Register(r, "bdev_crypto_create", m.rpcCreate,
		rpc.Doc("Makes an encrypted device on top of another one."), rpc.Returns("the name of the device"))
	rpc.Register(r, "bdev_crypto_delete", m.rpcDelete, rpc.Concurrent(),
		rpc.Doc("Deletes an encrypted device. The data stay on the base device, encrypted."))
}

func (m *Module) rpcCreate(ctx context.Context, p createParams) (string, error) {
	cfg := Config{Name: p.Name, Base: p.Base}
	if p.KeyName != nil {
		cfg.Key = *p.KeyName
		if !m.hasKey(cfg.Key) {
			return "", rpc.Errorf(rpc.InvalidParams, "Key was not found: key_name %q; make it with accel_crypto_key_create", cfg.Key)
		}
		if p.Key != nil || p.Key2 != nil || p.Cipher != nil || p.CryptoPMD != nil {
			log.Noticef("bdev_crypto_create: key_name is given, so key, key2, cipher and crypto_pmd are ignored")
		}
	} else {
		var err error
		if cfg.Key, cfg.OwnKey, err = m.inlineKey(&p); err != nil {
			return "", rpc.Errorf(rpc.InternalError, "No key was found: %v", err)
		}
	}
	return m.Create(ctx, cfg)
}

func (m *Module) hasKey(name string) bool {
	k, err := m.accel.HoldKey(name)
	if err != nil {
		return false
	}
	k.Release()
	return true
}

// inlineKey makes a key of the obsolete parameters, or finds the one that was
// made of them before.
func (m *Module) inlineKey(p *createParams) (name string, made bool, err error) {
	spelled := defaultCipher
	if p.Cipher != nil {
		spelled = *p.Cipher
	}
	name = fmt.Sprintf("%s_%s", p.Name, spelled)
	name = name[:min(len(name), maxKeyName)]
	if m.hasKey(name) {
		return name, false, nil
	}
	cipher, err := accel.ParseCipher(spelled)
	if err != nil {
		return "", false, err
	}
	if p.Key == nil {
		return "", false, fmt.Errorf("neither key_name nor key is given")
	}
	k := accel.KeyParams{Name: name, Cipher: cipher, Key: []byte(*p.Key)}
	if p.Key2 != nil {
		k.Key2 = []byte(*p.Key2)
	}
	defer clear(k.Key)
	defer clear(k.Key2)
	if err := m.accel.CreateKey(k); err != nil {
		return "", false, err
	}
	return name, true, nil
}

func (m *Module) rpcDelete(ctx context.Context, p deleteParams) (rpc.True, error) {
	err := m.Delete(ctx, p.Name)
	return err == nil, err
}

// SaveConfig implements rpc.Saver. The devices are the module's to save, so
// that they come before their bases, for which they wait. Keys are saved by
// accel.
func (m *Module) SaveConfig() (calls []rpc.Call) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.disks {
		calls = append(calls, rpc.Call{Method: "bdev_crypto_create", Params: d.specific()})
	}
	return calls
}
