// SPDX-License-Identifier: BSD-3-Clause

// Code generated from the registered methods (make docs). DO NOT EDIT.

package client

import (
	"context"
	"encoding/json"
)

// AccelAssignOpc calls accel_assign_opc. Give an accel operation to a module, whatever the modules' priorities.
func (c *Client) AccelAssignOpc(ctx context.Context, p AccelAssignOpcParams) error {
	return c.Call(ctx, "accel_assign_opc", p, nil)
}

// AccelAssignOpcParams are the parameters of accel_assign_opc.
type AccelAssignOpcParams struct {
	Opname string `json:"opname"` // name of the operation, as accel_get_opc_assignments lists it
	Module string `json:"module"` // name of the module, as accel_get_module_info lists it
}

// AccelCryptoKeyCreate calls accel_crypto_key_create. Create a key for encryption. Its name is what crypto block devices refer to.
func (c *Client) AccelCryptoKeyCreate(ctx context.Context, p AccelCryptoKeyCreateParams) error {
	return c.Call(ctx, "accel_crypto_key_create", p, nil)
}

// AccelCryptoKeyCreateParams are the parameters of accel_crypto_key_create.
type AccelCryptoKeyCreateParams struct {
	Name      string  `json:"name"`                 // name of the key
	Cipher    string  `json:"cipher"`               // cipher; one of AES_CBC, AES_XTS
	Key       string  `json:"key"`                  // key, 16 or 32 bytes in hexadecimal digits
	Key2      *string `json:"key2,omitempty"`       // second key, for the tweak, in hexadecimal digits; AES_XTS needs one as long as key, AES_CBC has none
	TweakMode *string `json:"tweak_mode,omitempty"` // how the tweak is made of a block's address; one of SIMPLE_LBA, JOIN_NEG_LBA_WITH_LBA, INCR_512_FULL_LBA, INCR_512_UPPER_LBA; default SIMPLE_LBA
}

// AccelCryptoKeyDestroy calls accel_crypto_key_destroy. Destroy a key. It is overwritten in memory. A key that is in use cannot be destroyed.
func (c *Client) AccelCryptoKeyDestroy(ctx context.Context, p AccelCryptoKeyDestroyParams) error {
	return c.Call(ctx, "accel_crypto_key_destroy", p, nil)
}

// AccelCryptoKeyDestroyParams are the parameters of accel_crypto_key_destroy.
type AccelCryptoKeyDestroyParams struct {
	KeyName string `json:"key_name"` // name of the key
}

// AccelCryptoKeysGet calls accel_crypto_keys_get. Show keys. The answer holds the keys themselves, as SPDK's does.
func (c *Client) AccelCryptoKeysGet(ctx context.Context, p AccelCryptoKeysGetParams) ([]AccelCryptoKeysGetResult, error) {
	return Call[[]AccelCryptoKeysGetResult](ctx, c, "accel_crypto_keys_get", p)
}

// AccelCryptoKeysGetParams are the parameters of accel_crypto_keys_get.
type AccelCryptoKeysGetParams struct {
	KeyName *string `json:"key_name,omitempty"` // name of one key; all if it is left out
}

// AccelCryptoKeysGetResult is a result, or a part of one.
type AccelCryptoKeysGetResult struct {
	Name      string `json:"name"`
	Cipher    string `json:"cipher"`
	Key       string `json:"key"`
	Key2      string `json:"key2,omitempty"`
	TweakMode string `json:"tweak_mode,omitempty"`
}

// AccelErrorInjectError calls accel_error_inject_error. Let an accel operation fail or give a wrong result. The error module must have been assigned to the operation with accel_assign_opc.
func (c *Client) AccelErrorInjectError(ctx context.Context, p AccelErrorInjectErrorParams) error {
	return c.Call(ctx, "accel_error_inject_error", p, nil)
}

// AccelErrorInjectErrorParams are the parameters of accel_error_inject_error.
type AccelErrorInjectErrorParams struct {
	Opcode   string  `json:"opcode"`             // operation; the error module has crc32c only; one of copy, fill, dualcast, compare, crc32c, copy_crc32c, compress, decompress, encrypt, decrypt, xor, dif_verify, dif_verify_copy, dif_generate, dif_generate_copy, dix_generate, dix_verify
	Type     string  `json:"type"`               // what is injected; one of disable, corrupt, failure
	Count    *uint64 `json:"count,omitempty"`    // how often on each thread, without limit if it is left out; 0 disables
	Interval *uint64 `json:"interval,omitempty"` // every so many operations; 0 and 1 are each
	Errcode  *int32  `json:"errcode,omitempty"`  // for type failure: the status, a negated errno; 0 ends the operation with success without carrying it out
}

// AccelGetModuleInfo calls accel_get_module_info. List the accel modules and the operations that each supports.
func (c *Client) AccelGetModuleInfo(ctx context.Context) ([]AccelGetModuleInfoResult, error) {
	return Call[[]AccelGetModuleInfoResult](ctx, c, "accel_get_module_info", nil)
}

// AccelGetModuleInfoResult is a result, or a part of one.
type AccelGetModuleInfoResult struct {
	Module       string   `json:"module"`
	SupportedOps []string `json:"supported ops"`
}

// AccelGetOpcAssignments calls accel_get_opc_assignments. List the accel operations and the module that carries each out.
// It returns an object with the name of a module for each operation.
func (c *Client) AccelGetOpcAssignments(ctx context.Context) (json.RawMessage, error) {
	return Call[json.RawMessage](ctx, c, "accel_get_opc_assignments", nil)
}

// AccelGetStats calls accel_get_stats. Show the statistics of the accel framework. Operations that have not been used are left out.
func (c *Client) AccelGetStats(ctx context.Context) (*AccelGetStatsResult, error) {
	return Call[*AccelGetStatsResult](ctx, c, "accel_get_stats", nil)
}

// AccelGetStatsOperationsResult is a result, or a part of one.
type AccelGetStatsOperationsResult struct {
	Opcode     string `json:"opcode"`
	ModuleName string `json:"module_name"`
	Executed   uint64 `json:"executed"`
	Failed     uint64 `json:"failed"`
	NumBytes   uint64 `json:"num_bytes"`
}

// AccelGetStatsResult is a result, or a part of one.
type AccelGetStatsResult struct {
	SequenceExecuted    uint64                          `json:"sequence_executed"`
	SequenceFailed      uint64                          `json:"sequence_failed"`
	SequenceOutstanding uint64                          `json:"sequence_outstanding"`
	TaskOutstanding     uint64                          `json:"task_outstanding"`
	Operations          []AccelGetStatsOperationsResult `json:"operations"`
	RetryTask           uint64                          `json:"retry_task"`
	RetrySequence       uint64                          `json:"retry_sequence"`
	RetryIobuf          uint64                          `json:"retry_iobuf"`
	RetryBufdesc        uint64                          `json:"retry_bufdesc"`
}

// AccelSetDriver calls accel_set_driver. Choose the driver that executes sequences of operations. Without one, the modules do.
func (c *Client) AccelSetDriver(ctx context.Context, p AccelSetDriverParams) error {
	return c.Call(ctx, "accel_set_driver", p, nil)
}

// AccelSetDriverParams are the parameters of accel_set_driver.
type AccelSetDriverParams struct {
	Name *string `json:"name,omitempty"` // name of the driver that executes sequences; none if it is empty
}

// AccelSetOptions calls accel_set_options. Set the options of the accel framework.
func (c *Client) AccelSetOptions(ctx context.Context, p AccelSetOptionsParams) error {
	return c.Call(ctx, "accel_set_options", p, nil)
}

// AccelSetOptionsParams are the parameters of accel_set_options.
type AccelSetOptionsParams struct {
	SmallCacheSize *uint32 `json:"small_cache_size,omitempty"` // small buffers that each thread keeps for itself
	LargeCacheSize *uint32 `json:"large_cache_size,omitempty"` // large buffers that each thread keeps for itself
	TaskCount      *uint32 `json:"task_count,omitempty"`       // kept for SPDK: tasks belong to their users and do not run out; at least 8
	SequenceCount  *uint32 `json:"sequence_count,omitempty"`   // kept for SPDK: sequences belong to their users
	BufCount       *uint32 `json:"buf_count,omitempty"`        // kept for SPDK: buffers belong to their users
}
