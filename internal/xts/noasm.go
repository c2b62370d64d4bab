// SPDX-License-Identifier: BSD-3-Clause

//go:build !(amd64 || arm64) || noasm

package xts

func hasAES() bool { return false }

func encryptXTS(k *Key, dst, src []byte, t *[blockSize]byte) { genericXTS(k, dst, src, t, true) }
func decryptXTS(k *Key, dst, src []byte, t *[blockSize]byte) { genericXTS(k, dst, src, t, false) }

func units(k *Key, dst, src []byte, unit int, tweaks [][blockSize]byte, encrypt bool) {
	eachUnit(k, dst, src, unit, tweaks, encrypt)
}

func encryptCBC(k *expanded, dst, src []byte, iv *[blockSize]byte) {
	genericEncryptCBC(k, dst, src, iv)
}

func decryptCBC(k *expanded, dst, src []byte, iv *[blockSize]byte) {
	genericDecryptCBC(k, dst, src, iv)
}

// Without hasAES these are not called.

func subWord(uint32) uint32            { panic("xts: no AES instructions") }
func inverseMixColumns(*schedule, int) { panic("xts: no AES instructions") }
func encryptBlock(*schedule, int, *[blockSize]byte, *[blockSize]byte) {
	panic("xts: no AES instructions")
}
func decryptBlock(*schedule, int, *[blockSize]byte, *[blockSize]byte) {
	panic("xts: no AES instructions")
}
