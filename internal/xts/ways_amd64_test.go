// SPDX-License-Identifier: BSD-3-Clause

//go:build !noasm

package xts

import "testing"

// eachWay runs f with every way of doing it that this machine has. Keys are to
// be made by f.
func eachWay(t *testing.T, f func(t *testing.T)) {
	savedAES, savedVAES := aesni, vaes512
	defer func() { aesni, vaes512 = savedAES, savedVAES }()
	if vaes512 {
		t.Run("VAES", f)
	}
	if vaes512 = false; aesni {
		t.Run("AES-NI", f)
	}
	aesni = false
	t.Run("generic", f)
}
