// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"errors"
	"fmt"
	"testing"
)

func TestStatusString(t *testing.T) {
	for s, want := range map[Status]string{
		0x0000: "SUCCESS (00/00)",
		0x0008: "ABORTED - SQ DELETION (00/08)",
		0x000b: "INVALID NAMESPACE OR FORMAT (00/0b)",
		0x0023: "GENERIC (00/23)", // has no name in SPDK
		0x0080: "LBA OUT OF RANGE (00/80)",
		0x0102: "INVALID QUEUE SIZE (01/02)",
		0x0105: "ASYNC LIMIT EXCEEDED (01/05)",
		0x01b8: "ZONED BOUNDARY ERROR (01/b8)",
		0x01ff: "COMMAND SPECIFIC (01/ff)",
		0x0285: "COMPARE FAILURE (02/85)",
		0x02d0: "READ HIGH ECC (02/d0)",
		0x0300: "INTERNAL PATH ERROR (03/00)",
		0x0371: "ABORTED BY HOST (03/71)",
		0x0400: "RESERVED (04/00)",
		0x0712: "VENDOR SPECIFIC (07/12)",
		0x4008: "ABORTED - SQ DELETION (00/08)", // DNR is not printed here
	} {
		if got := s.String(); got != want {
			t.Errorf("%#x: %q, want %q", uint16(s), got, want)
		}
	}
	if got := StatusFabricsInvalidParam.FabricsName(); got != "INVALID PARAM" {
		t.Errorf("fabrics name %q", got)
	}
	if got := StatusFabricsInvalidParam.Name(); got != "WRITE TO RO RANGE" {
		t.Errorf("name %q", got)
	}
}

func TestStatusFields(t *testing.T) {
	s := NewStatus(SCTMediaError, 0x81).WithDNR().WithMore().WithCRD(2)
	if s != 0x7281 {
		t.Errorf("status %#x, want 0x7281", uint16(s))
	}
	if s.SC() != 0x81 || s.SCT() != SCTMediaError || !s.DNR() || !s.More() || s.CRD() != 2 || !s.IsError() {
		t.Errorf("fields of %#x", uint16(s))
	}
	if s.Code() != StatusUnrecoveredReadError || !s.Is(StatusUnrecoveredReadError) || s.Is(StatusSuccess) {
		t.Errorf("code %#x", uint16(s.Code()))
	}
	if StatusSuccess.WithDNR().IsError() {
		t.Error("flags alone are an error")
	}
	for s, want := range map[Status]uint16{
		StatusInvalidNamespace: 0x0b, StatusReservationConflict: 0x83, StatusInvalidQueueID: 0x101, StatusConflictingAttributes: 0x180,
		StatusInvalidZoneStateTransition: 0x1bf, StatusFabricsAuthRequired: 0x191, StatusCompareFailure: 0x285, StatusHostPathError: 0x370,
		StatusStreamResourceAllocationFailed: 0x17f, StatusGuardCheckError: 0x282, StatusANATransition: 0x303,
	} {
		if uint16(s) != want {
			t.Errorf("%v is %#x, want %#x", s, uint16(s), want)
		}
	}
}

func TestStatusError(t *testing.T) {
	if StatusSuccess.Err() != nil {
		t.Error("success is an error")
	}
	err := fmt.Errorf("reading: %w", StatusLBAOutOfRange.WithDNR().Err())
	if !errors.Is(err, StatusLBAOutOfRange.Err()) || errors.Is(err, StatusInvalidField.Err()) {
		t.Errorf("errors.Is on %v", err)
	}
	var se *StatusError
	if !errors.As(err, &se) || !se.Status.DNR() {
		t.Errorf("errors.As on %v", err)
	}
	if want := "reading: nvme: command failed: LBA OUT OF RANGE (00/80)"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
}
