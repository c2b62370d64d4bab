// SPDX-License-Identifier: BSD-3-Clause

//go:build !noasm

#include "textflag.h"

// A source's header is 24 bytes, its first word is the address.

// func blocks64(dst *byte, n int, sources *[]byte, count int)
TEXT ·blocks64(SB), NOSPLIT, $0-32
	MOVD dst+0(FP), R0
	MOVD n+8(FP), R1
	MOVD sources+16(FP), R2
	MOVD count+24(FP), R3
	SUB  $1, R3
	MOVD $0, R4 // offset

chunk:
	MOVD (R2), R5
	ADD  R4, R5
	VLD1 (R5), [V0.B16, V1.B16, V2.B16, V3.B16]
	MOVD R2, R6
	MOVD R3, R7
	CBZ  R7, store

next:
	MOVD 24(R6), R5
	ADD  $24, R6
	ADD  R4, R5
	VLD1 (R5), [V4.B16, V5.B16, V6.B16, V7.B16]
	VEOR V4.B16, V0.B16, V0.B16
	VEOR V5.B16, V1.B16, V1.B16
	VEOR V6.B16, V2.B16, V2.B16
	VEOR V7.B16, V3.B16, V3.B16
	SUBS $1, R7
	BNE  next

store:
	VST1.P [V0.B16, V1.B16, V2.B16, V3.B16], 64(R0)
	ADD    $64, R4
	SUBS   $64, R1
	BNE    chunk
	RET
