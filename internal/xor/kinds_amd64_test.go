// SPDX-License-Identifier: BSD-3-Clause

//go:build !noasm

package xor

func init() {
	if hasAVX2 {
		kinds["AVX2"] = blocksAVX2
	}
}
