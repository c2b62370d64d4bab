// SPDX-License-Identifier: BSD-3-Clause

//go:build !noasm

package xts

import "testing"

// eachWay runs f with every way of doing it that this machine has. Keys are to
// be made by f.
func eachWay(t *testing.T, f func(t *testing.T)) {
	defer func(saved bool) { aesExtension = saved }(aesExtension)
	if aesExtension {
		t.Run("AES extension", f)
	}
	aesExtension = false
	t.Run("generic", f)
}
