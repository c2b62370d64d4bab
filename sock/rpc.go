// SPDX-License-Identifier: BSD-3-Clause

package sock

import (
	"context"

	"github.com/gospdk/gospdk/rpc"
)

type nameParams struct {
	Name string `json:"impl_name" rpc:"required" doc:"implementation of sockets: posix (epoll), uring (io_uring) or ssl (TLS)"`
}

type setOptionsParams struct {
	Name              string  `json:"impl_name" rpc:"required" doc:"implementation of sockets: posix (epoll), uring (io_uring) or ssl (TLS)"`
	RecvBufSize       *uint32 `json:"recv_buf_size" doc:"bytes of the kernel's buffer for what comes; 2 MiB, the default, leaves it to the kernel, which grows it"`
	SendBufSize       *uint32 `json:"send_buf_size" doc:"bytes of the kernel's buffer for what goes; as above"`
	RecvPipe          *bool   `json:"enable_recv_pipe" doc:"no effect: what comes is always read into one large buffer"`
	QuickAck          *bool   `json:"enable_quickack" doc:"acknowledge at once what has come"`
	PlacementID       *uint32 `json:"enable_placement_id" doc:"0 none, 1 NAPI, 2 CPU, 3 mark; no effect: connections go to the thread with the fewest"`
	ZeroCopyServer    *bool   `json:"enable_zerocopy_send_server" doc:"send large data of connections that have come without a copy, where the kernel can (MSG_ZEROCOPY); it tries, and stops where the kernel copies anyway, as on the loopback"`
	ZeroCopyClient    *bool   `json:"enable_zerocopy_send_client" doc:"the same for connections that this end has made; no effect: these copy"`
	ZeroCopyThreshold *uint32 `json:"zerocopy_threshold" doc:"bytes of a message from which on that is done; 0, the default, is 16 KiB"`
	TLSVersion        *uint32 `json:"tls_version" doc:"0 or 13: TLS 1.3"`
	KTLS              *bool   `json:"enable_ktls" doc:"leave encryption to the kernel where it can"`
}

// implOptions is ImplOptions as methods answer it, and as it is saved.
type implOptions struct {
	RecvBufSize       uint32 `json:"recv_buf_size" doc:"bytes of the kernel's buffer for what comes"`
	SendBufSize       uint32 `json:"send_buf_size" doc:"bytes of the kernel's buffer for what goes"`
	RecvPipe          bool   `json:"enable_recv_pipe"`
	QuickAck          bool   `json:"enable_quickack" doc:"what has come is acknowledged at once"`
	PlacementID       uint32 `json:"enable_placement_id"`
	ZeroCopyServer    bool   `json:"enable_zerocopy_send_server"`
	ZeroCopyClient    bool   `json:"enable_zerocopy_send_client"`
	ZeroCopyThreshold uint32 `json:"zerocopy_threshold"`
	TLSVersion        uint32 `json:"tls_version"`
	KTLS              bool   `json:"enable_ktls"`
}

type saved struct {
	Name string `json:"impl_name"`
	implOptions
}

type defaultImpl struct {
	Name string `json:"impl_name" doc:"implementation of sockets"`
}

// RegisterRPC adds the methods to m.
func (s *Impls) RegisterRPC(m *rpc.Registry) {
	rpc.Register(m, "sock_impl_get_options", s.rpcGetOptions, rpc.Always(),
		rpc.Doc("Returns the options of an implementation of sockets."))
	rpc.Register(m, "sock_impl_set_options", s.rpcSetOptions, rpc.Startup(),
		rpc.Doc("Sets options of an implementation of sockets. Those that are left out stay as they are."))
	rpc.Register(m, "sock_set_default_impl", s.rpcSetDefault, rpc.Startup(),
		rpc.Doc("Chooses the implementation of sockets where nobody says another."))
	rpc.Register(m, "sock_get_default_impl", s.rpcGetDefault, rpc.Always(),
		rpc.Doc("Returns the implementation of sockets where nobody says another."))
}

// invalid is the answer to what SPDK answers with "Invalid parameters".
func invalid(err error) error {
	if err != nil {
		return rpc.Errorf(rpc.InvalidParams, "Invalid parameters: %v", err)
	}
	return nil
}

func (s *Impls) rpcGetOptions(_ context.Context, p nameParams) (implOptions, error) {
	o, err := s.Options(p.Name)
	return implOptions(o), invalid(err)
}

// apply sets what the caller has said.
func apply[T any](to, said *T) {
	if said != nil {
		*to = *said
	}
}

func (s *Impls) rpcSetOptions(_ context.Context, p setOptionsParams) (rpc.True, error) {
	o, err := s.Options(p.Name)
	if err != nil {
		return false, invalid(err)
	}
	apply(&o.RecvBufSize, p.RecvBufSize)
	apply(&o.SendBufSize, p.SendBufSize)
	apply(&o.RecvPipe, p.RecvPipe)
	apply(&o.QuickAck, p.QuickAck)
	apply(&o.PlacementID, p.PlacementID)
	apply(&o.ZeroCopyServer, p.ZeroCopyServer)
	apply(&o.ZeroCopyClient, p.ZeroCopyClient)
	apply(&o.ZeroCopyThreshold, p.ZeroCopyThreshold)
	apply(&o.TLSVersion, p.TLSVersion)
	apply(&o.KTLS, p.KTLS)
	err = s.SetOptions(p.Name, o)
	return err == nil, invalid(err)
}

func (s *Impls) rpcSetDefault(_ context.Context, p nameParams) (rpc.True, error) {
	err := s.SetDefault(p.Name)
	return err == nil, invalid(err)
}

func (s *Impls) rpcGetDefault(context.Context, struct{}) (defaultImpl, error) {
	return defaultImpl{s.Default()}, nil
}

// SaveConfig returns the calls that make the settings. Those of uring are
// left out while nobody has touched it: most builds of SPDK do not know it,
// and refuse configurations that name it.
func (s *Impls) SaveConfig() []rpc.Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := []rpc.Call{{Method: "sock_set_default_impl", Params: defaultImpl{s.chosen}}}
	for _, name := range names {
		o := s.options[name]
		if name == Uring && s.chosen != Uring && o == defaultsOf(Uring) {
			continue
		}
		calls = append(calls, rpc.Call{Method: "sock_impl_set_options", Params: saved{name, implOptions(o)}})
	}
	return calls
}
