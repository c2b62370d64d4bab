// SPDX-License-Identifier: BSD-3-Clause

// Code generated from the registered methods (make docs). DO NOT EDIT.

package client

import (
	"context"
)

// SockGetDefaultImpl calls sock_get_default_impl. Returns the implementation of sockets where nobody says another.
func (c *Client) SockGetDefaultImpl(ctx context.Context) (SockGetDefaultImplResult, error) {
	return Call[SockGetDefaultImplResult](ctx, c, "sock_get_default_impl", nil)
}

// SockGetDefaultImplResult is a result, or a part of one.
type SockGetDefaultImplResult struct {
	ImplName string `json:"impl_name"` // implementation of sockets
}

// SockImplGetOptions calls sock_impl_get_options. Returns the options of an implementation of sockets.
func (c *Client) SockImplGetOptions(ctx context.Context, p SockImplGetOptionsParams) (SockImplGetOptionsResult, error) {
	return Call[SockImplGetOptionsResult](ctx, c, "sock_impl_get_options", p)
}

// SockImplGetOptionsParams are the parameters of sock_impl_get_options.
type SockImplGetOptionsParams struct {
	ImplName string `json:"impl_name"` // implementation of sockets: posix (epoll), uring (io_uring) or ssl (TLS)
}

// SockImplGetOptionsResult is a result, or a part of one.
type SockImplGetOptionsResult struct {
	RecvBufSize              uint32 `json:"recv_buf_size"` // bytes of the kernel's buffer for what comes
	SendBufSize              uint32 `json:"send_buf_size"` // bytes of the kernel's buffer for what goes
	EnableRecvPipe           bool   `json:"enable_recv_pipe"`
	EnableQuickack           bool   `json:"enable_quickack"` // what has come is acknowledged at once
	EnablePlacementID        uint32 `json:"enable_placement_id"`
	EnableZerocopySendServer bool   `json:"enable_zerocopy_send_server"`
	EnableZerocopySendClient bool   `json:"enable_zerocopy_send_client"`
	ZerocopyThreshold        uint32 `json:"zerocopy_threshold"`
	TlsVersion               uint32 `json:"tls_version"`
	EnableKtls               bool   `json:"enable_ktls"`
}

// SockImplSetOptions calls sock_impl_set_options. Sets options of an implementation of sockets. Those that are left out stay as they are.
func (c *Client) SockImplSetOptions(ctx context.Context, p SockImplSetOptionsParams) error {
	return c.Call(ctx, "sock_impl_set_options", p, nil)
}

// SockImplSetOptionsParams are the parameters of sock_impl_set_options.
type SockImplSetOptionsParams struct {
	ImplName                 string  `json:"impl_name"`                             // implementation of sockets: posix (epoll), uring (io_uring) or ssl (TLS)
	RecvBufSize              *uint32 `json:"recv_buf_size,omitempty"`               // bytes of the kernel's buffer for what comes; 2 MiB, the default, leaves it to the kernel, which grows it
	SendBufSize              *uint32 `json:"send_buf_size,omitempty"`               // bytes of the kernel's buffer for what goes; as above
	EnableRecvPipe           *bool   `json:"enable_recv_pipe,omitempty"`            // no effect: what comes is always read into one large buffer
	EnableQuickack           *bool   `json:"enable_quickack,omitempty"`             // acknowledge at once what has come
	EnablePlacementID        *uint32 `json:"enable_placement_id,omitempty"`         // 0 none, 1 NAPI, 2 CPU, 3 mark; no effect: connections go to the thread with the fewest
	EnableZerocopySendServer *bool   `json:"enable_zerocopy_send_server,omitempty"` // send large data of connections that have come without a copy, where the kernel can (MSG_ZEROCOPY); it tries, and stops where the kernel copies anyway, as on the loopback
	EnableZerocopySendClient *bool   `json:"enable_zerocopy_send_client,omitempty"` // the same for connections that this end has made; no effect: these copy
	ZerocopyThreshold        *uint32 `json:"zerocopy_threshold,omitempty"`          // bytes of a message from which on that is done; 0, the default, is 16 KiB
	TlsVersion               *uint32 `json:"tls_version,omitempty"`                 // 0 or 13: TLS 1.3
	EnableKtls               *bool   `json:"enable_ktls,omitempty"`                 // leave encryption to the kernel where it can
}

// SockSetDefaultImpl calls sock_set_default_impl. Chooses the implementation of sockets where nobody says another.
func (c *Client) SockSetDefaultImpl(ctx context.Context, p SockSetDefaultImplParams) error {
	return c.Call(ctx, "sock_set_default_impl", p, nil)
}

// SockSetDefaultImplParams are the parameters of sock_set_default_impl.
type SockSetDefaultImplParams struct {
	ImplName string `json:"impl_name"` // implementation of sockets: posix (epoll), uring (io_uring) or ssl (TLS)
}
