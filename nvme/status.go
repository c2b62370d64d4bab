// SPDX-License-Identifier: BSD-3-Clause

package nvme

import "fmt"

// Status is the status field of a completion without the phase tag (section
// 3.3.3.2.1): status code in bits 7:0, status code type in 10:8, command retry
// delay in 12:11, more in 13, do not retry in 14. The zero value is success.
type Status uint16

// SCT is a status code type.
type SCT uint8

// Status code types.
const (
	SCTGeneric         SCT = 0
	SCTCommandSpecific SCT = 1
	SCTMediaError      SCT = 2
	SCTPath            SCT = 3
	SCTVendorSpecific  SCT = 7
)

// Flags of a Status.
const (
	statusCRDShift        = 11
	statusMore     Status = 1 << 13
	statusDNR      Status = 1 << 14
	statusCode     Status = 0x7ff // SCT and SC
)

// NewStatus returns the status with the given type and code, without flags.
func NewStatus(sct SCT, sc uint8) Status { return Status(sct&7)<<8 | Status(sc) }

// SC returns the status code.
func (s Status) SC() uint8 { return uint8(s) }

// SCT returns the status code type.
func (s Status) SCT() SCT { return SCT(s>>8) & 7 }

// CRD returns the command retry delay: 0 for none, else which of the
// controller's CRDT1 to CRDT3 to wait before a retry.
func (s Status) CRD() uint8 { return uint8(s>>statusCRDShift) & 3 }

// More reports whether the Error Information log has more about this command.
func (s Status) More() bool { return s&statusMore != 0 }

// DNR reports whether the command, sent again, would fail again.
func (s Status) DNR() bool { return s&statusDNR != 0 }

// Code returns the type and code without the flags, to compare with the
// Status constants.
func (s Status) Code() Status { return s & statusCode }

// Is reports whether s has the type and code of other, whatever the flags.
func (s Status) Is(other Status) bool { return s.Code() == other.Code() }

// IsError reports whether s is anything but success.
func (s Status) IsError() bool { return s&statusCode != 0 }

// WithDNR returns s with the do not retry flag set.
func (s Status) WithDNR() Status { return s | statusDNR }

// WithMore returns s with the more flag set.
func (s Status) WithMore() Status { return s | statusMore }

// WithCRD returns s with the given command retry delay, 0 to 3.
func (s Status) WithCRD(crd uint8) Status {
	return s&^(3<<statusCRDShift) | Status(crd&3)<<statusCRDShift
}

// Name returns the name that SPDK prints for the status, such as
// "ABORTED - SQ DELETION". Codes without a name have that of their type.
func (s Status) Name() string { return s.name(commandStatusNames, "COMMAND SPECIFIC") }

// FabricsName is Name for the status of a Fabrics command, whose command
// specific codes differ.
func (s Status) FabricsName() string {
	return s.name(fabricsStatusNames, "FABRIC COMMAND SPECIFIC")
}

func (s Status) name(specific map[uint8]string, other string) string {
	names := specific
	switch s.SCT() {
	case SCTGeneric:
		names, other = genericStatusNames, "GENERIC"
	case SCTCommandSpecific:
	case SCTMediaError:
		names, other = mediaStatusNames, "MEDIA ERROR"
	case SCTPath:
		names, other = pathStatusNames, "PATH ERROR"
	case SCTVendorSpecific:
		return "VENDOR SPECIFIC"
	default:
		return "RESERVED"
	}
	if n, ok := names[s.SC()]; ok {
		return n
	}
	return other
}

// String returns the status as SPDK prints it: "ABORTED - SQ DELETION (00/08)".
func (s Status) String() string {
	return fmt.Sprintf("%s (%02x/%02x)", s.Name(), uint8(s.SCT()), s.SC())
}

// String returns the name that SPDK prints for the type.
func (t SCT) String() string {
	switch t {
	case SCTGeneric:
		return "GENERIC"
	case SCTCommandSpecific:
		return "COMMAND SPECIFIC"
	case SCTMediaError:
		return "MEDIA ERROR"
	case SCTPath:
		return "PATH"
	case SCTVendorSpecific:
		return "VENDOR SPECIFIC"
	}
	return "RESERVED"
}

// Err returns nil for success and a *StatusError otherwise.
func (s Status) Err() error {
	if !s.IsError() {
		return nil
	}
	return &StatusError{Status: s}
}

// StatusError is a Status as an error, for the control plane. Its Is matches
// another StatusError with the same type and code, whatever the flags.
type StatusError struct{ Status Status }

// Error returns the status as SPDK prints it.
func (e *StatusError) Error() string { return "nvme: command failed: " + e.Status.String() }

// Is reports whether target is a StatusError of the same type and code.
func (e *StatusError) Is(target error) bool {
	t, ok := target.(*StatusError)
	return ok && t.Status.Is(e.Status)
}
