// SPDX-License-Identifier: BSD-3-Clause

package opal

import "fmt"

// Status is how a method ended: Core 5.1.5.
type Status uint8

// Statuses that callers tell apart.
const (
	StatusNotAuthorized      Status = 0x01
	StatusSPBusy             Status = 0x03
	StatusInvalidParameter   Status = 0x0c
	StatusAuthorityLockedOut Status = 0x12
	StatusFail               Status = 0x3f
)

var statusNames = map[Status]string{
	0x00: "SUCCESS", 0x01: "NOT_AUTHORIZED", 0x03: "SP_BUSY", 0x04: "SP_FAILED", 0x05: "SP_DISABLED",
	0x06: "SP_FROZEN", 0x07: "NO_SESSIONS_AVAILABLE", 0x08: "UNIQUENESS_CONFLICT", 0x09: "INSUFFICIENT_SPACE",
	0x0a: "INSUFFICIENT_ROWS", 0x0c: "INVALID_PARAMETER", 0x0f: "TPER_MALFUNCTION", 0x10: "TRANSACTION_FAILURE",
	0x11: "RESPONSE_OVERFLOW", 0x12: "AUTHORITY_LOCKED_OUT", 0x3f: "FAIL",
}

var statusAdvice = map[Status]string{
	0x01: "the password is wrong, or its owner may not do this",
	0x03: "somebody else has a session with the drive; try again later",
	0x07: "somebody else has a session with the drive; try again later",
	0x12: "the password was wrong too often; a power cycle of the drive allows more tries",
}

func (s Status) String() string {
	if n := statusNames[s]; n != "" {
		return n
	}
	return fmt.Sprintf("status 0x%02x", uint8(s))
}

// Error makes a Status an error.
func (s Status) Error() string {
	if a := statusAdvice[s]; a != "" {
		return fmt.Sprintf("the drive says %s: %s", s.String(), a)
	}
	return fmt.Sprintf("the drive says %s", s.String())
}
