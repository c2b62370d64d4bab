// SPDX-License-Identifier: BSD-3-Clause

// Code generated from the registered methods (make docs). DO NOT EDIT.

package client

import (
	"context"
)

// RPCGetMethods calls rpc_get_methods. Lists the methods.
func (c *Client) RPCGetMethods(ctx context.Context, p RPCGetMethodsParams) ([]string, error) {
	return Call[[]string](ctx, c, "rpc_get_methods", p)
}

// RPCGetMethodsParams are the parameters of rpc_get_methods.
type RPCGetMethodsParams struct {
	Current        *bool `json:"current,omitempty"`         // only those that may be called in the present state
	IncludeAliases *bool `json:"include_aliases,omitempty"` // deprecated names too
}
