// SPDX-License-Identifier: BSD-3-Clause

package dif

// Checks returns the fields that a block device with this type of protection
// checks when its users say nothing: the guard, and for Type1 and Type2 the
// reference tag. What the application tag holds only the users know.
func (t Type) Checks() Flags {
	switch t {
	case Type1, Type2:
		return Guard | RefTag
	case Type3:
		return Guard
	}
	return 0
}
