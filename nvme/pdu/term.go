// SPDX-License-Identifier: BSD-3-Clause

package pdu

import "fmt"

// Status is the fatal error status (FES) of a termination request (section
// 3.6.2.5, 3.6.2.6).
type Status uint16

// Fatal error status codes. Which of the two meanings code 5 has depends on
// who sends it.
const (
	InvalidHeaderField     Status = 1
	SequenceError          Status = 2
	HeaderDigestError      Status = 3
	DataTransferOutOfRange Status = 4
	DataLimitExceeded      Status = 5 // from a controller
	R2TLimitExceeded       Status = 5 // from a host
	UnsupportedParameter   Status = 6
)

// String returns the specification's name of the code.
func (s Status) String() string {
	switch s {
	case InvalidHeaderField:
		return "Invalid PDU Header Field"
	case SequenceError:
		return "PDU Sequence Error"
	case HeaderDigestError:
		return "Header Digest Error"
	case DataTransferOutOfRange:
		return "Data Transfer Out of Range"
	case DataLimitExceeded:
		return "Data Transfer Limit or R2T Limit Exceeded"
	case UnsupportedParameter:
		return "Unsupported Parameter"
	}
	return fmt.Sprintf("Status(%#x)", uint16(s))
}

// FatalError is a mistake of the peer that ends the connection.
type FatalError struct {
	Status Status
	// Info is the FEI: for InvalidHeaderField and UnsupportedParameter the
	// offset in bytes of the field in the header, for HeaderDigestError the
	// digest that was received, else 0.
	Info uint32
	// What is for people.
	What string
}

// Error returns the status and what led to it.
func (e *FatalError) Error() string {
	return fmt.Sprintf("NVMe/TCP: %v (FEI %#x): %s", e.Status, e.Info, e.What)
}

// Fatal returns a FatalError; the text is formatted as fmt does.
func Fatal(s Status, info uint32, format string, args ...any) *FatalError {
	return &FatalError{s, info, fmt.Sprintf(format, args...)}
}

// invalid blames the header field at offset.
func invalid(offset uint32, format string, args ...any) *FatalError {
	return Fatal(InvalidHeaderField, offset, format, args...)
}

// Sizes of termination requests in bytes.
const (
	MaxTermReqData = 128 // of the header in error that is sent back
	MaxTermReqSize = TermReqHeaderSize + MaxTermReqData
)

const (
	offFES = 8
	offFEI = 10
)

// TermReq is an H2CTermReq or C2HTermReq.
type TermReq struct {
	Status Status
	Info   uint32
}

// Put writes a termination request of type t, which carries the header in
// error, and returns its length. b has MaxTermReqSize bytes. The
// specification wants some of the header: bad must not be empty.
func (r *TermReq) Put(b []byte, t Type, bad []byte) int {
	bad = bad[:min(len(bad), MaxTermReqData)]
	Format{}.begin(b, t, 0, 0)
	le.PutUint16(b[offFES:], uint16(r.Status))
	le.PutUint32(b[offFEI:], r.Info)
	n := TermReqHeaderSize + copy(b[TermReqHeaderSize:], bad)
	le.PutUint32(b[offPLEN:], uint32(n))
	return n
}

// ParseTermReq reads the fields of a termination request. What they say is
// for the log: the sender closes the connection whatever it is.
func ParseTermReq(b []byte) TermReq {
	return TermReq{Status(le.Uint16(b[offFES:])), le.Uint32(b[offFEI:])}
}
