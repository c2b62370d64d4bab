// SPDX-License-Identifier: BSD-3-Clause

//go:build !noasm

#include "textflag.h"

// Registers: R1 the data, R2 bytes left, R3 the constants. V30 is zero, V31
// the CRC so far in the highest 16 bits, V29 the factors.

#define ARGS \
	MOVHU crc+0(FP), R0; \
	MOVD  p+8(FP), R1; \
	MOVD  n+16(FP), R2; \
	MOVD  k+24(FP), R3; \
	VEOR  V30.B16, V30.B16, V30.B16; \
	VEOR  V31.B16, V31.B16, V31.B16; \
	LSL   $48, R0; \
	VMOV  R0, V31.D[1]

// REVERSE makes the first byte the highest part of the polynomial.
#define REVERSE(v) \
	VREV64 v.B16, v.B16; \
	VEXT   $8, v.B16, v.B16, v.B16

// MULTIPLY leaves two summands in v and t.
#define MULTIPLY(k, v, t) \
	VPMULL  k.D1, v.D1, t.Q1; \
	VPMULL2 k.D2, v.D2, v.Q1

#define FOLD(v, data, t) \
	REVERSE(data); \
	MULTIPLY(V29, v, t); \
	VEOR data.B16, t.B16, t.B16; \
	VEOR t.B16, v.B16, v.B16

// REDUCE makes the CRC in R0 of the 80 bits in V0, with the constants in V28.
// The quotient's highest bit is 1, so the upper 64 bits are added to the
// product.
#define REDUCE \
	VEXT    $2, V30.B16, V0.B16, V1.B16; \
	VEXT    $8, V28.B16, V28.B16, V27.B16; \
	VPMULL  V28.D1, V1.D1, V2.Q1; \
	VPMULL  V27.D1, V1.D1, V3.Q1; \
	VPMULL2 V28.D2, V2.D2, V2.Q1; \
	VEOR    V3.B16, V2.B16, V2.B16; \
	VEOR    V2.B16, V0.B16, V0.B16; \
	VMOV    V0.H[0], R0

// func update16(crc uint16, p *byte, n int, k *[3]factors) uint16
TEXT ·update16(SB), NOSPLIT, $0-34
	ARGS
	VLD1   (R3), [V16.B16, V17.B16, V18.B16]
	VMOV   V17.B16, V29.B16
	VMOV   V18.B16, V28.B16
	VLD1.P 16(R1), [V0.B16]
	REVERSE(V0)
	VEOR   V31.B16, V0.B16, V0.B16
	SUBS   $16, R2
	BEQ    last

next:
	VLD1.P 16(R1), [V8.B16]
	FOLD(V0, V8, V9)
	SUBS   $16, R2
	BNE    next

last:
	MULTIPLY(V16, V0, V1)
	VEOR V1.B16, V0.B16, V0.B16
	REDUCE
	MOVH R0, ret+32(FP)
	RET

#define LAST(k, v, t) \
	MULTIPLY(k, v, t); \
	VEOR t.B16, v.B16, v.B16

// func update128(crc uint16, p *byte, n int, k *[10]factors) uint16
TEXT ·update128(SB), NOSPLIT, $0-34
	ARGS
	VLD1.P 64(R3), [V16.B16, V17.B16, V18.B16, V19.B16]
	VLD1.P 64(R3), [V20.B16, V21.B16, V22.B16, V23.B16]
	VLD1   (R3), [V28.B16, V29.B16]
	VMOV   V28.B16, V27.B16
	VMOV   V29.B16, V28.B16
	VMOV   V27.B16, V29.B16
	VLD1.P 64(R1), [V0.B16, V1.B16, V2.B16, V3.B16]
	VLD1.P 64(R1), [V4.B16, V5.B16, V6.B16, V7.B16]
	REVERSE(V0)
	REVERSE(V1)
	REVERSE(V2)
	REVERSE(V3)
	REVERSE(V4)
	REVERSE(V5)
	REVERSE(V6)
	REVERSE(V7)
	VEOR   V31.B16, V0.B16, V0.B16
	SUBS   $128, R2
	BEQ    last

next:
	VLD1.P 64(R1), [V8.B16, V9.B16, V10.B16, V11.B16]
	VLD1.P 64(R1), [V12.B16, V13.B16, V14.B16, V15.B16]
	FOLD(V0, V8, V24)
	FOLD(V1, V9, V25)
	FOLD(V2, V10, V26)
	FOLD(V3, V11, V27)
	FOLD(V4, V12, V24)
	FOLD(V5, V13, V25)
	FOLD(V6, V14, V26)
	FOLD(V7, V15, V27)
	SUBS   $128, R2
	BNE    next

last:
	LAST(V16, V0, V24)
	LAST(V17, V1, V25)
	LAST(V18, V2, V26)
	LAST(V19, V3, V27)
	LAST(V20, V4, V24)
	LAST(V21, V5, V25)
	LAST(V22, V6, V26)
	LAST(V23, V7, V27)
	VEOR V1.B16, V0.B16, V0.B16
	VEOR V3.B16, V2.B16, V2.B16
	VEOR V5.B16, V4.B16, V4.B16
	VEOR V7.B16, V6.B16, V6.B16
	VEOR V2.B16, V0.B16, V0.B16
	VEOR V6.B16, V4.B16, V4.B16
	VEOR V4.B16, V0.B16, V0.B16
	REDUCE
	MOVH R0, ret+32(FP)
	RET
