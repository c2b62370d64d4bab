// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"slices"
	"testing"
	"time"
)

func TestLogFields(t *testing.T) {
	var s SMARTLog
	s.SetTemperature(0x0139)
	s.PowerCycles = NewUint128(1, 2)
	p := Bytes(&s)
	if p[1] != 0x39 || p[2] != 1 || p[112] != 2 || p[120] != 1 || s.Temperature() != 313 {
		t.Errorf("SMART log %x", p[:128])
	}
	if s.PowerCycles.Float64() != 18446744073709551618 || s.PowerCycles.Hi() != 1 || s.PowerCycles.Lo() != 2 {
		t.Errorf("power cycles %v", s.PowerCycles)
	}
	var e ErrorLogEntry
	e.SetStatus(StatusInvalidField.WithDNR())
	if e.StatusPhase != 0x8004 || e.Status() != StatusInvalidField.WithDNR() {
		t.Errorf("status %#x", e.StatusPhase)
	}
	f := FirmwareSlotLog{AFI: 0x21}
	if f.ActiveSlot() != 1 || f.NextSlot() != 2 {
		t.Errorf("slots %d %d", f.ActiveSlot(), f.NextSlot())
	}
	if c := EffectSupported.WithCSE(2); c != 0x00020001 || c.CSE() != 2 || c.WithCSE(0) != 1 {
		t.Errorf("effects %#x", uint32(c))
	}
	r, _ := Read[SelfTestResult](unhex(t, "27 03 0f 00 1000000000000000 01000000 8877665544332211 02 81 0000"))
	if r.Result() != SelfTestFailed || r.Code() != SelfTestExtended || r.PowerOnHours() != 16 || r.NSID != 1 || r.FailingLBA() != 0x1122334455667788 || r.SC != 0x81 {
		t.Errorf("self-test result %+v", r)
	}
	z := ChangedZonesLog{NRZID: 2, ZID: [511]uint64{5, 6}}
	if got, ok := z.Zones(); !ok || !slices.Equal(got, []uint64{5, 6}) {
		t.Errorf("zones %v %v", got, ok)
	}
	if z.NRZID = 0xffff; true {
		if _, ok := z.Zones(); ok {
			t.Error("too many zones are listed")
		}
	}
	if l := (SanitizeStatusLog{SSTAT: 0x0103}); l.Status() != SanitizeStatusFailed {
		t.Errorf("sanitize status %d", l.Status())
	}
	at := time.UnixMilli(1_700_000_000_123)
	if ts := NewTimestamp(at); !ts.Time().Equal(at) || ts[6] != 0 || ts[0] != 0x7b {
		t.Errorf("timestamp %x", ts)
	}
}

func TestAsyncEvent(t *testing.T) {
	e := NewAsyncEvent(AsyncEventNotice, NoticeNamespaceAttribute, LogChangedNamespaces)
	if e != 0x00040002 || e.String() != "notice: namespace attribute changed (log page 0x04)" {
		t.Errorf("%#x %q", uint32(e), e)
	}
	if e := AsyncEvent(0x0001ff01); e.Type() != AsyncEventSMART || e.Info() != 0xff || e.LogPage() != LogError || e.String() != "SMART: info 0xff (log page 0x01)" {
		t.Errorf("%q", e)
	}
}

func TestFeatures(t *testing.T) {
	if n := NewNumberOfQueues(127, 1); n != 0x0000007e || n.Submission() != 127 || n.Completion() != 1 {
		t.Errorf("number of queues %#x", uint32(n))
	}
	for got, want := range map[uint32]uint32{
		uint32(Arbitration(0).WithAB(7).WithLPW(1).WithMPW(2).WithHPW(3)):            0x03020107,
		uint32(TemperatureThreshold(0).WithTMPTH(0x157).WithTMPSEL(15).WithTHSEL(1)): 0x001f0157,
		uint32(InterruptVectorConfig(0).WithIV(3).WithCD(true)):                      0x00010003,
		uint32(PowerManagement(0).WithPS(2).WithWH(1)):                               0x22,
		uint32(ErrorRecovery(0).WithTLER(5).WithDULBE(true)):                         0x00010005,
		uint32(ReservationNotificationMask(0).WithREGPRE(true).WithRESPRE(true)):     0xa,
		uint32(FDPConfig(0).WithFDPE(true).WithFDPCIDX(2)):                           0x201,
	} {
		if got != want {
			t.Errorf("%#x, want %#x", got, want)
		}
	}
	a := AsyncEventConfiguration(0x80000900).WithCriticalWarning(0x1f)
	if a != 0x8000091f || !a.NamespaceAttribute() || a.FirmwareActivation() || !a.ANAChange() || !a.DiscoveryLogChange() {
		t.Errorf("async event configuration %#x", uint32(a))
	}
	if e := NewAutonomousPowerStateEntry(3, 1000); e != 0x3e818 || e.ITPS() != 3 || e.ITPT() != 1000 {
		t.Errorf("power state entry %#x", uint64(e))
	}
	if FeatureHostIdentifier.String() != "HOST IDENTIFIER" || FeatureID(0x16).String() != "RESERVED" {
		t.Error("feature names")
	}
}

func TestANALog(t *testing.T) {
	groups := []ANAGroup{{ID: 1, ChangeCount: 5, State: ANAOptimized, NSIDs: []uint32{1, 2}}, {ID: 2, State: ANAInaccessible, NSIDs: []uint32{}}}
	p := AppendANALog(nil, 9, groups)
	want := unhex(t, `0900000000000000 0200 000000000000
		01000000 02000000 0500000000000000 01 000000000000000000000000000000 01000000 02000000
		02000000 00000000 0000000000000000 03 000000000000000000000000000000`)
	if !bytes.Equal(p, want) {
		t.Errorf("got  %x\nwant %x", p, want)
	}
	count, got, err := ParseANALog(p)
	if err != nil || count != 9 || !reflect.DeepEqual(got, groups) {
		t.Errorf("%d %+v, %v", count, got, err)
	}
	for n := range len(p) {
		if _, _, err := ParseANALog(p[:n]); err == nil {
			t.Errorf("%d of %d bytes: no error", n, len(p))
		}
	}
}

func TestDiscoveryLog(t *testing.T) {
	p := make([]byte, 3*1024)
	p[8] = 2 // NUMREC
	e := p[1024:]
	e[0], e[1], e[2] = 3, 1, 2
	copy(e[32:], "4420                            ")
	copy(e[256:], "nqn.2016-06.io.spdk:cnode1\x00")
	copy(e[512:], "10.0.0.2   ")
	h, entries, err := ParseDiscoveryLog(p)
	if err != nil || h.NUMREC != 2 || len(entries) != 2 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	want := TransportID{Trtype: TrtypeTCP, Adrfam: AdrfamIPv4, Traddr: "10.0.0.2", Trsvcid: "4420", Subnqn: "nqn.2016-06.io.spdk:cnode1"}
	if got := entries[0].TransportID(); got != want {
		t.Errorf("%+v", got)
	}
	if _, entries, err = ParseDiscoveryLog(p[:2047]); err != nil || len(entries) != 0 {
		t.Errorf("cut off: %d entries, %v", len(entries), err)
	}
	if p[16] = 1; true {
		if _, _, err := ParseDiscoveryLog(p); err == nil {
			t.Error("unknown record format: no error")
		}
	}
}

func TestPersistentEvents(t *testing.T) {
	h := PersistentEventLog{LID: LogPersistentEvent, TNEV: 2, LHL: 492}
	e := PersistentEventHeader{Type: PersistentEventPowerOn, EHL: 21, CNTLID: 7, EL: 3}
	p := append(slices.Clone(Bytes(&h)), Bytes(&e)...)
	p = append(p, 1, 2, 3)
	e.Type, e.EL = PersistentEventSMART, 0
	p = append(p, Bytes(&e)...)
	_, events, err := ParsePersistentEvents(p)
	if err != nil || len(events) != 2 || !bytes.Equal(events[0].Data, []byte{1, 2, 3}) || events[0].CNTLID != 7 || events[1].Type != PersistentEventSMART {
		t.Errorf("%+v, %v", events, err)
	}
	if _, events, err := ParsePersistentEvents(p[:len(p)-1]); err != nil || len(events) != 1 {
		t.Errorf("cut off: %d events, %v", len(events), err)
	}
	p[512+2] = 20
	if _, _, err := ParsePersistentEvents(p); err == nil {
		t.Error("short event header: no error")
	}
}

func TestZoneReport(t *testing.T) {
	p := make([]byte, 64+2*128)
	p[0] = 9
	copy(p[64:], unhex(t, "02 e0 81 00 00000000 0040000000000000 0080000000000000 ffffffffffffffff"))
	p[128] = 0xee // extension
	zones, total, err := ParseZoneReport(p, 64)
	if err != nil || total != 9 || len(zones) != 2 {
		t.Fatalf("%d zones of %d, %v", len(zones), total, err)
	}
	z := &zones[0]
	if z.ZT != ZoneTypeSequentialWrite || z.State() != ZoneStateFull || z.ZA != ZAFinished|ZAExtensionValid || z.ZCAP != 0x4000 || z.ZSLBA != 0x8000 || len(z.Extension) != 64 || z.Extension[0] != 0xee {
		t.Errorf("%+v", z)
	}
	if z.SetState(ZoneStateEmpty); z.ZS != 0x10 || z.State().String() != "empty" {
		t.Errorf("ZS %#x", z.ZS)
	}
	if zones, _, err := ParseZoneReport(p, 0); err != nil || len(zones) != 4 || zones[0].Extension != nil {
		t.Errorf("%d zones without extension, %v", len(zones), err)
	}
	if _, _, err := ParseZoneReport(p[:63], 0); err == nil {
		t.Error("short report: no error")
	}
	if _, _, err := ParseZoneReport(p, -1); err == nil {
		t.Error("negative extension: no error")
	}
}

func TestReservationStatus(t *testing.T) {
	p := unhex(t, "05000000 03 0200 0000 01 0000000000000000000000000000 0100 01 0000000000 8877665544332211 efbe000000000000")
	s, regs, err := ParseReservationStatus(p, false)
	if err != nil || s.GEN != 5 || s.RTYPE != ReservationWriteExclusiveRegistrants || s.Registrants() != 2 || s.PTPLS != 1 || len(regs) != 1 {
		t.Fatalf("%+v %+v, %v", s, regs, err)
	}
	if r := regs[0]; r.CNTLID != 1 || !r.Holder || r.Key != 0xbeef || r.HostID != [16]byte{0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11} {
		t.Errorf("%+v", r)
	}
	var es ReservationStatusExtended
	es.SetRegistrants(1)
	er := ReservationRegistrantExtended{CNTLID: 4, RKEY: 6, HOSTID: [16]byte{15: 9}}
	_, regs, err = ParseReservationStatus(append(slices.Clone(Bytes(&es)), Bytes(&er)...), true)
	if err != nil || len(regs) != 1 || regs[0] != (Registrant{CNTLID: 4, Key: 6, HostID: [16]byte{15: 9}}) {
		t.Errorf("extended %+v, %v", regs, err)
	}
	if _, _, err := ParseReservationStatus(p[:23], false); err == nil {
		t.Error("short report: no error")
	}
}

func TestCopyRange(t *testing.T) {
	r := CopyRange{SNSID: 2, SLBA: 0x1122334455667788, NLB: 7, SOPT: CopySourceFast, ELBT: 0xaabbccdd, ELBAT: 0x1234, ELBATM: 0x5678}
	got, err := ParseCopyRange(2, Bytes(&r))
	want := CopySource{NSID: 2, SLBA: 0x1122334455667788, Blocks: 8, Options: CopySourceFast, AppTag: 0x1234, AppMask: 0x5678, Tag: [10]byte{0xdd, 0xcc, 0xbb, 0xaa}}
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = ParseCopyRange(0, Bytes(&r))
	want.NSID, want.Options = 0, 0
	if err != nil || got != want {
		t.Errorf("format 0: %+v, %v", got, err)
	}
	x := CopyRangeExtended{SLBA: 5, NLB: 0xffff, ELBT: [10]byte{1, 2, 9: 3}, ELBAT: 4, ELBATM: 5}
	got, err = ParseCopyRange(1, Bytes(&x))
	if err != nil || got != (CopySource{SLBA: 5, Blocks: 65536, AppTag: 4, AppMask: 5, Tag: x.ELBT}) {
		t.Errorf("format 1: %+v, %v", got, err)
	}
	if _, err := ParseCopyRange(4, Bytes(&x)); err == nil {
		t.Error("format 4: no error")
	}
	if _, err := ParseCopyRange(3, Bytes(&r)); err == nil {
		t.Error("short descriptor: no error")
	}
}

func TestProtectionInformation(t *testing.T) {
	var a PI16
	a.SetGuard(0x1234)
	a.SetAppTag(0x5678)
	a.SetRefTag(0x9abcdef0)
	if !bytes.Equal(Bytes(&a), unhex(t, "123456789abcdef0")) || a.Guard() != 0x1234 || a.AppTag() != 0x5678 || a.RefTag() != 0x9abcdef0 {
		t.Errorf("%x", Bytes(&a))
	}
	var b PI32
	b.SetGuard(0x01020304)
	b.SetAppTag(0x0506)
	b.SetTags(0x0708, 0x090a0b0c0d0e0f10)
	if !bytes.Equal(Bytes(&b), unhex(t, "0102030405060708090a0b0c0d0e0f10")) || b.Guard() != 0x01020304 || b.AppTag() != 0x0506 {
		t.Errorf("%x", Bytes(&b))
	}
	if hi, lo := b.Tags(); hi != 0x0708 || lo != 0x090a0b0c0d0e0f10 {
		t.Errorf("tags %x %x", hi, lo)
	}
	var c PI64
	c.SetGuard(0x0102030405060708)
	c.SetAppTag(0x090a)
	c.SetTags(0x0b0c0d0e0f10)
	if !bytes.Equal(Bytes(&c), unhex(t, "0102030405060708090a0b0c0d0e0f10")) || c.Tags() != 0x0b0c0d0e0f10 || c.Guard() != 0x0102030405060708 || c.AppTag() != 0x090a {
		t.Errorf("%x", Bytes(&c))
	}
}

func TestFDPConfigurations(t *testing.T) {
	h := FDPConfigurationsLog{N: 1}
	c := FDPConfiguration{DSIZE: 72, NRUH: 2, NRG: 1}
	binary.LittleEndian.PutUint64(c.RUNS[:], 1<<30)
	p := append(slices.Clone(Bytes(&h)), Bytes(&c)...)
	p = append(p, 1, 0, 0, 0, 2, 0, 0, 0)
	got, err := ParseFDPConfigurations(append(p, 0, 0))
	if err != nil || len(got) != 1 || !slices.Equal(got[0].HandleTypes, []uint8{1, 2}) || got[0].ReclaimUnitSize() != 1<<30 {
		t.Errorf("%+v, %v", got, err)
	}
	p[16] = 71
	if _, err := ParseFDPConfigurations(p); err == nil {
		t.Error("short configuration: no error")
	}
}

func TestConnectResult(t *testing.T) {
	if r := NewConnectResult(0x12); r.CNTLID() != 0x12 || r.AuthRequired() {
		t.Errorf("%#x", uint32(r))
	}
	if r := ConnectResult(0x00020001); !r.AuthRequired() {
		t.Errorf("%#x does not require authentication", uint32(r))
	}
	if got := ConnectInvalid(256, true); got != 0x00010100 {
		t.Errorf("invalid parameter %#x", got)
	}
}

// FuzzParseLogs gives every parser of log pages and reports the same bytes.
func FuzzParseLogs(f *testing.F) {
	f.Add(AppendANALog(nil, 1, []ANAGroup{{ID: 1, NSIDs: []uint32{1}}}), uint16(0))
	h := PersistentEventLog{TNEV: 3, LHL: 492}
	e := PersistentEventHeader{EHL: 21, EL: 2}
	f.Add(append(append(slices.Clone(Bytes(&h)), Bytes(&e)...), 1, 2), uint16(64))
	d := DiscoveryLog{NUMREC: 1 << 63}
	f.Add(append(slices.Clone(Bytes(&d)), make([]byte, 1024)...), uint16(1))
	f.Add(bytes.Repeat([]byte{0xff}, 200), uint16(128))
	f.Fuzz(func(t *testing.T, p []byte, n uint16) {
		if count, groups, err := ParseANALog(p); err == nil {
			again := AppendANALog(nil, count, groups)
			if _, back, err := ParseANALog(again); err != nil || !reflect.DeepEqual(back, groups) {
				t.Errorf("ANA log %+v became %+v, %v", groups, back, err)
			}
		}
		if zones, _, err := ParseZoneReport(p, int(n)); err == nil && len(zones)*(64+int(n)) > len(p) {
			t.Errorf("%d zones in %d bytes", len(zones), len(p))
		}
		if _, events, err := ParsePersistentEvents(p); err == nil && len(events)*24 > len(p) {
			t.Errorf("%d events in %d bytes", len(events), len(p))
		}
		for _, extended := range []bool{false, true} {
			if _, regs, err := ParseReservationStatus(p, extended); err == nil && len(regs)*24 > len(p) {
				t.Errorf("%d registrants in %d bytes", len(regs), len(p))
			}
		}
		if _, entries, err := ParseDiscoveryLog(p); err == nil {
			for i := range entries {
				_ = entries[i].TransportID().String()
			}
		}
		_, _ = ParseFDPConfigurations(p)
		_, _ = ParseCopyRange(uint8(n), p)
	})
}
