// SPDX-License-Identifier: BSD-3-Clause

// Code generated from the registered methods (make docs). DO NOT EDIT.

package client

import (
	"context"
)

// KeyringFileAddKey calls keyring_file_add_key. Names the key in a file, which only its owner may be able to read. It is read when it is used.
func (c *Client) KeyringFileAddKey(ctx context.Context, p KeyringFileAddKeyParams) error {
	return c.Call(ctx, "keyring_file_add_key", p, nil)
}

// KeyringFileAddKeyParams are the parameters of keyring_file_add_key.
type KeyringFileAddKeyParams struct {
	Name string `json:"name"` // name of the key
	Path string `json:"path"` // absolute path of the file, whose permissions must be 0600
}

// KeyringFileRemoveKey calls keyring_file_remove_key. Forgets a key. The file stays.
func (c *Client) KeyringFileRemoveKey(ctx context.Context, p KeyringFileRemoveKeyParams) error {
	return c.Call(ctx, "keyring_file_remove_key", p, nil)
}

// KeyringFileRemoveKeyParams are the parameters of keyring_file_remove_key.
type KeyringFileRemoveKeyParams struct {
	Name string `json:"name"` // name of the key
}

// KeyringGetKeys calls keyring_get_keys. Lists the keys, without their content, and how many use them.
func (c *Client) KeyringGetKeys(ctx context.Context) ([]KeyringGetKeysResult, error) {
	return Call[[]KeyringGetKeysResult](ctx, c, "keyring_get_keys", nil)
}

// KeyringGetKeysResult is a result, or a part of one.
type KeyringGetKeysResult struct {
	Name    string `json:"name"`
	Module  string `json:"module"`
	Removed bool   `json:"removed"`        // whether the name is gone, and the key still held
	Probed  bool   `json:"probed"`         // whether it is here because it is held, as those of the kernel are
	Refcnt  int    `json:"refcnt"`         // how many hold it, and one for the name
	Path    string `json:"path,omitempty"` // of a key in a file
	Sn      int    `json:"sn,omitempty"`   // of a key of the kernel
}

// KeyringLinuxSetOptions calls keyring_linux_set_options. Sets whether keys are looked up in the kernel's session keyring, too.
func (c *Client) KeyringLinuxSetOptions(ctx context.Context, p KeyringLinuxSetOptionsParams) error {
	return c.Call(ctx, "keyring_linux_set_options", p, nil)
}

// KeyringLinuxSetOptionsParams are the parameters of keyring_linux_set_options.
type KeyringLinuxSetOptionsParams struct {
	Enable *bool `json:"enable,omitempty"` // whether they are
}
