// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"math/rand/v2"
	"testing"
)

// dwords are what a builder must give, computed by hand from the figures of the
// specification.
type dwords map[int]uint32

func checkDwords(t *testing.T, name string, c Command, op Opcode, want dwords) {
	t.Helper()
	if c.Opcode != op {
		t.Errorf("%s: opcode %v, want %v", name, c.Opcode, op)
	}
	got := map[int]uint32{1: c.NSID, 2: c.CDW2, 3: c.CDW3, 6: uint32(c.PRP1), 7: uint32(c.PRP1 >> 32), 8: uint32(c.PRP2), 9: uint32(c.PRP2 >> 32),
		10: c.CDW10, 11: c.CDW11, 12: c.CDW12, 13: c.CDW13, 14: c.CDW14, 15: c.CDW15}
	for i, v := range got {
		if v != want[i] {
			t.Errorf("%s: dword %d is %08x, want %08x", name, i, v, want[i])
		}
	}
}

func TestCommandDwords(t *testing.T) {
	for _, tt := range []struct {
		name string
		c    Command
		op   Opcode
		want dwords
	}{
		{"CreateIOCQ", CreateIOCQ{QID: 1, Size: 256, Contiguous: true, Address: 0x200003000}.Command(), AdminCreateIOCQ, dwords{6: 0x3000, 7: 2, 10: 0x00ff0001, 11: 1}},
		{"CreateIOCQ with interrupt", CreateIOCQ{QID: 2, Size: 65536, InterruptEnabled: true, Vector: 0x12}.Command(), AdminCreateIOCQ, dwords{10: 0xffff0002, 11: 0x00120002}},
		{"CreateIOSQ", CreateIOSQ{QID: 1, Size: 256, Contiguous: true, Priority: QueuePriorityLow, CQID: 3, NVMSetID: 4}.Command(), AdminCreateIOSQ, dwords{10: 0x00ff0001, 11: 0x00030007, 12: 4}},
		{"DeleteIOSQ", DeleteIOSQ{QID: 7}.Command(), AdminDeleteIOSQ, dwords{10: 7}},
		{"DeleteIOCQ", DeleteIOCQ{QID: 7}.Command(), AdminDeleteIOCQ, dwords{10: 7}},
		{"DoorbellBufferConfig", DoorbellBufferConfig{Shadow: 0x1000, EventIndex: 0x2000}.Command(), AdminDoorbellBufferConfig, dwords{6: 0x1000, 8: 0x2000}},
		{"Identify", Identify{NSID: 5, CNS: CNSIOCSNamespace, CNTID: 0x1234, Specific: 9, CSI: CSIZNS, UUIDIndex: 3}.Command(), AdminIdentify, dwords{1: 5, 10: 0x12340005, 11: 0x02000009, 14: 3}},
		{"GetLogPage", GetLogPage{NSID: NSIDBroadcast, LID: LogTelemetryHost, LSP: 1, RAE: true, Dwords: 0x12346, LSI: 0x55, Offset: 0x100000200, UUIDIndex: 2, IndexOffset: true, CSI: CSIZNS}.Command(), AdminGetLogPage,
			dwords{1: 0xffffffff, 10: 0x23458107, 11: 0x00550001, 12: 0x200, 13: 1, 14: 0x02800002}},
		{"Abort", Abort{SQID: 1, CID: 0xbf}.Command(), AdminAbort, dwords{10: 0x00bf0001}},
		{"AsyncEventRequest", AsyncEventRequest{}.Command(), AdminAsyncEventRequest, nil},
		{"KeepAlive", KeepAlive{}.Command(), AdminKeepAlive, nil},
		{"SetFeatures", SetFeatures{FID: FeatureNumberOfQueues, Save: true, CDW11: uint32(NewNumberOfQueues(128, 64)), UUIDIndex: 1, CDW15: 8}.Command(), AdminSetFeatures, dwords{10: 0x80000007, 11: 0x003f007f, 14: 1, 15: 8}},
		{"GetFeatures", GetFeatures{NSID: 1, FID: FeatureErrorRecovery, Select: SelectCapabilities}.Command(), AdminGetFeatures, dwords{1: 1, 10: 0x305}},
		{"FirmwareCommit", FirmwareCommit{Slot: 2, Action: FirmwareActionActivateNow, BootPartition: true}.Command(), AdminFirmwareCommit, dwords{10: 0x8000001a}},
		{"FirmwareImageDownload", FirmwareImageDownload{Dwords: 1024, Offset: 2048}.Command(), AdminFirmwareImageDownload, dwords{10: 1023, 11: 2048}},
		{"DeviceSelfTest", DeviceSelfTest{NSID: 1, Code: SelfTestAbort}.Command(), AdminDeviceSelfTest, dwords{1: 1, 10: 0xf}},
		{"VirtualizationManagement", VirtualizationManagement{Action: 8, ResourceType: 1, CNTLID: 3, Resources: 4}.Command(), AdminVirtualizationManagement, dwords{10: 0x00030108, 11: 4}},
		{"SecuritySend", SecuritySend{NSSF: 1, SPSP: 0x0203, SECP: 0xea, Length: 512}.Command(), AdminSecuritySend, dwords{10: 0xea020301, 11: 512}},
		{"SecurityReceive", SecurityReceive{SPSP: 1, Length: 512}.Command(), AdminSecurityReceive, dwords{10: 0x100, 11: 512}},
		{"Lockdown", Lockdown{Scope: 2, Prohibit: true, Interface: 1, Identifier: 0x84}.Command(), AdminLockdown, dwords{10: 0x8432}},
		{"NamespaceManagement", NamespaceManagement{NSID: 2, Select: NamespaceDelete, CSI: CSIZNS}.Command(), AdminNamespaceManagement, dwords{1: 2, 10: 1, 11: 0x02000000}},
		{"NamespaceAttachment", NamespaceAttachment{NSID: 2, Select: NamespaceDetach}.Command(), AdminNamespaceAttachment, dwords{1: 2, 10: 1}},
		{"FormatNVM", FormatNVM{NSID: 1, Format: 0x25, Extended: true, Protection: 1, ProtectionFirst: true, SecureErase: SecureEraseCrypto}.Command(), AdminFormatNVM, dwords{1: 1, 10: 0x2535}},
		{"Sanitize", Sanitize{Action: SanitizeOverwrite, Unrestricted: true, Passes: 2, Invert: true, NoDeallocate: true, Pattern: 0xa5a5a5a5}.Command(), AdminSanitize, dwords{10: 0x32b, 11: 0xa5a5a5a5}},
		{"CapacityManagement", CapacityManagement{Operation: 3, Element: 5, Capacity: 0x200000001}.Command(), AdminCapacityManagement, dwords{10: 0x00050003, 11: 1, 12: 2}},
		{"GetLBAStatus", GetLBAStatus{NSID: 1, SLBA: 0x300000002, MaxDwords: 1024, Range: 7, Action: LBAStatusTracked}.Command(), AdminGetLBAStatus, dwords{1: 1, 10: 2, 11: 3, 12: 1023, 13: 0x11000007}},
		{"DirectiveSend", DirectiveSend{NSID: 1, Dwords: 1, Operation: 1, Type: 0, Specific: 2, CDW12: 0x101}.Command(), AdminDirectiveSend, dwords{1: 1, 11: 0x00020001, 12: 0x101}},
		{"DirectiveReceive", DirectiveReceive{NSID: 1, Dwords: 1024, Operation: 3, Type: DirectiveStreams, CDW12: 4}.Command(), AdminDirectiveReceive, dwords{1: 1, 10: 1023, 11: 0x103, 12: 4}},
		{"MISend", MISend{MIOpcode: 1, NMD0: 2, NMD1: 3}.Command(), AdminNVMeMISend, dwords{10: 1, 11: 2, 12: 3}},

		{"Flush", Flush{NSID: 1}.Command(), CmdFlush, dwords{1: 1}},
		{"Write", ReadWrite{Opcode: CmdWrite, NSID: 1, SLBA: 0x1_0000_0002, Blocks: 8, DirectiveType: DirectiveStreams, PRINFO: PRInfoAction | PRInfoCheckGuard, FUA: true, LR: true, DSM: 0x45, DirectiveSpecific: 0x99, BlockTags: BlockTags{TagLow: 0x11, TagHigh: 0xaaaabbbbcccc, AppTag: 0x1234, AppTagMask: 0xff00}}.Command(), CmdWrite,
			dwords{1: 1, 2: 0xbbbbcccc, 3: 0xaaaa, 10: 2, 11: 1, 12: 0xf0100007, 13: 0x00990045, 14: 0x11, 15: 0xff001234}},
		{"Read", ReadWrite{Opcode: CmdRead, NSID: 1, Blocks: 1}.Command(), CmdRead, dwords{1: 1}},
		{"WriteZeroes", WriteZeroes{NSID: 1, SLBA: 4, Blocks: 65536, Deallocate: true, StorageTagCheck: true}.Command(), CmdWriteZeroes, dwords{1: 1, 10: 4, 12: 0x0300ffff}},
		{"WriteUncorrectable", WriteUncorrectable{NSID: 1, SLBA: 4, Blocks: 2}.Command(), CmdWriteUncorrectable, dwords{1: 1, 10: 4, 12: 1}},
		{"Verify", Verify{NSID: 1, SLBA: 4, Blocks: 2, PRINFO: PRInfoCheckRef}.Command(), CmdVerify, dwords{1: 1, 10: 4, 12: 0x04000001}},
		{"DatasetManagement", DatasetManagement{NSID: 1, Ranges: 256, Deallocate: true, IntegralWrite: true}.Command(), CmdDatasetManagement, dwords{1: 1, 10: 255, 11: 6}},
		{"Copy", Copy{NSID: 1, SDLBA: 0x100, Ranges: 3, Format: 1, PRINFOR: PRInfoAction, StorageTagCheckWrite: true, StorageTagCheckRead: true, PRINFOW: PRInfoCheckApp, FUA: true}.Command(), CmdCopy, dwords{1: 1, 10: 0x100, 12: 0x4b008102}},
		{"IOManagementReceive", IOManagementReceive{NSID: 1, Operation: 1, Specific: 2, Dwords: 16}.Command(), CmdIOManagementReceive, dwords{1: 1, 10: 0x00020001, 11: 15}},
		{"IOManagementSend", IOManagementSend{NSID: 1, Operation: 1, Specific: 2}.Command(), CmdIOManagementSend, dwords{1: 1, 10: 0x00020001}},
		{"ReservationRegister", ReservationRegister{NSID: 1, Action: ReservationReplaceKey, IgnoreKey: true, Persist: ReservationPersistSet}.Command(), CmdReservationRegister, dwords{1: 1, 10: 0xc000000a}},
		{"ReservationAcquire", ReservationAcquire{NSID: 1, Action: ReservationActionPreempt, Type: ReservationExclusiveAccessAll}.Command(), CmdReservationAcquire, dwords{1: 1, 10: 0x601}},
		{"ReservationRelease", ReservationRelease{NSID: 1, Action: ReservationActionClear, IgnoreKey: true, Type: ReservationWriteExclusive}.Command(), CmdReservationRelease, dwords{1: 1, 10: 0x109}},
		{"ReservationReport", ReservationReport{NSID: 1, Dwords: 1024, Extended: true}.Command(), CmdReservationReport, dwords{1: 1, 10: 1023, 11: 1}},
		{"ZoneManagementSend", ZoneManagementSend{NSID: 1, SLBA: 0x8000, Action: ZoneReset, SelectAll: true}.Command(), CmdZoneManagementSend, dwords{1: 1, 10: 0x8000, 13: 0x104}},
		{"ZoneManagementReceive", ZoneManagementReceive{NSID: 1, SLBA: 0x8000, Dwords: 1024, Action: ZoneReportExtended, Option: ZoneListFull, Partial: true}.Command(), CmdZoneManagementReceive, dwords{1: 1, 10: 0x8000, 12: 1023, 13: 0x00010501}},
		{"ZoneAppend", ZoneAppend{NSID: 1, ZSLBA: 0x8000, Blocks: 16, Remap: true}.Command(), CmdZoneAppend, dwords{1: 1, 10: 0x8000, 12: 0x0200000f}},

		{"Connect", Connect{QID: 1, SQSize: 128, Attributes: ConnectNoSQFlow, KATO: 120000}.Command(), OpcodeFabrics, dwords{1: 1, 10: 0x00010000, 11: 0x0004007f, 12: 120000}},
		{"PropertyGet", PropertyGet{Wide: 1, Offset: RegCAP}.Command(), OpcodeFabrics, dwords{1: 4, 10: 1}},
		{"PropertySet", PropertySet{Offset: RegCC, Value: 0x00460001}.Command(), OpcodeFabrics, dwords{11: 0x14, 12: 0x00460001}},
		{"AuthSend", AuthSend{SPSP: 0x0101, SECP: SECPNVMe, Length: 64}.Command(), OpcodeFabrics, dwords{1: 5, 10: 0xe9010100, 11: 64}},
		{"AuthReceive", AuthReceive{SPSP: 0x0101, SECP: SECPNVMe, Length: 64}.Command(), OpcodeFabrics, dwords{1: 6, 10: 0xe9010100, 11: 64}},
		{"Disconnect", Disconnect{}.Command(), OpcodeFabrics, dwords{1: 8}},
	} {
		checkDwords(t, tt.name, tt.c, tt.op, tt.want)
	}
}

// reparse parses, builds and parses again: both parses must agree whatever the
// dwords, and the second build must equal the first.
func reparse[T comparable](t *testing.T, name string, parse func(*Command) T, build func(T) Command, c *Command) {
	t.Helper()
	first := parse(c)
	built := build(first)
	built.CID = c.CID
	second := parse(&built)
	if first != second {
		t.Errorf("%s: %+v became %+v", name, first, second)
	}
	if again := build(second); again != func() Command { built.CID = 0; return built }() {
		t.Errorf("%s: builds differ: %+v and %+v", name, again, built)
	}
}

func TestCommandRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var c Command
		for i := range Bytes(&c) {
			Bytes(&c)[i] = byte(r.Uint32())
		}
		reparse(t, "CreateIOSQ", ParseCreateIOSQ, CreateIOSQ.Command, &c)
		reparse(t, "CreateIOCQ", ParseCreateIOCQ, CreateIOCQ.Command, &c)
		reparse(t, "DeleteIOSQ", ParseDeleteIOSQ, DeleteIOSQ.Command, &c)
		reparse(t, "DeleteIOCQ", ParseDeleteIOCQ, DeleteIOCQ.Command, &c)
		reparse(t, "DoorbellBufferConfig", ParseDoorbellBufferConfig, DoorbellBufferConfig.Command, &c)
		reparse(t, "Identify", ParseIdentify, Identify.Command, &c)
		reparse(t, "GetLogPage", ParseGetLogPage, GetLogPage.Command, &c)
		reparse(t, "Abort", ParseAbort, Abort.Command, &c)
		reparse(t, "FirmwareCommit", ParseFirmwareCommit, FirmwareCommit.Command, &c)
		reparse(t, "FirmwareImageDownload", ParseFirmwareImageDownload, FirmwareImageDownload.Command, &c)
		reparse(t, "DeviceSelfTest", ParseDeviceSelfTest, DeviceSelfTest.Command, &c)
		reparse(t, "VirtualizationManagement", ParseVirtualizationManagement, VirtualizationManagement.Command, &c)
		reparse(t, "SecuritySend", ParseSecuritySend, SecuritySend.Command, &c)
		reparse(t, "SecurityReceive", ParseSecurityReceive, SecurityReceive.Command, &c)
		reparse(t, "Lockdown", ParseLockdown, Lockdown.Command, &c)
		reparse(t, "MISend", ParseMISend, MISend.Command, &c)
		reparse(t, "MIReceive", ParseMIReceive, MIReceive.Command, &c)
		reparse(t, "NamespaceManagement", ParseNamespaceManagement, NamespaceManagement.Command, &c)
		reparse(t, "NamespaceAttachment", ParseNamespaceAttachment, NamespaceAttachment.Command, &c)
		reparse(t, "FormatNVM", ParseFormatNVM, FormatNVM.Command, &c)
		reparse(t, "Sanitize", ParseSanitize, Sanitize.Command, &c)
		reparse(t, "CapacityManagement", ParseCapacityManagement, CapacityManagement.Command, &c)
		reparse(t, "GetLBAStatus", ParseGetLBAStatus, GetLBAStatus.Command, &c)
		reparse(t, "DirectiveSend", ParseDirectiveSend, DirectiveSend.Command, &c)
		reparse(t, "DirectiveReceive", ParseDirectiveReceive, DirectiveReceive.Command, &c)
		reparse(t, "SetFeatures", ParseSetFeatures, SetFeatures.Command, &c)
		reparse(t, "GetFeatures", ParseGetFeatures, GetFeatures.Command, &c)
		reparse(t, "Flush", ParseFlush, Flush.Command, &c)
		reparse(t, "ReadWrite", ParseReadWrite, ReadWrite.Command, &c)
		reparse(t, "WriteZeroes", ParseWriteZeroes, WriteZeroes.Command, &c)
		reparse(t, "WriteUncorrectable", ParseWriteUncorrectable, WriteUncorrectable.Command, &c)
		reparse(t, "Verify", ParseVerify, Verify.Command, &c)
		reparse(t, "DatasetManagement", ParseDatasetManagement, DatasetManagement.Command, &c)
		reparse(t, "Copy", ParseCopy, Copy.Command, &c)
		reparse(t, "IOManagementReceive", ParseIOManagementReceive, IOManagementReceive.Command, &c)
		reparse(t, "IOManagementSend", ParseIOManagementSend, IOManagementSend.Command, &c)
		reparse(t, "ReservationRegister", ParseReservationRegister, ReservationRegister.Command, &c)
		reparse(t, "ReservationAcquire", ParseReservationAcquire, ReservationAcquire.Command, &c)
		reparse(t, "ReservationRelease", ParseReservationRelease, ReservationRelease.Command, &c)
		reparse(t, "ReservationReport", ParseReservationReport, ReservationReport.Command, &c)
		reparse(t, "ZoneManagementSend", ParseZoneManagementSend, ZoneManagementSend.Command, &c)
		reparse(t, "ZoneManagementReceive", ParseZoneManagementReceive, ZoneManagementReceive.Command, &c)
		reparse(t, "ZoneAppend", ParseZoneAppend, ZoneAppend.Command, &c)
		reparse(t, "Connect", ParseConnect, Connect.Command, &c)
		reparse(t, "Disconnect", ParseDisconnect, Disconnect.Command, &c)
		reparse(t, "PropertyGet", ParsePropertyGet, PropertyGet.Command, &c)
		reparse(t, "PropertySet", ParsePropertySet, PropertySet.Command, &c)
		reparse(t, "AuthSend", ParseAuthSend, AuthSend.Command, &c)
		reparse(t, "AuthReceive", ParseAuthReceive, AuthReceive.Command, &c)
	}
}
