// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"reflect"
	"testing"
)

// offsets are byte offsets as the specification's figures print them.
var offsets = []struct {
	of     any
	fields map[string]uintptr
}{
	{Command{}, map[string]uintptr{"Opcode": 0, "Flags": 1, "CID": 2, "NSID": 4, "CDW2": 8, "CDW3": 12, "MPTR": 16, "PRP1": 24, "PRP2": 32, "CDW10": 40, "CDW11": 44, "CDW15": 60}},
	{Completion{}, map[string]uintptr{"CDW0": 0, "CDW1": 4, "SQHD": 8, "SQID": 10, "CID": 12, "StatusPhase": 14}},
	{SGLDescriptor{}, map[string]uintptr{"Address": 0, "Length": 8, "Reserved": 12, "Identifier": 15}},
	{IdentifyController{}, map[string]uintptr{
		"VID": 0, "SSVID": 2, "SN": 4, "MN": 24, "FR": 64, "RAB": 72, "IEEE": 73, "CMIC": 76, "MDTS": 77, "CNTLID": 78, "VER": 80,
		"RTD3R": 84, "RTD3E": 88, "OAES": 92, "CTRATT": 96, "RRLS": 100, "BPCAP": 102, "NSSL": 104, "PLSI": 110, "CNTRLTYPE": 111, "FGUID": 112, "CRDT1": 128, "CRDT2": 130, "CRDT3": 132, "CRCAP": 134,
		"NVMSR": 253, "VWCI": 254, "MEC": 255, "OACS": 256, "ACL": 258, "AERL": 259, "FRMW": 260, "LPA": 261, "ELPE": 262, "NPSS": 263,
		"AVSCC": 264, "APSTA": 265, "WCTEMP": 266, "CCTEMP": 268, "MTFA": 270, "HMPRE": 272, "HMMIN": 276, "TNVMCAP": 280, "UNVMCAP": 296,
		"RPMBS": 312, "EDSTT": 316, "DSTO": 318, "FWUG": 319, "KAS": 320, "HCTMA": 322, "MNTMT": 324, "MXTMT": 326, "SANICAP": 328,
		"HMMINDS": 332, "HMMAXD": 336, "NSETIDMAX": 338, "ENDGIDMAX": 340, "ANATT": 342, "ANACAP": 343, "ANAGRPMAX": 344, "NANAGRPID": 348,
		"PELS": 352, "DOMAINID": 356, "KPIOC": 358, "MPTFAWR": 360, "MEGCAP": 368, "TMPTHHA": 384, "CQT": 386,
		"SQES": 512, "CQES": 513, "MAXCMD": 514, "NN": 516, "ONCS": 520, "FUSES": 522, "FNA": 524, "VWC": 525, "AWUN": 526, "AWUPF": 528,
		"ICSVSCC": 530, "NWPC": 531, "ACWU": 532, "OCFS": 534, "SGLS": 536, "MNAN": 540, "MAXDNA": 544, "MAXCNA": 560, "OAQD": 564,
		"RHIRI": 568, "HIRT": 569, "CMMRTD": 570, "NMMRTD": 572, "MINMRTG": 574, "MAXMRTG": 575, "TRATTR": 576, "MCUDMQ": 578, "MNSUDMQ": 580,
		"MCMR": 582, "NMCMR": 584, "MCDQPC": 586, "SUBNQN": 768,
		"IOCCSZ": 1792, "IORCSZ": 1796, "ICDOFF": 1800, "FCATT": 1802, "MSDBD": 1803, "OFCS": 1804, "DCTYPE": 1806, "PSD": 2048, "VS": 3072}},
	{PowerStateDescriptor{}, map[string]uintptr{"MP": 0, "Flags": 3, "ENLAT": 4, "EXLAT": 8, "RRT": 12, "RRL": 13, "RWT": 14, "RWL": 15, "IDLP": 16, "IPS": 18, "ACTP": 20, "APW": 22}},
	{IdentifyNamespace{}, map[string]uintptr{
		"NSZE": 0, "NCAP": 8, "NUSE": 16, "NSFEAT": 24, "NLBAF": 25, "FLBAS": 26, "MC": 27, "DPC": 28, "DPS": 29, "NMIC": 30, "RESCAP": 31,
		"FPI": 32, "DLFEAT": 33, "NAWUN": 34, "NAWUPF": 36, "NACWU": 38, "NABSN": 40, "NABO": 42, "NABSPF": 44, "NOIOB": 46, "NVMCAP": 48,
		"NPWG": 64, "NPWA": 66, "NPDG": 68, "NPDA": 70, "NOWS": 72, "MSSRL": 74, "MCL": 76, "MSRC": 80, "KPIOS": 81, "NULBAF": 82, "KPIODAAG": 84,
		"ANAGRPID": 92, "NSATTR": 99, "NVMSETID": 100, "ENDGID": 102, "NGUID": 104, "EUI64": 120, "LBAF": 128, "VS": 384}},
	{IdentifyNamespaceNVM{}, map[string]uintptr{"LBSTM": 0, "PIC": 8, "PIFA": 9, "ELBAF": 12, "NPDGL": 268, "NPRG": 272, "NPRA": 276, "NORS": 280, "NPDAL": 284, "LBAPSS": 288, "TLBAAG": 292}},
	{IdentifyControllerNVM{}, map[string]uintptr{"VSL": 0, "WZSL": 1, "WUSL": 2, "DMRL": 3, "DMRSL": 4, "DMSL": 8}},
	{IdentifyNamespaceZNS{}, map[string]uintptr{"ZOC": 0, "OZCS": 2, "MAR": 4, "MOR": 8, "RRL": 12, "FRL": 16, "RRL1": 20, "FRL3": 40, "NUMZRWA": 44, "ZRWAFG": 48, "ZRWASZ": 50, "ZRWACAP": 52, "LBAFE": 2816, "VS": 3840}},
	{IdentifyNamespaceIndependent{}, map[string]uintptr{"NSFEAT": 0, "NMIC": 1, "RESCAP": 2, "FPI": 3, "ANAGRPID": 4, "NSATTR": 8, "NVMSETID": 10, "ENDGID": 12, "NSTAT": 14, "KPIOS": 15, "MAXKT": 16, "RGRPID": 20}},
	{PrimaryControllerCapabilities{}, map[string]uintptr{"CNTLID": 0, "PORTID": 2, "CRT": 4, "VQFRT": 32, "VQRFA": 36, "VQRFAP": 40, "VQPRT": 42, "VQFRSM": 44, "VQGRAN": 46, "VIFRT": 64, "VIRFA": 68, "VIRFAP": 72, "VIPRT": 74, "VIFRSM": 76, "VIGRAN": 78}},
	{SecondaryControllerList{}, map[string]uintptr{"NUMID": 0, "Entries": 32}},
	{SecondaryController{}, map[string]uintptr{"SCID": 0, "PCID": 2, "SCS": 4, "VFN": 8, "NVQ": 10, "NVI": 12}},
	{NamespaceGranularityList{}, map[string]uintptr{"NGA": 0, "NOD": 4, "NGD": 32}},
	{UUIDEntry{}, map[string]uintptr{"Header": 0, "UUID": 16}},
	{NVMSet{}, map[string]uintptr{"NVMSETID": 0, "ENDGID": 2, "RR4KT": 8, "OWS": 12, "TNVMSETC": 16, "UNVMSETC": 32}},
	{Domain{}, map[string]uintptr{"DID": 0, "DCAP": 16, "UDCAP": 32, "MEGDC": 48}},
	{ErrorLogEntry{}, map[string]uintptr{"ErrorCount": 0, "SQID": 8, "CMDID": 10, "StatusPhase": 12, "ParameterError": 14, "LBA": 16, "NSID": 24, "VendorLog": 28, "TRTYPE": 29, "CSI": 30, "OPC": 31, "CommandSpecific": 32, "TransportSpec": 40, "LPVER": 63}},
	{SMARTLog{}, map[string]uintptr{"CriticalWarning": 0, "CTEMP": 1, "AvailableSpare": 3, "AvailableSpareThreshold": 4, "PercentageUsed": 5, "EnduranceGroupWarning": 6, "DataUnitsRead": 32, "DataUnitsWritten": 48, "HostReadCommands": 64, "HostWriteCommands": 80, "ControllerBusyTime": 96, "PowerCycles": 112, "PowerOnHours": 128, "UnsafeShutdowns": 144, "MediaErrors": 160, "ErrorLogEntries": 176, "WarningTempTime": 192, "CriticalTempTime": 196, "TempSensor": 200, "TMT1Transitions": 216, "TMT2Transitions": 220, "TMT1Time": 224, "TMT2Time": 228}},
	{FirmwareSlotLog{}, map[string]uintptr{"AFI": 0, "FRS": 8}},
	{CommandEffectsLog{}, map[string]uintptr{"Admin": 0, "IO": 1024}},
	{DeviceSelfTestLog{}, map[string]uintptr{"CurrentOperation": 0, "CurrentCompletion": 1, "Results": 4}},
	{SelfTestResult{}, map[string]uintptr{"STATUS": 0, "Segment": 1, "VDI": 2, "POH": 4, "NSID": 12, "LBA": 16, "SCT": 24, "SC": 25, "VS": 26}},
	{TelemetryLog{}, map[string]uintptr{"LID": 0, "IEEE": 5, "DA1LB": 8, "DA2LB": 10, "DA3LB": 12, "DA4LB": 16, "Scope": 380, "HostGeneration": 381, "ControllerAvailable": 382, "Generation": 383, "Reason": 384}},
	{EnduranceGroupLog{}, map[string]uintptr{"CriticalWarning": 0, "AvailableSpare": 3, "PercentageUsed": 5, "DID": 6, "EnduranceEstimate": 32, "DataUnitsRead": 48, "MediaUnitsWritten": 80, "ErrorLogEntries": 144, "TEGCAP": 160, "UEGCAP": 176}},
	{PredictableLatencyLog{}, map[string]uintptr{"Status": 0, "EventType": 2, "DTWINReadsTypical": 32, "DTWINTimeMax": 48, "NDWINTimeMinLow": 64, "DTWINReadsEstimate": 128, "DTWINTimeEstimate": 144}},
	{ANALog{}, map[string]uintptr{"CHGC": 0, "NAGD": 8}},
	{ANAGroupDescriptor{}, map[string]uintptr{"AGID": 0, "NNV": 4, "CHGC": 8, "State": 16}},
	{PersistentEventLog{}, map[string]uintptr{"LID": 0, "TNEV": 4, "TLL": 8, "LREV": 16, "LHL": 18, "TSTMP": 20, "POH": 28, "PCC": 44, "VID": 52, "SSVID": 54, "SN": 56, "MN": 76, "SUBNQN": 116, "GNUM": 372, "RCI": 374, "SEB": 480}},
	{PersistentEventHeader{}, map[string]uintptr{"Type": 0, "Revision": 1, "EHL": 2, "EHAI": 3, "CNTLID": 4, "ETIME": 6, "PELPID": 14, "VSIL": 20, "EL": 22}},
	{LBAStatusLog{}, map[string]uintptr{"LSLPLEN": 0, "NLSLNE": 4, "ESTULB": 8, "LSGC": 14}},
	{LBAStatusNamespace{}, map[string]uintptr{"NEID": 0, "NLRD": 4, "RATYPE": 8}},
	{LBAStatusDescriptor{}, map[string]uintptr{"DSLBA": 0, "NLB": 8, "Status": 13}},
	{ReservationNotificationLog{}, map[string]uintptr{"LPC": 0, "Type": 8, "NALP": 9, "NSID": 12}},
	{SanitizeStatusLog{}, map[string]uintptr{"SPROG": 0, "SSTAT": 2, "SCDW10": 4, "ETO": 8, "ETBE": 12, "ETCE": 16, "ETOND": 20, "ETBEND": 24, "ETCEND": 28, "ETPVDS": 32, "SSI": 36}},
	{ChangedZonesLog{}, map[string]uintptr{"NRZID": 0, "ZID": 8}},
	{DiscoveryLog{}, map[string]uintptr{"GENCTR": 0, "NUMREC": 8, "RECFMT": 16, "DLPF": 18, "TDLPL": 20}},
	{DiscoveryEntry{}, map[string]uintptr{"TRTYPE": 0, "ADRFAM": 1, "SUBTYPE": 2, "TREQ": 3, "PORTID": 4, "CNTLID": 6, "ASQSZ": 8, "EFLAGS": 10, "TRSVCID": 32, "SUBNQN": 256, "TRADDR": 512, "TSAS": 768}},
	{FDPConfiguration{}, map[string]uintptr{"DSIZE": 0, "FDPA": 2, "VSSIZE": 3, "NRG": 4, "NRUH": 8, "MAXPIDS": 10, "NNSS": 12, "RUNS": 16, "ERUTL": 24}},
	{FDPEvent{}, map[string]uintptr{"Type": 0, "FDPEF": 1, "PID": 2, "ETIME": 4, "NSID": 12, "Specific": 16, "RGID": 32, "RUHID": 34, "VS": 40}},
	{HostBehaviorSupport{}, map[string]uintptr{"ACRE": 0, "ETDAS": 1, "LBAFEE": 2, "HDISNS": 3, "CDFE": 4}},
	{LBARangeType{}, map[string]uintptr{"TYPE": 0, "ATTRS": 1, "SLBA": 16, "NLB": 24, "GUID": 32}},
	{PredictableLatencyConfig{}, map[string]uintptr{"EE": 0, "DTWINReads": 32, "DTWINTime": 48}},
	{DSMRange{}, map[string]uintptr{"Attributes": 0, "NLB": 4, "SLBA": 8}},
	{CopyRange{}, map[string]uintptr{"SNSID": 0, "SLBA": 8, "NLB": 16, "SOPT": 22, "ELBT": 24, "ELBAT": 28, "ELBATM": 30}},
	{CopyRangeExtended{}, map[string]uintptr{"SNSID": 0, "SLBA": 8, "NLB": 16, "SOPT": 22, "ELBT": 26, "ELBAT": 36, "ELBATM": 38}},
	{PI16{}, map[string]uintptr{"GUARD": 0, "APP": 2, "TAG": 4}},
	{PI32{}, map[string]uintptr{"GUARD": 0, "APP": 4, "TAG": 6}},
	{PI64{}, map[string]uintptr{"GUARD": 0, "APP": 8, "TAG": 10}},
	{StreamsParameters{}, map[string]uintptr{"MSL": 0, "NSSA": 2, "NSSO": 4, "NSSC": 6, "SWS": 16, "SGS": 20, "NSA": 22, "NSO": 24}},
	{ReclaimUnitHandleStatus{}, map[string]uintptr{"NRUHSD": 14}},
	{ReclaimUnitHandleDescriptor{}, map[string]uintptr{"PID": 0, "RUHID": 2, "EARUTR": 4, "RUAMW": 8}},
	{ReservationStatus{}, map[string]uintptr{"GEN": 0, "RTYPE": 4, "REGCTL": 5, "PTPLS": 9}},
	{ReservationRegistrant{}, map[string]uintptr{"CNTLID": 0, "RCSTS": 2, "HOSTID": 8, "RKEY": 16}},
	{ReservationRegistrantExtended{}, map[string]uintptr{"CNTLID": 0, "RCSTS": 2, "RKEY": 8, "HOSTID": 16}},
	{ZoneDescriptor{}, map[string]uintptr{"ZT": 0, "ZS": 1, "ZA": 2, "ZAI": 3, "ZCAP": 8, "ZSLBA": 16, "WP": 24}},
	{ConnectData{}, map[string]uintptr{"HOSTID": 0, "CNTLID": 16, "SUBNQN": 256, "HOSTNQN": 512}},
}

func TestOffsets(t *testing.T) {
	for _, o := range offsets {
		typ := reflect.TypeOf(o.of)
		for name, want := range o.fields {
			f, ok := typ.FieldByName(name)
			if !ok {
				t.Errorf("%v has no field %s", typ, name)
			} else if f.Offset != want {
				t.Errorf("%v.%s is at byte %d, want %d", typ, name, f.Offset, want)
			}
		}
	}
}

// TestNoHiddenPadding checks that each structure's fields follow one another:
// a hole would show that a field is off its natural alignment.
func TestNoHiddenPadding(t *testing.T) {
	for _, o := range offsets {
		typ := reflect.TypeOf(o.of)
		var end uintptr
		for i := range typ.NumField() {
			f := typ.Field(i)
			if f.Offset != end {
				t.Errorf("%v.%s is at byte %d, the field before it ends at %d", typ, f.Name, f.Offset, end)
			}
			end = f.Offset + f.Type.Size()
		}
		if end != typ.Size() {
			t.Errorf("%v ends at byte %d with %d bytes of padding", typ, end, typ.Size()-end)
		}
	}
}
