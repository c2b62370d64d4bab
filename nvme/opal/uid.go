// SPDX-License-Identifier: BSD-3-Clause

package opal

// uid names an object, an authority or a method: Core 5.1.5, Opal 4.2 and 4.3.
type uid [8]byte

// half is the first half of a uid, which names a type: Core 5.1.3.
type half [4]byte

var (
	sessionManager = uid{0, 0, 0, 0, 0, 0, 0, 0xff}

	adminSP   = uid{0, 0, 2, 5, 0, 0, 0, 1}
	lockingSP = uid{0, 0, 2, 5, 0, 0, 0, 2}

	anybody = uid{0, 0, 0, 9, 0, 0, 0, 1}
	admins  = uid{0, 0, 0, 9, 0, 0, 0, 2}
	sid     = uid{0, 0, 0, 9, 0, 0, 0, 6}
	admin1  = uid{0, 0, 0, 9, 0, 1, 0, 1}

	pinMSID   = uid{0, 0, 0, 0x0b, 0, 0, 0x84, 2}
	pinSID    = uid{0, 0, 0, 0x0b, 0, 0, 0, 1}
	pinAdmin1 = uid{0, 0, 0, 0x0b, 0, 1, 0, 1}

	lockingInfo = uid{0, 0, 8, 1, 0, 0, 0, 1}

	startSession = uid{0, 0, 0, 0, 0, 0, 0xff, 2}
	syncSession  = uid{0, 0, 0, 0, 0, 0, 0xff, 3}
	methodGenKey = uid{0, 0, 0, 6, 0, 0, 0, 0x10}
	methodGet    = uid{0, 0, 0, 6, 0, 0, 0, 0x16}
	methodSet    = uid{0, 0, 0, 6, 0, 0, 0, 0x17}
	methodRevert = uid{0, 0, 0, 6, 0, 0, 2, 2}
	methodActive = uid{0, 0, 0, 6, 0, 0, 2, 3} // Activate

	authorityRef = half{0, 0, 0x0c, 5}
	booleanACE   = half{0, 0, 4, 0x0e}
)

// Columns of tables.
const (
	columnLifeCycle   = 6 // of SP: Core 5.4.2.4
	columnPIN         = 3 // of C_PIN: Core 5.3.2.12
	columnEnabled     = 5 // of Authority: Core 5.3.2.10
	columnExpression  = 3 // of ACE: Core 5.3.2.9
	columnMaxRanges   = 4 // of LockingInfo: Core 5.7.2.1
	columnRangeStart  = 3 // of Locking: Core 5.7.2.2
	columnRangeLength = 4
	columnReadLockOn  = 5
	columnWriteLockOn = 6
	columnReadLocked  = 7
	columnWriteLocked = 8
	columnActiveKey   = 10
)

// Life cycle states of an SP: Opal 4.2.3.
const (
	manufacturedInactive = 8
	manufactured         = 9
)

// User is who opens a session with the Locking SP: 0 is Admin1, 1 to 9 are its
// users.
type User uint16

// MaxUser is the last user that there can be.
const MaxUser = 9

func (u User) authority() uid {
	if u == 0 {
		return admin1
	}
	return uid{0, 0, 0, 9, 0, 3, 0, byte(u)}
}

func (u User) pin() uid {
	if u == 0 {
		return pinAdmin1
	}
	return uid{0, 0, 0, 0x0b, 0, 3, 0, byte(u)}
}

// rangeUID names a locking range; 0 is the global one.
func rangeUID(id uint8) uid {
	if id == 0 {
		return uid{0, 0, 8, 2, 0, 0, 0, 1}
	}
	return uid{0, 0, 8, 2, 0, 3, 0, id}
}

// setLocked names the ACE that says who may set a range's ReadLocked or
// WriteLocked: Opal 4.3.1.7.
func setLocked(id uint8, write bool) uid {
	if write {
		return uid{0, 0, 0, 8, 0, 3, 0xe8, id}
	}
	return uid{0, 0, 0, 8, 0, 3, 0xe0, id}
}
