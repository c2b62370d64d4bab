// SPDX-License-Identifier: BSD-3-Clause

// Package keyctl reads keys of the kernel.
package keyctl

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// maxKey is the length of the longest payload that is read, in bytes.
const maxKey = 4096

// Find returns the serial number of a key of type "user" that the session's
// keyring holds, or leads to.
func Find(description string) (serial int, err error) {
	serial, err = unix.KeyctlSearch(unix.KEY_SPEC_SESSION_KEYRING, "user", description, 0)
	if err != nil {
		return 0, fmt.Errorf("key %q in the session's keyring: %w", description, err)
	}
	return serial, nil
}

// User returns the payload of a key of type "user" that the session's keyring
// holds, or leads to.
func User(description string) ([]byte, error) {
	id, err := Find(description)
	if err != nil {
		return nil, err
	}
	p := make([]byte, maxKey)
	n, err := unix.KeyctlBuffer(unix.KEYCTL_READ, id, p, 0)
	if err != nil {
		return nil, fmt.Errorf("reading key %q of the session's keyring: %w", description, err)
	}
	if n > len(p) {
		return nil, fmt.Errorf("key %q of the session's keyring has %d bytes, at most %d are read", description, n, len(p))
	}
	return p[:n], nil
}
