// SPDX-License-Identifier: BSD-3-Clause

//go:build !noasm

#include "textflag.h"
#include "aes_arm64.h"

// ARGS is for the functions that process several blocks. The last argument is
// called t everywhere.
#define ARGS \
	MOVD s+0(FP), R0; \
	MOVD rounds+8(FP), R1; \
	MOVD dst+16(FP), R2; \
	MOVD src+24(FP), R3; \
	MOVD n+32(FP), R4; \
	MOVD t+40(FP), R5; \
	KEYS(keys)

// func subWord(w uint32) uint32
TEXT ·subWord(SB), NOSPLIT, $0-12
	MOVWU w+0(FP), R0
	VDUP  R0, V0.S4 // all columns are equal: to shift rows changes nothing
	VEOR  V1.B16, V1.B16, V1.B16
	AESE  V1.B16, V0.B16
	VMOV  V0.S[0], R0
	MOVW  R0, ret+8(FP)
	RET

// func inverseMixColumns(s *schedule, rounds int)
TEXT ·inverseMixColumns(SB), NOSPLIT, $0-16
	MOVD s+0(FP), R0
	MOVD rounds+8(FP), R1
	SUB  $1, R1

next:
	ADD    $16, R0
	VLD1   (R0), [V0.B16]
	AESIMC V0.B16, V0.B16
	VST1   [V0.B16], (R0)
	SUBS   $1, R1
	BNE    next
	RET

// func encryptBlock(s *schedule, rounds int, dst, src *[blockSize]byte)
TEXT ·encryptBlock(SB), NOSPLIT, $0-32
	MOVD s+0(FP), R0
	MOVD rounds+8(FP), R1
	MOVD dst+16(FP), R2
	MOVD src+24(FP), R3
	KEYS(keys)
	VLD1 (R3), [V0.B16]
	BLOCK(AESE, AESMC, last)
	VST1 [V0.B16], (R2)
	RET

// func decryptBlock(s *schedule, rounds int, dst, src *[blockSize]byte)
TEXT ·decryptBlock(SB), NOSPLIT, $0-32
	MOVD s+0(FP), R0
	MOVD rounds+8(FP), R1
	MOVD dst+16(FP), R2
	MOVD src+24(FP), R3
	KEYS(keys)
	VLD1 (R3), [V0.B16]
	BLOCK(AESD, AESIMC, last)
	VST1 [V0.B16], (R2)
	RET

// TWEAK puts the tweak in R6 and R7 to v, and makes that of the next block.
#define TWEAK(v) \
	VMOV R6, v.D[0]; \
	VMOV R7, v.D[1]; \
	ASR  $63, R7, R8; \
	EXTR $63, R6, R7, R7; \
	AND  $0x87, R8, R8; \
	EOR  R6<<1, R8, R6

#define PLUS(v, tweak) VEOR tweak.B16, v.B16, v.B16

// ENDKEY adds the last key and the tweak.
#define ENDKEY(v, tweak) \
	VEOR V30.B16, tweak.B16, tweak.B16; \
	VEOR tweak.B16, v.B16, v.B16

#define XTS(op, mix) \
	ARGS; \
	LDP    (R5), (R6, R7); \
	SUBS   $128, R4; \
	BLT    rest; \
batch: \
	VLD1.P 64(R3), [V0.B16, V1.B16, V2.B16, V3.B16]; \
	VLD1.P 64(R3), [V4.B16, V5.B16, V6.B16, V7.B16]; \
	TWEAK(V8); \
	TWEAK(V9); \
	TWEAK(V10); \
	TWEAK(V11); \
	TWEAK(V12); \
	TWEAK(V13); \
	TWEAK(V14); \
	TWEAK(V15); \
	PLUS(V0, V8); \
	PLUS(V1, V9); \
	PLUS(V2, V10); \
	PLUS(V3, V11); \
	PLUS(V4, V12); \
	PLUS(V5, V13); \
	PLUS(V6, V14); \
	PLUS(V7, V15); \
	BLOCKS(op, mix, blocks); \
	ENDKEY(V0, V8); \
	ENDKEY(V1, V9); \
	ENDKEY(V2, V10); \
	ENDKEY(V3, V11); \
	ENDKEY(V4, V12); \
	ENDKEY(V5, V13); \
	ENDKEY(V6, V14); \
	ENDKEY(V7, V15); \
	VST1.P [V0.B16, V1.B16, V2.B16, V3.B16], 64(R2); \
	VST1.P [V4.B16, V5.B16, V6.B16, V7.B16], 64(R2); \
	SUBS   $128, R4; \
	BGE    batch; \
rest: \
	ADDS   $128, R4; \
	BEQ    done; \
block: \
	VLD1.P 16(R3), [V0.B16]; \
	TWEAK(V8); \
	PLUS(V0, V8); \
	BLOCK(op, mix, last); \
	PLUS(V0, V8); \
	VST1.P [V0.B16], 16(R2); \
	SUBS   $16, R4; \
	BNE    block; \
done: \
	STP    (R6, R7), (R5); \
	RET

// func encryptXTS128(s *schedule, rounds int, dst, src *byte, n int, t *[blockSize]byte)
TEXT ·encryptXTS128(SB), NOSPLIT, $0-48
	XTS(AESE, AESMC)

// func decryptXTS128(s *schedule, rounds int, dst, src *byte, n int, t *[blockSize]byte)
TEXT ·decryptXTS128(SB), NOSPLIT, $0-48
	XTS(AESD, AESIMC)

// func encryptCBC128(s *schedule, rounds int, dst, src *byte, n int, t *[blockSize]byte)
TEXT ·encryptCBC128(SB), NOSPLIT, $0-48
	ARGS
	VLD1 (R5), [V0.B16]

next:
	VLD1.P 16(R3), [V8.B16]
	PLUS(V0, V8)
	BLOCK(AESE, AESMC, last)
	VST1.P [V0.B16], 16(R2)
	SUBS   $16, R4
	BNE    next
	RET

// func decryptCBC128(s *schedule, rounds int, dst, src *byte, n int, t *[blockSize]byte)
// V31 is the ciphertext before the next block.
TEXT ·decryptCBC128(SB), NOSPLIT, $0-48
	ARGS
	VLD1 (R5), [V31.B16]
	SUBS $128, R4
	BLT  rest

batch:
	VLD1   (R3), [V0.B16, V1.B16, V2.B16, V3.B16]
	VLD1.P 64(R3), [V8.B16, V9.B16, V10.B16, V11.B16]
	VLD1   (R3), [V4.B16, V5.B16, V6.B16, V7.B16]
	VLD1.P 64(R3), [V12.B16, V13.B16, V14.B16, V15.B16]
	BLOCKS(AESD, AESIMC, blocks)
	ENDKEY(V0, V31)
	VMOV   V15.B16, V31.B16
	ENDKEY(V1, V8)
	ENDKEY(V2, V9)
	ENDKEY(V3, V10)
	ENDKEY(V4, V11)
	ENDKEY(V5, V12)
	ENDKEY(V6, V13)
	ENDKEY(V7, V14)
	VST1.P [V0.B16, V1.B16, V2.B16, V3.B16], 64(R2)
	VST1.P [V4.B16, V5.B16, V6.B16, V7.B16], 64(R2)
	SUBS   $128, R4
	BGE    batch

rest:
	ADDS $128, R4
	BEQ  done

block:
	VLD1.P 16(R3), [V8.B16]
	VMOV   V8.B16, V0.B16
	BLOCK(AESD, AESIMC, last)
	PLUS(V0, V31)
	VMOV   V8.B16, V31.B16
	VST1.P [V0.B16], 16(R2)
	SUBS   $16, R4
	BNE    block

done:
	RET
