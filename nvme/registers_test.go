// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"testing"
	"time"
)

func TestCAP(t *testing.T) {
	// MQES 255, CQR, AMS 1, TO 30, DSTRD 2, NSSRS, CSS NVM and IOCS, MPSMIN
	// 0, MPSMAX 4, PMRS, CMBS, CRMS 3.
	c := CAP(0x1b40_0832_1e03_00ff | 1<<43)
	if c.MQES() != 255 || !c.CQR() || c.AMS() != 1 || c.TO() != 0x1e || c.DSTRD() != 2 || !c.NSSRS() {
		t.Errorf("low fields of %#x", uint64(c))
	}
	if c.CSS() != CAPCSSNVM|CAPCSSIOCS || c.BPS() || c.MPSMIN() != 0 || c.MPSMAX() != 4 || !c.PMRS() || !c.CMBS() || c.NSSS() || !c.CRWMS() || !c.CRIMS() {
		t.Errorf("high fields of %#x: css %#x mpsmax %d", uint64(c), c.CSS(), c.MPSMAX())
	}
	if c.MaxQueueEntries() != 256 || c.TimeoutMS() != 15000 || c.Timeout() != 15*time.Second || c.DoorbellStride() != 16 || c.MinPageSize() != 4096 || c.MaxPageSize() != 65536 {
		t.Errorf("units of %#x", uint64(c))
	}
	b := CAP(0).WithMQES(255).WithCQR(true).WithAMS(1).WithTO(30).WithDSTRD(2).WithNSSRS(true).WithCSS(CAPCSSNVM | CAPCSSIOCS).
		WithMPSMAX(4).WithPMRS(true).WithCMBS(true).WithCRWMS(true).WithCRIMS(true)
	if b != c {
		t.Errorf("built %#x, want %#x", uint64(b), uint64(c))
	}
	if b := c.WithCQR(false).WithMQES(0); b != c&^0x1ffff {
		t.Errorf("cleared %#x", uint64(b))
	}
}

func TestControl(t *testing.T) {
	cc := CC(0).WithEN(true).WithIOSQES(6).WithIOCQES(4).WithMPS(0).WithCSS(CCCSSIOCS).WithAMS(CCAMSWRR).WithSHN(CCSHNNormal).WithCRIME(true)
	if cc != 0x01464861 {
		t.Errorf("CC %#x, want 0x1464861", uint32(cc))
	}
	if cc.WithMPS(3).PageSize() != 32768 {
		t.Errorf("page size %d", cc.WithMPS(3).PageSize())
	}
	s := CSTS(0x2f)
	if !s.RDY() || !s.CFS() || s.SHST() != 3 || s.NSSRO() || !s.PP() {
		t.Errorf("CSTS %#x", uint32(s))
	}
	if s := CSTS(1).WithSHST(SHSTComplete); s != 9 {
		t.Errorf("CSTS %#x, want 9", uint32(s))
	}
	a := NewAQA(32, 128)
	if a != 0x007f001f || a.SQEntries() != 32 || a.CQEntries() != 128 {
		t.Errorf("AQA %#x", uint32(a))
	}
	for v, want := range map[VS]string{NewVS(1, 4, 0): "1.4", NewVS(1, 2, 1): "1.2.1", 0x00020000: "2.0"} {
		if v.String() != want {
			t.Errorf("version %q, want %q", v.String(), want)
		}
	}
	if NewVS(1, 3, 2) != 0x00010302 {
		t.Errorf("version %#x", uint32(NewVS(1, 3, 2)))
	}
	if c := CRTO(0x0004000a); c.MediaTimeout() != 5*time.Second || c.IndependentTimeout() != 2*time.Second {
		t.Errorf("CRTO %v %v", c.MediaTimeout(), c.IndependentTimeout())
	}
}

func TestMemoryBuffers(t *testing.T) {
	// 16 units of 64 KiB, at 2 units, in BAR 2; submission queues and lists.
	size, loc := CMBSZ(0x00010105), CMBLOC(0x00002002)
	if !size.SQS() || size.CQS() || !size.LISTS() || size.UnitSize() != 65536 || size.Size() != 1<<20 {
		t.Errorf("CMBSZ unit %d size %d", size.UnitSize(), size.Size())
	}
	if loc.BIR() != 2 || loc.Offset(size) != 131072 {
		t.Errorf("CMBLOC bir %d offset %d", loc.BIR(), loc.Offset(size))
	}
	if bad := size.WithSZU(7); bad.Size() != 0 {
		t.Errorf("size with a reserved unit %d", bad.Size())
	}
	m := CMBMSC(0).WithCRE(true).WithCMSE(true).WithAddress(0x12345000)
	if m != 0x12345003 || m.Address() != 0x12345000 || m.CBA() != 0x12345 {
		t.Errorf("CMBMSC %#x", uint64(m))
	}
	p := PMRCAP(0x01051558)
	if !p.RDS() || !p.WDS() || p.BIR() != 2 || p.PMRTU() != 1 || p.PMRWBM() != 5 || p.PMRTO() != 5 || !p.CMSS() || p.Timeout() != 5*time.Minute {
		t.Errorf("PMRCAP %#x: %v", uint32(p), p.Timeout())
	}
	b := BPINFO(0x82000008)
	if b.Size() != 1<<20 || b.BRS() != BRSSuccess || !b.ABPID() {
		t.Errorf("BPINFO %#x: %d", uint32(b), b.Size())
	}
}

func TestDoorbells(t *testing.T) {
	for _, tt := range []struct {
		qid    uint16
		cq     bool
		stride int
		want   int
	}{
		{0, false, 4, 0x1000}, {0, true, 4, 0x1004}, {1, false, 4, 0x1008}, {3, true, 16, 0x1070}, {65535, true, 4, 0x1000 + 131071*4},
	} {
		if got := DoorbellOffset(tt.qid, tt.cq, tt.stride); got != tt.want {
			t.Errorf("queue %d cq %v: %#x, want %#x", tt.qid, tt.cq, got, tt.want)
		}
		if qid, cq, ok := DoorbellQueue(tt.want, tt.stride); qid != tt.qid || cq != tt.cq || !ok {
			t.Errorf("%#x: queue %d cq %v %v", tt.want, qid, cq, ok)
		}
	}
	for _, off := range []int{0, 0xffc, 0x1002, 0x1000 + 131072*4} {
		if _, _, ok := DoorbellQueue(off, 4); ok {
			t.Errorf("%#x is a doorbell", off)
		}
	}
}
