// SPDX-License-Identifier: BSD-3-Clause

// Code generated from the registered methods (make docs). DO NOT EDIT.

package client

import (
	"context"
)

// NvmfCreateSubsystem calls nvmf_create_subsystem. Makes a subsystem, without namespaces and listeners.
func (c *Client) NvmfCreateSubsystem(ctx context.Context, p NvmfCreateSubsystemParams) error {
	return c.Call(ctx, "nvmf_create_subsystem", p, nil)
}

// NvmfCreateSubsystemParams are the parameters of nvmf_create_subsystem.
type NvmfCreateSubsystemParams struct {
	NQN           string  `json:"nqn"`                      // name of the subsystem
	TgtName       *string `json:"tgt_name,omitempty"`       // name of the target (default nvmf_tgt)
	SerialNumber  *string `json:"serial_number,omitempty"`  // at most 20 printable ASCII characters (default 20 zeros)
	ModelNumber   *string `json:"model_number,omitempty"`   // at most 40 printable ASCII characters (default SPDK bdev Controller)
	AdminLabel    *string `json:"admin_label,omitempty"`    // label of 4 to 256 ASCII characters
	MaxNamespaces *uint32 `json:"max_namespaces,omitempty"` // largest namespace identifier, at most 65536; 0 for 32; default 32
	AllowAnyHost  *bool   `json:"allow_any_host,omitempty"` // admit hosts that nvmf_subsystem_add_host has not named; VFIOUSER has no names of hosts, so it needs this; default false
	ANAReporting  *bool   `json:"ana_reporting,omitempty"`  // tell hosts how well they reach namespaces by each listener (asymmetric namespace access); default false
	MinCntlid     *uint16 `json:"min_cntlid,omitempty"`     // smallest controller identifier; default 1
	MaxCntlid     *uint16 `json:"max_cntlid,omitempty"`     // largest controller identifier, at most 65519; default 65519
	Dmrsl         *uint32 `json:"dmrsl,omitempty"`          // blocks that a range of Dataset Management should have at most; 0 for no limit; default 2097152
	Wzsl          *uint8  `json:"wzsl,omitempty"`           // what Write Zeroes should cover at most, as a power of two in units of 4096 bytes; 0 for no limit; default 12
	Passthrough   *bool   `json:"passthrough,omitempty"`    // hand all I/O commands, and the admin commands that name a namespace, to the NVMe devices below: only namespaces on such can be added; default false
	EnableNssr    *bool   `json:"enable_nssr,omitempty"`    // let hosts reset the subsystem: its block devices and all controllers; default false
}

// NvmfCreateTarget calls nvmf_create_target. Makes another target, with transports and subsystems of its own, on the threads of the program. It is not saved.
// It returns the name of the target.
func (c *Client) NvmfCreateTarget(ctx context.Context, p NvmfCreateTargetParams) (string, error) {
	return Call[string](ctx, c, "nvmf_create_target", p)
}

// NvmfCreateTargetParams are the parameters of nvmf_create_target.
type NvmfCreateTargetParams struct {
	Name            string   `json:"name"`                       // name of the target, at most 255 bytes
	MaxSubsystems   *uint32  `json:"max_subsystems,omitempty"`   // how many subsystems there may be, 0 for 1024; default 0
	DiscoveryFilter []string `json:"discovery_filter,omitempty"` // what an address must have in common with that of the discovery to be told there; an array, each one of transport, address, svcid
	DupHostPolicy   *string  `json:"dup_host_policy,omitempty"`  // whether a host may connect more than once to a subsystem at the same address; one of allow, restrict_per_listener; default allow
}

// NvmfCreateTransport calls nvmf_create_transport. Makes a transport. A target has at most one of each type. Options that its type has no use for are kept and shown.
func (c *Client) NvmfCreateTransport(ctx context.Context, p NvmfCreateTransportParams) error {
	return c.Call(ctx, "nvmf_create_transport", p, nil)
}

// NvmfCreateTransportParams are the parameters of nvmf_create_transport.
type NvmfCreateTransportParams struct {
	Trtype                 string   `json:"trtype"`                             // type of the transport, such as VFIOUSER
	TgtName                *string  `json:"tgt_name,omitempty"`                 // name of the target (default nvmf_tgt)
	MaxQueueDepth          *uint16  `json:"max_queue_depth,omitempty"`          // entries of the largest queue (VFIOUSER: 256)
	MaxIOQpairsPerCtrlr    *uint16  `json:"max_io_qpairs_per_ctrlr,omitempty"`  // I/O queues of a controller (VFIOUSER: 127, at most 511)
	InCapsuleDataSize      *uint32  `json:"in_capsule_data_size,omitempty"`     // bytes of data that a command brings with it; not for VFIOUSER
	MaxIOSize              *uint32  `json:"max_io_size,omitempty"`              // bytes that a command moves at most, a power of two of at least 8192 (VFIOUSER: 131072, at most 1048576; TCP: 131072, at most 2097152)
	IOUnitSize             *uint32  `json:"io_unit_size,omitempty"`             // deprecated, without effect
	MaxAqDepth             *uint32  `json:"max_aq_depth,omitempty"`             // entries of the admin queue, at least 32
	NumSharedBuffers       *uint32  `json:"num_shared_buffers,omitempty"`       // deprecated, without effect
	BufCacheSize           *uint32  `json:"buf_cache_size,omitempty"`           // deprecated: iobuf_small_cache_size
	IobufSmallCacheSize    *uint32  `json:"iobuf_small_cache_size,omitempty"`   // small buffers that a thread keeps for the transport; not for VFIOUSER
	IobufLargeCacheSize    *uint32  `json:"iobuf_large_cache_size,omitempty"`   // large buffers that a thread keeps for the transport; not for VFIOUSER
	Zcopy                  *bool    `json:"zcopy,omitempty"`                    // SPDK's way to spare a copy; VFIOUSER makes none
	NumCqe                 *int32   `json:"num_cqe,omitempty"`                  // RDMA only
	MaxSrqDepth            *uint32  `json:"max_srq_depth,omitempty"`            // RDMA only
	NoSrq                  *bool    `json:"no_srq,omitempty"`                   // RDMA only
	C2hSuccess             *bool    `json:"c2h_success,omitempty"`              // TCP only: end reads with the last data
	DIFInsertOrStrip       *bool    `json:"dif_insert_or_strip,omitempty"`      // hide the metadata of devices from hosts: protection information is added to what is written, and checked in what is read
	SockPriority           *uint32  `json:"sock_priority,omitempty"`            // TCP only: priority of connections
	AcceptorBacklog        *int32   `json:"acceptor_backlog,omitempty"`         // RDMA only
	AbortTimeoutSec        *uint32  `json:"abort_timeout_sec,omitempty"`        // seconds that Abort waits for a command
	NoWrBatching           *bool    `json:"no_wr_batching,omitempty"`           // RDMA only
	ControlMsgNum          *uint16  `json:"control_msg_num,omitempty"`          // TCP only: buffers for commands with data larger than the capsule takes
	DisableMappableBar0    *bool    `json:"disable_mappable_bar0,omitempty"`    // VFIOUSER only: doorbells by message only, which wakes a sleeping target for QEMU guests at once; SPDK's host cannot work without mapped ones
	DisableAdaptiveIRQ     *bool    `json:"disable_adaptive_irq,omitempty"`     // VFIOUSER only, without effect
	DisableShadowDoorbells *bool    `json:"disable_shadow_doorbells,omitempty"` // VFIOUSER only: leave out Doorbell Buffer Config
	Msi                    *bool    `json:"msi,omitempty"`                      // VFIOUSER only, not in SPDK: MSI in place of MSI-X, with which QEMU can unplug the controller
	AcceptorPollRate       *uint32  `json:"acceptor_poll_rate,omitempty"`       // microseconds; without effect, connections are waited for
	AckTimeout             *uint32  `json:"ack_timeout,omitempty"`              // milliseconds until a connection without acknowledgements ends; not for VFIOUSER
	DataWrPoolSize         *uint32  `json:"data_wr_pool_size,omitempty"`        // RDMA only
	DisableCommandPassthru *bool    `json:"disable_command_passthru,omitempty"` // keep I/O commands that the target does not know, and Identify Namespace, from NVMe devices below
	Kas                    *uint16  `json:"kas,omitempty"`                      // granularity of the keep alive timer in units of 100 ms, at least 1 (default 100)
	MinKato                *uint32  `json:"min_kato,omitempty"`                 // shortest keep alive timeout in milliseconds, rounded up to a multiple of the granularity (default 10000)
	MaskedOncs             []string `json:"masked_oncs,omitempty"`              // optional commands to leave out: Compare, Dataset Management, Write Zeroes, reservations, Copy; an array, each one of all, nvmcmps, nvmdsmsv, nvmwzsv, reservs, nvmcpys
	MaskedFuses            []string `json:"masked_fuses,omitempty"`             // fused commands to leave out: Compare and Write; an array, each one of all, fcws
}

// NvmfDeleteSubsystem calls nvmf_delete_subsystem. Deletes a subsystem: its listeners are closed, its hosts disconnected, its block devices given back.
func (c *Client) NvmfDeleteSubsystem(ctx context.Context, p NvmfDeleteSubsystemParams) error {
	return c.Call(ctx, "nvmf_delete_subsystem", p, nil)
}

// NvmfDeleteSubsystemParams are the parameters of nvmf_delete_subsystem.
type NvmfDeleteSubsystemParams struct {
	NQN     string  `json:"nqn"`                // name of the subsystem
	TgtName *string `json:"tgt_name,omitempty"` // name of the target (default nvmf_tgt)
}

// NvmfDeleteTarget calls nvmf_delete_target. Deletes a target that nvmf_create_target has made, with all that is in it.
func (c *Client) NvmfDeleteTarget(ctx context.Context, p NvmfDeleteTargetParams) error {
	return c.Call(ctx, "nvmf_delete_target", p, nil)
}

// NvmfDeleteTargetParams are the parameters of nvmf_delete_target.
type NvmfDeleteTargetParams struct {
	Name string `json:"name"` // name of the target
}

// NvmfDiscoveryAddReferral calls nvmf_discovery_add_referral. Has discovery tell hosts of another target. One that is told already is passed over.
func (c *Client) NvmfDiscoveryAddReferral(ctx context.Context, p NvmfDiscoveryAddReferralParams) error {
	return c.Call(ctx, "nvmf_discovery_add_referral", p, nil)
}

// NvmfDiscoveryAddReferralAddressParams is the parameter address.
type NvmfDiscoveryAddReferralAddressParams struct {
	Trtype  string  `json:"trtype"`            // type of the transport, such as VFIOUSER
	Adrfam  *string `json:"adrfam,omitempty"`  // family of the address: IPv4, IPv6, IB or FC
	Traddr  string  `json:"traddr"`            // address; of VFIOUSER a directory, in which the socket cntrl is made
	Trsvcid *string `json:"trsvcid,omitempty"` // port; VFIOUSER has none and keeps what is given
}

// NvmfDiscoveryAddReferralParams are the parameters of nvmf_discovery_add_referral.
type NvmfDiscoveryAddReferralParams struct {
	TgtName       *string                               `json:"tgt_name,omitempty"`       // name of the target (default nvmf_tgt)
	Address       NvmfDiscoveryAddReferralAddressParams `json:"address"`                  // where the other target is
	Subnqn        *string                               `json:"subnqn,omitempty"`         // name of its subsystem (default the discovery subsystem)
	SecureChannel *bool                                 `json:"secure_channel,omitempty"` // hosts must use TLS there; default false
}

// NvmfDiscoveryGetReferrals calls nvmf_discovery_get_referrals. Lists the referrals, newest first.
func (c *Client) NvmfDiscoveryGetReferrals(ctx context.Context, p NvmfDiscoveryGetReferralsParams) ([]NvmfDiscoveryGetReferralsResult, error) {
	return Call[[]NvmfDiscoveryGetReferralsResult](ctx, c, "nvmf_discovery_get_referrals", p)
}

// NvmfDiscoveryGetReferralsParams are the parameters of nvmf_discovery_get_referrals.
type NvmfDiscoveryGetReferralsParams struct {
	TgtName *string `json:"tgt_name,omitempty"` // name of the target (default nvmf_tgt)
}

// NvmfDiscoveryGetReferralsAddressResult is a result, or a part of one.
type NvmfDiscoveryGetReferralsAddressResult struct {
	Trtype  string `json:"trtype"`
	Adrfam  string `json:"adrfam"` // unknown if the transport has no families
	Traddr  string `json:"traddr"`
	Trsvcid string `json:"trsvcid"`
}

// NvmfDiscoveryGetReferralsResult is a result, or a part of one.
type NvmfDiscoveryGetReferralsResult struct {
	Address       NvmfDiscoveryGetReferralsAddressResult `json:"address"`
	SecureChannel bool                                   `json:"secure_channel"`
	Subnqn        string                                 `json:"subnqn"`
}

// NvmfDiscoveryRemoveReferral calls nvmf_discovery_remove_referral. Takes a referral out of discovery.
func (c *Client) NvmfDiscoveryRemoveReferral(ctx context.Context, p NvmfDiscoveryRemoveReferralParams) error {
	return c.Call(ctx, "nvmf_discovery_remove_referral", p, nil)
}

// NvmfDiscoveryRemoveReferralAddressParams is the parameter address.
type NvmfDiscoveryRemoveReferralAddressParams struct {
	Trtype  string  `json:"trtype"`            // type of the transport, such as VFIOUSER
	Adrfam  *string `json:"adrfam,omitempty"`  // family of the address: IPv4, IPv6, IB or FC
	Traddr  string  `json:"traddr"`            // address; of VFIOUSER a directory, in which the socket cntrl is made
	Trsvcid *string `json:"trsvcid,omitempty"` // port; VFIOUSER has none and keeps what is given
}

// NvmfDiscoveryRemoveReferralParams are the parameters of nvmf_discovery_remove_referral.
type NvmfDiscoveryRemoveReferralParams struct {
	TgtName *string                                  `json:"tgt_name,omitempty"` // name of the target (default nvmf_tgt)
	Address NvmfDiscoveryRemoveReferralAddressParams `json:"address"`            // where the other target is
	Subnqn  *string                                  `json:"subnqn,omitempty"`   // name of its subsystem (default the discovery subsystem)
}

// NvmfGetStats calls nvmf_get_stats. Tells what the target's threads have done.
func (c *Client) NvmfGetStats(ctx context.Context, p NvmfGetStatsParams) (*NvmfGetStatsResult, error) {
	return Call[*NvmfGetStatsResult](ctx, c, "nvmf_get_stats", p)
}

// NvmfGetStatsParams are the parameters of nvmf_get_stats.
type NvmfGetStatsParams struct {
	TgtName *string `json:"tgt_name,omitempty"` // name of the target (default nvmf_tgt)
}

// NvmfGetStatsPollGroupsTransportsResult is a result, or a part of one.
type NvmfGetStatsPollGroupsTransportsResult struct {
	Trtype string `json:"trtype"`
}

// NvmfGetStatsPollGroupsResult is a result, or a part of one.
type NvmfGetStatsPollGroupsResult struct {
	Name                      string                                   `json:"name"`         // of the thread
	AdminQpairs               uint64                                   `json:"admin_qpairs"` // admin queues since the start
	IOQpairs                  uint64                                   `json:"io_qpairs"`    // I/O queues since the start
	CurrentAdminQpairs        uint64                                   `json:"current_admin_qpairs"`
	CurrentIOQpairs           uint64                                   `json:"current_io_qpairs"`
	CurrentUnassociatedQpairs uint64                                   `json:"current_unassociated_qpairs"` // connections over which no Connect command has succeeded yet
	PendingBdevIO             uint64                                   `json:"pending_bdev_io"`             // 0: requests are not scarce here
	CompletedNvmeIO           uint64                                   `json:"completed_nvme_io"`           // I/O commands since the start
	Transports                []NvmfGetStatsPollGroupsTransportsResult `json:"transports"`
}

// NvmfGetStatsResult is a result, or a part of one.
type NvmfGetStatsResult struct {
	TickRate   uint64                         `json:"tick_rate"`
	PollGroups []NvmfGetStatsPollGroupsResult `json:"poll_groups"`
}

// NvmfGetSubsystems calls nvmf_get_subsystems. Describes the subsystem of that name, or all, in the order of their names.
func (c *Client) NvmfGetSubsystems(ctx context.Context, p NvmfGetSubsystemsParams) ([]NvmfGetSubsystemsResult, error) {
	return Call[[]NvmfGetSubsystemsResult](ctx, c, "nvmf_get_subsystems", p)
}

// NvmfGetSubsystemsParams are the parameters of nvmf_get_subsystems.
type NvmfGetSubsystemsParams struct {
	NQN     *string `json:"nqn,omitempty"`      // name of the subsystem; all if it is left out
	TgtName *string `json:"tgt_name,omitempty"` // name of the target (default nvmf_tgt)
}

// NvmfGetSubsystemsListenAddressesResult is a result, or a part of one.
type NvmfGetSubsystemsListenAddressesResult struct {
	Trtype  string `json:"trtype"`
	Adrfam  string `json:"adrfam"` // unknown if the transport has no families
	Traddr  string `json:"traddr"`
	Trsvcid string `json:"trsvcid"`
}

// NvmfGetSubsystemsHostsResult is a result, or a part of one.
type NvmfGetSubsystemsHostsResult struct {
	NQN            string `json:"nqn"`
	DhchapKey      string `json:"dhchap_key,omitempty"`       // name of its key for authentication
	DhchapCtrlrKey string `json:"dhchap_ctrlr_key,omitempty"` // name of the controller's
}

// NvmfGetSubsystemsNamespacesResult is a result, or a part of one.
type NvmfGetSubsystemsNamespacesResult struct {
	Nsid     uint32  `json:"nsid"`
	BdevName string  `json:"bdev_name"`
	Name     string  `json:"name"`            // the same, for old clients
	Nguid    string  `json:"nguid,omitempty"` // in hexadecimal
	EUI64    string  `json:"eui64,omitempty"` // in hexadecimal
	UUID     *string `json:"uuid,omitempty"`
	Anagrpid uint32  `json:"anagrpid,omitempty"` // of subsystems with ana_reporting
}

// NvmfGetSubsystemsResult is a result, or a part of one.
type NvmfGetSubsystemsResult struct {
	NQN             string                                   `json:"nqn"`
	Subtype         string                                   `json:"subtype"` // NVMe, or Discovery
	ListenAddresses []NvmfGetSubsystemsListenAddressesResult `json:"listen_addresses"`
	AllowAnyHost    bool                                     `json:"allow_any_host"`
	Hosts           []NvmfGetSubsystemsHostsResult           `json:"hosts"` // those that may connect
	SerialNumber    string                                   `json:"serial_number"`
	ModelNumber     string                                   `json:"model_number"`
	AdminLabel      string                                   `json:"admin_label,omitempty"`
	MaxNamespaces   uint32                                   `json:"max_namespaces"`
	Passthrough     bool                                     `json:"passthrough"`
	MinCntlid       uint16                                   `json:"min_cntlid"`
	MaxCntlid       uint16                                   `json:"max_cntlid"`
	Dmrsl           uint32                                   `json:"dmrsl"`
	Wzsl            uint8                                    `json:"wzsl"`
	Namespaces      []NvmfGetSubsystemsNamespacesResult      `json:"namespaces"`
}

// NvmfGetTargets calls nvmf_get_targets. Lists the names of the targets, newest first.
func (c *Client) NvmfGetTargets(ctx context.Context) ([]string, error) {
	return Call[[]string](ctx, c, "nvmf_get_targets", nil)
}

// NvmfGetTransports calls nvmf_get_transports. Lists the transports with their options, or one.
func (c *Client) NvmfGetTransports(ctx context.Context, p NvmfGetTransportsParams) ([]NvmfGetTransportsResult, error) {
	return Call[[]NvmfGetTransportsResult](ctx, c, "nvmf_get_transports", p)
}

// NvmfGetTransportsParams are the parameters of nvmf_get_transports.
type NvmfGetTransportsParams struct {
	TgtName *string `json:"tgt_name,omitempty"` // name of the target (default nvmf_tgt)
	Trtype  *string `json:"trtype,omitempty"`   // type of the transport; all if it is left out
}

// NvmfGetTransportsResult is a result, or a part of one.
type NvmfGetTransportsResult struct {
	Trtype                 string   `json:"trtype"`
	MaxQueueDepth          uint16   `json:"max_queue_depth"`
	MaxIOQpairsPerCtrlr    uint16   `json:"max_io_qpairs_per_ctrlr"`
	InCapsuleDataSize      uint32   `json:"in_capsule_data_size"`
	MaxIOSize              uint32   `json:"max_io_size"` // bytes
	MaxAqDepth             uint32   `json:"max_aq_depth"`
	IobufSmallCacheSize    uint32   `json:"iobuf_small_cache_size"`
	IobufLargeCacheSize    uint32   `json:"iobuf_large_cache_size"`
	DIFInsertOrStrip       bool     `json:"dif_insert_or_strip"`
	Zcopy                  bool     `json:"zcopy"`
	C2hSuccess             *bool    `json:"c2h_success,omitempty"`   // of TCP
	SockPriority           *uint32  `json:"sock_priority,omitempty"` // of TCP
	AbortTimeoutSec        uint32   `json:"abort_timeout_sec"`
	AckTimeout             uint32   `json:"ack_timeout"`
	DataWrPoolSize         uint32   `json:"data_wr_pool_size"`
	DisableCommandPassthru bool     `json:"disable_command_passthru"`
	Kas                    uint16   `json:"kas"`
	MinKato                uint32   `json:"min_kato"`
	DisableMappableBar0    bool     `json:"disable_mappable_bar0,omitempty"` // if it is set, as those that follow
	DisableAdaptiveIRQ     bool     `json:"disable_adaptive_irq,omitempty"`
	DisableShadowDoorbells bool     `json:"disable_shadow_doorbells,omitempty"`
	Msi                    bool     `json:"msi,omitempty"`
	MaskedOncs             []string `json:"masked_oncs,omitempty"`
	MaskedFuses            []string `json:"masked_fuses,omitempty"`
}

// NvmfNSAddHost calls nvmf_ns_add_host. Lets a host see a namespace that was added with no_auto_visible.
func (c *Client) NvmfNSAddHost(ctx context.Context, p NvmfNSAddHostParams) error {
	return c.Call(ctx, "nvmf_ns_add_host", p, nil)
}

// NvmfNSAddHostParams are the parameters of nvmf_ns_add_host.
type NvmfNSAddHostParams struct {
	NQN     string  `json:"nqn"`                // name of the subsystem
	Nsid    uint32  `json:"nsid"`               // namespace identifier
	Host    string  `json:"host"`               // NQN of the host
	TgtName *string `json:"tgt_name,omitempty"` // name of the target (default nvmf_tgt)
}

// NvmfNSRemoveHost calls nvmf_ns_remove_host. Hides a namespace that was added with no_auto_visible from a host.
func (c *Client) NvmfNSRemoveHost(ctx context.Context, p NvmfNSRemoveHostParams) error {
	return c.Call(ctx, "nvmf_ns_remove_host", p, nil)
}

// NvmfNSRemoveHostParams are the parameters of nvmf_ns_remove_host.
type NvmfNSRemoveHostParams struct {
	NQN     string  `json:"nqn"`                // name of the subsystem
	Nsid    uint32  `json:"nsid"`               // namespace identifier
	Host    string  `json:"host"`               // NQN of the host
	TgtName *string `json:"tgt_name,omitempty"` // name of the target (default nvmf_tgt)
}

// NvmfPublishMdnsPrr calls nvmf_publish_mdns_prr. Announces the TCP listeners of the discovery subsystem by mDNS, as _nvme-disc._tcp, so that hosts need no address. It is not saved.
func (c *Client) NvmfPublishMdnsPrr(ctx context.Context, p NvmfPublishMdnsPrrParams) error {
	return c.Call(ctx, "nvmf_publish_mdns_prr", p, nil)
}

// NvmfPublishMdnsPrrParams are the parameters of nvmf_publish_mdns_prr.
type NvmfPublishMdnsPrrParams struct {
	TgtName *string `json:"tgt_name,omitempty"` // name of the target (default nvmf_tgt)
}

// NvmfSetConfig calls nvmf_set_config. Sets what concerns the whole target. What is left out stays as it is.
func (c *Client) NvmfSetConfig(ctx context.Context, p NvmfSetConfigParams) error {
	return c.Call(ctx, "nvmf_set_config", p, nil)
}

// NvmfSetConfigAdminCmdPassthruParams is the parameter admin_cmd_passthru.
type NvmfSetConfigAdminCmdPassthruParams struct {
	IdentifyCtrlr    *bool `json:"identify_ctrlr,omitempty"`
	IdentifyUUIDList *bool `json:"identify_uuid_list,omitempty"`
	GetLogPage       *bool `json:"get_log_page,omitempty"`
	GetSetFeatures   *bool `json:"get_set_features,omitempty"`
	Sanitize         *bool `json:"sanitize,omitempty"`
	SecuritySendRecv *bool `json:"security_send_recv,omitempty"`
	FwUpdate         *bool `json:"fw_update,omitempty"`
	NvmeMi           *bool `json:"nvme_mi,omitempty"`
	VendorSpecific   *bool `json:"vendor_specific,omitempty"`
}

// NvmfSetConfigParams are the parameters of nvmf_set_config.
type NvmfSetConfigParams struct {
	AdminCmdPassthru *NvmfSetConfigAdminCmdPassthruParams `json:"admin_cmd_passthru,omitempty"` // admin commands that go to the NVMe device below, of subsystems with max_namespaces 1 whose namespace is on one
	PollGroupsMask   *string                              `json:"poll_groups_mask,omitempty"`   // CPUs for controllers, of those of the program: a mask or list; all unless it is set
	DiscoveryFilter  *string                              `json:"discovery_filter,omitempty"`   // deprecated: discovery_filters with commas between, or match_any
	DiscoveryFilters []string                             `json:"discovery_filters,omitempty"`  // what an address must have in common with that of the discovery to be told there; an array, each one of transport, address, svcid
	DhchapDigests    []string                             `json:"dhchap_digests,omitempty"`     // hashes allowed for authentication; an array, each one of sha256, sha384, sha512
	DhchapDhgroups   []string                             `json:"dhchap_dhgroups,omitempty"`    // groups allowed for authentication; an array, each one of null, ffdhe2048, ffdhe3072, ffdhe4096, ffdhe6144, ffdhe8192
	DupHostPolicy    *string                              `json:"dup_host_policy,omitempty"`    // whether a host may connect more than once to a subsystem at the same address (default allow); one of allow, restrict_per_listener
}

// NvmfSetCrdt calls nvmf_set_crdt. Sets the command retry delay times, which hosts that know of them wait before they repeat a command that has failed.
func (c *Client) NvmfSetCrdt(ctx context.Context, p NvmfSetCrdtParams) error {
	return c.Call(ctx, "nvmf_set_crdt", p, nil)
}

// NvmfSetCrdtParams are the parameters of nvmf_set_crdt.
type NvmfSetCrdtParams struct {
	Crdt1 *uint16 `json:"crdt1,omitempty"` // first command retry delay time, in units of 100 ms; default 0
	Crdt2 *uint16 `json:"crdt2,omitempty"` // second one; default 0
	Crdt3 *uint16 `json:"crdt3,omitempty"` // third one; default 0
}

// NvmfSetMaxSubsystems calls nvmf_set_max_subsystems. Sets how many subsystems there may be. It may be called once.
func (c *Client) NvmfSetMaxSubsystems(ctx context.Context, p NvmfSetMaxSubsystemsParams) error {
	return c.Call(ctx, "nvmf_set_max_subsystems", p, nil)
}

// NvmfSetMaxSubsystemsParams are the parameters of nvmf_set_max_subsystems.
type NvmfSetMaxSubsystemsParams struct {
	MaxSubsystems uint32 `json:"max_subsystems"` // how many there may be, 0 for 1024
}

// NvmfStopMdnsPrr calls nvmf_stop_mdns_prr. Ends what nvmf_publish_mdns_prr has begun.
func (c *Client) NvmfStopMdnsPrr(ctx context.Context, p NvmfStopMdnsPrrParams) error {
	return c.Call(ctx, "nvmf_stop_mdns_prr", p, nil)
}

// NvmfStopMdnsPrrParams are the parameters of nvmf_stop_mdns_prr.
type NvmfStopMdnsPrrParams struct {
	TgtName *string `json:"tgt_name,omitempty"` // name of the target (default nvmf_tgt)
}

// NvmfSubsystemAddHost calls nvmf_subsystem_add_host. Lets a host connect to a subsystem that does not admit any host.
func (c *Client) NvmfSubsystemAddHost(ctx context.Context, p NvmfSubsystemAddHostParams) error {
	return c.Call(ctx, "nvmf_subsystem_add_host", p, nil)
}

// NvmfSubsystemAddHostParams are the parameters of nvmf_subsystem_add_host.
type NvmfSubsystemAddHostParams struct {
	NQN            string  `json:"nqn"`                        // name of the subsystem
	Host           string  `json:"host"`                       // NQN of the host
	TgtName        *string `json:"tgt_name,omitempty"`         // name of the target (default nvmf_tgt)
	Psk            *string `json:"psk,omitempty"`              // name of the key by which the host may come to listeners with secure_channel
	DhchapKey      *string `json:"dhchap_key,omitempty"`       // name of the key by which the host proves who it is
	DhchapCtrlrKey *string `json:"dhchap_ctrlr_key,omitempty"` // name of the key by which the controller does, if the host asks
}

// NvmfSubsystemAddListener calls nvmf_subsystem_add_listener. Serves a subsystem at an address. The transport must have been created.
func (c *Client) NvmfSubsystemAddListener(ctx context.Context, p NvmfSubsystemAddListenerParams) error {
	return c.Call(ctx, "nvmf_subsystem_add_listener", p, nil)
}

// NvmfSubsystemAddListenerListenAddressParams is the parameter listen_address.
type NvmfSubsystemAddListenerListenAddressParams struct {
	Trtype  string  `json:"trtype"`            // type of the transport, such as VFIOUSER
	Adrfam  *string `json:"adrfam,omitempty"`  // family of the address: IPv4, IPv6, IB or FC
	Traddr  string  `json:"traddr"`            // address; of VFIOUSER a directory, in which the socket cntrl is made
	Trsvcid *string `json:"trsvcid,omitempty"` // port; VFIOUSER has none and keeps what is given
}

// NvmfSubsystemAddListenerParams are the parameters of nvmf_subsystem_add_listener.
type NvmfSubsystemAddListenerParams struct {
	NQN           string                                      `json:"nqn"`                      // name of the subsystem
	TgtName       *string                                     `json:"tgt_name,omitempty"`       // name of the target (default nvmf_tgt)
	ListenAddress NvmfSubsystemAddListenerListenAddressParams `json:"listen_address"`           // where
	SecureChannel *bool                                       `json:"secure_channel,omitempty"` // hosts must use TLS, with the key of nvmf_subsystem_add_host; VFIOUSER has none and keeps what is given. Not together with allow_any_host of the subsystem; default false
	ANAState      *string                                     `json:"ana_state,omitempty"`      // of subsystems with ana_reporting; others pass over it; one of optimized, non_optimized, inaccessible; default optimized
	SockImpl      *string                                     `json:"sock_impl,omitempty"`      // implementation of sockets of the listener, posix or uring, instead of the default; not for VFIOUSER
	NUMAID        *int32                                      `json:"numa_id,omitempty"`        // VFIOUSER only: node whose CPUs the controllers begin on, -1 for any (default -1)
}

// NvmfSubsystemAddNS calls nvmf_subsystem_add_ns. Makes a namespace of a block device. Hosts that are connected are told. The device is claimed; when it is removed, so is the namespace.
// It returns the namespace identifier.
func (c *Client) NvmfSubsystemAddNS(ctx context.Context, p NvmfSubsystemAddNSParams) (uint32, error) {
	return Call[uint32](ctx, c, "nvmf_subsystem_add_ns", p)
}

// NvmfSubsystemAddNSNamespaceParams is the parameter namespace.
type NvmfSubsystemAddNSNamespaceParams struct {
	Nsid          *uint32 `json:"nsid,omitempty"`            // namespace identifier; the lowest free one if it is 0 or left out
	BdevName      string  `json:"bdev_name"`                 // name, alias or UUID of the block device
	Nguid         *string `json:"nguid,omitempty"`           // 16 bytes in hexadecimal; the device's UUID if it is left out
	EUI64         *string `json:"eui64,omitempty"`           // 8 bytes in hexadecimal
	UUID          *string `json:"uuid,omitempty"`            // the device's if it is left out
	PtplFile      *string `json:"ptpl_file,omitempty"`       // file that keeps reservations through a power loss, in SPDK's format
	Anagrpid      *uint32 `json:"anagrpid,omitempty"`        // of subsystems with ana_reporting; others pass over it. At most max_namespaces
	NoAutoVisible *bool   `json:"no_auto_visible,omitempty"` // show it only to hosts that nvmf_ns_add_host names
	HideMetadata  *bool   `json:"hide_metadata,omitempty"`   // hide the device's metadata from hosts, as dif_insert_or_strip of the transport
}

// NvmfSubsystemAddNSParams are the parameters of nvmf_subsystem_add_ns.
type NvmfSubsystemAddNSParams struct {
	NQN       string                            `json:"nqn"`                // name of the subsystem
	Namespace NvmfSubsystemAddNSNamespaceParams `json:"namespace"`          // the namespace
	TgtName   *string                           `json:"tgt_name,omitempty"` // name of the target (default nvmf_tgt)
}

// NvmfSubsystemAllowAnyHost calls nvmf_subsystem_allow_any_host. Sets whether hosts may connect that are not listed. Those that are connected stay.
func (c *Client) NvmfSubsystemAllowAnyHost(ctx context.Context, p NvmfSubsystemAllowAnyHostParams) error {
	return c.Call(ctx, "nvmf_subsystem_allow_any_host", p, nil)
}

// NvmfSubsystemAllowAnyHostParams are the parameters of nvmf_subsystem_allow_any_host.
type NvmfSubsystemAllowAnyHostParams struct {
	NQN          string  `json:"nqn"`                // name of the subsystem
	AllowAnyHost bool    `json:"allow_any_host"`     // whether any host may connect
	TgtName      *string `json:"tgt_name,omitempty"` // name of the target (default nvmf_tgt)
}

// NvmfSubsystemGetControllers calls nvmf_subsystem_get_controllers. Lists the controllers of a subsystem, one for each host that is connected.
func (c *Client) NvmfSubsystemGetControllers(ctx context.Context, p NvmfSubsystemGetControllersParams) ([]NvmfSubsystemGetControllersResult, error) {
	return Call[[]NvmfSubsystemGetControllersResult](ctx, c, "nvmf_subsystem_get_controllers", p)
}

// NvmfSubsystemGetControllersParams are the parameters of nvmf_subsystem_get_controllers.
type NvmfSubsystemGetControllersParams struct {
	NQN     string  `json:"nqn"`                // name of the subsystem
	TgtName *string `json:"tgt_name,omitempty"` // name of the target (default nvmf_tgt)
}

// NvmfSubsystemGetControllersResult is a result, or a part of one.
type NvmfSubsystemGetControllersResult struct {
	Cntlid      uint16 `json:"cntlid"`
	Cntrltype   string `json:"cntrltype"` // io
	Hostnqn     string `json:"hostnqn"`   // empty for VFIOUSER, which has no names of hosts
	Hostid      string `json:"hostid"`
	NumIOQpairs int    `json:"num_io_qpairs"` // queues, the admin queue among them
}

// NvmfSubsystemGetListeners calls nvmf_subsystem_get_listeners. Lists the addresses of a subsystem.
func (c *Client) NvmfSubsystemGetListeners(ctx context.Context, p NvmfSubsystemGetListenersParams) ([]NvmfSubsystemGetListenersResult, error) {
	return Call[[]NvmfSubsystemGetListenersResult](ctx, c, "nvmf_subsystem_get_listeners", p)
}

// NvmfSubsystemGetListenersParams are the parameters of nvmf_subsystem_get_listeners.
type NvmfSubsystemGetListenersParams struct {
	NQN     string  `json:"nqn"`                // name of the subsystem
	TgtName *string `json:"tgt_name,omitempty"` // name of the target (default nvmf_tgt)
}

// NvmfSubsystemGetListenersAddressResult is a result, or a part of one.
type NvmfSubsystemGetListenersAddressResult struct {
	Trtype  string `json:"trtype"`
	Adrfam  string `json:"adrfam"` // unknown if the transport has no families
	Traddr  string `json:"traddr"`
	Trsvcid string `json:"trsvcid"`
}

// NvmfSubsystemGetListenersANAStatesResult is a result, or a part of one.
type NvmfSubsystemGetListenersANAStatesResult struct {
	ANAGroup uint32 `json:"ana_group"`
	ANAState string `json:"ana_state"` // optimized, non_optimized or inaccessible
}

// NvmfSubsystemGetListenersResult is a result, or a part of one.
type NvmfSubsystemGetListenersResult struct {
	Address   NvmfSubsystemGetListenersAddressResult     `json:"address"`
	ANAStates []NvmfSubsystemGetListenersANAStatesResult `json:"ana_states,omitempty"` // of subsystems with ana_reporting
}

// NvmfSubsystemGetQpairs calls nvmf_subsystem_get_qpairs. Lists the queues of a subsystem's controllers.
func (c *Client) NvmfSubsystemGetQpairs(ctx context.Context, p NvmfSubsystemGetQpairsParams) ([]NvmfSubsystemGetQpairsResult, error) {
	return Call[[]NvmfSubsystemGetQpairsResult](ctx, c, "nvmf_subsystem_get_qpairs", p)
}

// NvmfSubsystemGetQpairsParams are the parameters of nvmf_subsystem_get_qpairs.
type NvmfSubsystemGetQpairsParams struct {
	NQN     string  `json:"nqn"`                // name of the subsystem
	TgtName *string `json:"tgt_name,omitempty"` // name of the target (default nvmf_tgt)
}

// NvmfSubsystemGetQpairsListenAddressResult is a result, or a part of one.
type NvmfSubsystemGetQpairsListenAddressResult struct {
	Trtype  string `json:"trtype"`
	Adrfam  string `json:"adrfam"` // unknown if the transport has no families
	Traddr  string `json:"traddr"`
	Trsvcid string `json:"trsvcid"`
}

// NvmfSubsystemGetQpairsAuthResult is a result, or a part of one.
type NvmfSubsystemGetQpairsAuthResult struct {
	State   string `json:"state"`   // negotiate, challenge, reply, success1, success2, failure1, completed or error
	Digest  string `json:"digest"`  // hash that was agreed on, unknown before
	Dhgroup string `json:"dhgroup"` // group that was agreed on, null before
}

// NvmfSubsystemGetQpairsResult is a result, or a part of one.
type NvmfSubsystemGetQpairsResult struct {
	Cntlid        uint16                                    `json:"cntlid"`
	Qid           uint16                                    `json:"qid"`   // 0 is the admin queue
	State         string                                    `json:"state"` // enabled, or authenticating
	Thread        string                                    `json:"thread"`
	Hostnqn       string                                    `json:"hostnqn"`
	ListenAddress NvmfSubsystemGetQpairsListenAddressResult `json:"listen_address"`
	NUMAID        *int32                                    `json:"numa_id,omitempty"` // of VFIOUSER
	PeerAddress   NvmfSubsystemGetQpairsListenAddressResult `json:"peer_address"`
	Auth          *NvmfSubsystemGetQpairsAuthResult         `json:"auth,omitempty"` // of hosts that have a key, or have authenticated without being asked
}

// NvmfSubsystemListenerSetANAState calls nvmf_subsystem_listener_set_ana_state. Sets how hosts reach the namespaces of a group by an address. Those that are connected are told.
func (c *Client) NvmfSubsystemListenerSetANAState(ctx context.Context, p NvmfSubsystemListenerSetANAStateParams) error {
	return c.Call(ctx, "nvmf_subsystem_listener_set_ana_state", p, nil)
}

// NvmfSubsystemListenerSetANAStateListenAddressParams is the parameter listen_address.
type NvmfSubsystemListenerSetANAStateListenAddressParams struct {
	Trtype  string  `json:"trtype"`            // type of the transport, such as VFIOUSER
	Adrfam  *string `json:"adrfam,omitempty"`  // family of the address: IPv4, IPv6, IB or FC
	Traddr  string  `json:"traddr"`            // address; of VFIOUSER a directory, in which the socket cntrl is made
	Trsvcid *string `json:"trsvcid,omitempty"` // port; VFIOUSER has none and keeps what is given
}

// NvmfSubsystemListenerSetANAStateParams are the parameters of nvmf_subsystem_listener_set_ana_state.
type NvmfSubsystemListenerSetANAStateParams struct {
	NQN           string                                              `json:"nqn"`                // name of the subsystem
	TgtName       *string                                             `json:"tgt_name,omitempty"` // name of the target (default nvmf_tgt)
	ListenAddress NvmfSubsystemListenerSetANAStateListenAddressParams `json:"listen_address"`     // where, as it was given
	ANAState      string                                              `json:"ana_state"`          // the new state; one of optimized, non_optimized, inaccessible
	Anagrpid      *uint32                                             `json:"anagrpid,omitempty"` // the group; all if it is 0 or left out
}

// NvmfSubsystemRemoveHost calls nvmf_subsystem_remove_host. Takes a host off the list of those that may connect, and disconnects it.
func (c *Client) NvmfSubsystemRemoveHost(ctx context.Context, p NvmfSubsystemRemoveHostParams) error {
	return c.Call(ctx, "nvmf_subsystem_remove_host", p, nil)
}

// NvmfSubsystemRemoveHostParams are the parameters of nvmf_subsystem_remove_host.
type NvmfSubsystemRemoveHostParams struct {
	NQN       string  `json:"nqn"`                  // name of the subsystem
	Host      string  `json:"host"`                 // NQN of the host
	TgtName   *string `json:"tgt_name,omitempty"`   // name of the target (default nvmf_tgt)
	TimeoutMs *uint64 `json:"timeout_ms,omitempty"` // milliseconds to wait for its controllers to end; 0, and more than that, for 10 s; default 0
}

// NvmfSubsystemRemoveListener calls nvmf_subsystem_remove_listener. Ends the service of a subsystem at an address: hosts that have come by it are disconnected.
func (c *Client) NvmfSubsystemRemoveListener(ctx context.Context, p NvmfSubsystemRemoveListenerParams) error {
	return c.Call(ctx, "nvmf_subsystem_remove_listener", p, nil)
}

// NvmfSubsystemRemoveListenerListenAddressParams is the parameter listen_address.
type NvmfSubsystemRemoveListenerListenAddressParams struct {
	Trtype  string  `json:"trtype"`            // type of the transport, such as VFIOUSER
	Adrfam  *string `json:"adrfam,omitempty"`  // family of the address: IPv4, IPv6, IB or FC
	Traddr  string  `json:"traddr"`            // address; of VFIOUSER a directory, in which the socket cntrl is made
	Trsvcid *string `json:"trsvcid,omitempty"` // port; VFIOUSER has none and keeps what is given
}

// NvmfSubsystemRemoveListenerParams are the parameters of nvmf_subsystem_remove_listener.
type NvmfSubsystemRemoveListenerParams struct {
	NQN           string                                         `json:"nqn"`                // name of the subsystem
	TgtName       *string                                        `json:"tgt_name,omitempty"` // name of the target (default nvmf_tgt)
	ListenAddress NvmfSubsystemRemoveListenerListenAddressParams `json:"listen_address"`     // where, as it was given
}

// NvmfSubsystemRemoveNS calls nvmf_subsystem_remove_ns. Takes a namespace away, when the commands that use it have ended. Hosts that are connected are told.
func (c *Client) NvmfSubsystemRemoveNS(ctx context.Context, p NvmfSubsystemRemoveNSParams) error {
	return c.Call(ctx, "nvmf_subsystem_remove_ns", p, nil)
}

// NvmfSubsystemRemoveNSParams are the parameters of nvmf_subsystem_remove_ns.
type NvmfSubsystemRemoveNSParams struct {
	NQN     string  `json:"nqn"`                // name of the subsystem
	Nsid    uint32  `json:"nsid"`               // namespace identifier
	TgtName *string `json:"tgt_name,omitempty"` // name of the target (default nvmf_tgt)
}

// NvmfSubsystemSetKeys calls nvmf_subsystem_set_keys. Changes the keys of a host. Queues that are connected stay; the new keys are for the next authentication.
func (c *Client) NvmfSubsystemSetKeys(ctx context.Context, p NvmfSubsystemSetKeysParams) error {
	return c.Call(ctx, "nvmf_subsystem_set_keys", p, nil)
}

// NvmfSubsystemSetKeysParams are the parameters of nvmf_subsystem_set_keys.
type NvmfSubsystemSetKeysParams struct {
	NQN            string  `json:"nqn"`                        // name of the subsystem
	Host           string  `json:"host"`                       // NQN of the host, which nvmf_subsystem_add_host has named
	TgtName        *string `json:"tgt_name,omitempty"`         // name of the target (default nvmf_tgt)
	DhchapKey      *string `json:"dhchap_key,omitempty"`       // name of the key by which the host proves who it is; none if it is left out
	DhchapCtrlrKey *string `json:"dhchap_ctrlr_key,omitempty"` // name of the key by which the controller does; none if it is left out
}

// NvmfSubsystemSetNSANAGroup calls nvmf_subsystem_set_ns_ana_group. Moves a namespace to another ANA group. The subsystem must have been made with ana_reporting.
func (c *Client) NvmfSubsystemSetNSANAGroup(ctx context.Context, p NvmfSubsystemSetNSANAGroupParams) error {
	return c.Call(ctx, "nvmf_subsystem_set_ns_ana_group", p, nil)
}

// NvmfSubsystemSetNSANAGroupParams are the parameters of nvmf_subsystem_set_ns_ana_group.
type NvmfSubsystemSetNSANAGroupParams struct {
	NQN      string  `json:"nqn"`                // name of the subsystem
	TgtName  *string `json:"tgt_name,omitempty"` // name of the target (default nvmf_tgt)
	Nsid     uint32  `json:"nsid"`               // namespace identifier
	Anagrpid uint32  `json:"anagrpid"`           // the group, 1 to max_namespaces
}
