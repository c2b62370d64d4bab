// SPDX-License-Identifier: BSD-3-Clause

//go:build !noasm

#include "textflag.h"
#include "aes_amd64.h"

// The number of doublings that make the tweak of each of the first 4 blocks,
// for both halves.
DATA doublings<>+0(SB)/8, $0
DATA doublings<>+8(SB)/8, $0
DATA doublings<>+16(SB)/8, $1
DATA doublings<>+24(SB)/8, $1
DATA doublings<>+32(SB)/8, $2
DATA doublings<>+40(SB)/8, $2
DATA doublings<>+48(SB)/8, $3
DATA doublings<>+56(SB)/8, $3
GLOBL doublings<>(SB), RODATA|NOPTR, $64

// Registers: R8 the schedule, R9 where its last 10 keys begin, less one (they
// are equal for 10 rounds); SI source, DI destination, DX bytes left. Z0 to Z7
// are 32 blocks, Z8 to Z15 their tweaks, Z16 to Z23 the tweaks plus the last
// round key. In each block, Z29 has that key, Z30 the number 0x87 of the
// field's polynomial, and Z31 the round key.

#define KEY(off, r) VBROADCASTI32X4 off(r), Z31

#define ROUND(op, off, r) \
	KEY(off, r); \
	op Z31, Z0, Z0; \
	op Z31, Z1, Z1; \
	op Z31, Z2, Z2; \
	op Z31, Z3, Z3; \
	op Z31, Z4, Z4; \
	op Z31, Z5, Z5; \
	op Z31, Z6, Z6; \
	op Z31, Z7, Z7

#define ROUND1(op, off, r) \
	KEY(off, r); \
	op Z31, Z0, Z0

// ROUNDS does all rounds, with ROUND or ROUND1.
#define ROUNDS(round, op, oplast, label) \
	CMPQ R8, R9; \
	JE   label; \
	round(op, 16, R8); \
	round(op, 32, R8); \
	round(op, 48, R8); \
	round(op, 64, R8); \
label: \
	round(op, 16, R9); \
	round(op, 32, R9); \
	round(op, 48, R9); \
	round(op, 64, R9); \
	round(op, 80, R9); \
	round(op, 96, R9); \
	round(op, 112, R9); \
	round(op, 128, R9); \
	round(op, 144, R9); \
	round(oplast, 160, R9)

#define SCHEDULE \
	MOVQ R8, R9; \
	CMPQ BX, $14; \
	JNE  ready; \
	ADDQ $64, R9; \
ready:

// DOUBLE multiplies the tweak in X16 of each block by x to the counts in Z28;
// Z29 is 64 less the counts. What leaves the lower half goes to the upper,
// what leaves the upper comes back as its product with the polynomial.
#define DOUBLE(z, t, u) \
	VPSLLVQ    Z28, Z16, z; \
	VPSRLVQ    Z29, Z16, t; \
	VPSLLDQ    $8, t, u; \
	VPCLMULQDQ $0x01, Z30, t, t; \
	VPTERNLOGQ $0x96, t, u, z

#define MORE \
	VPADDQ Z27, Z28, Z28; \
	VPSUBQ Z27, Z29, Z29

// TWEAKS encrypts the tweak at R10 with the schedule at AX, unless that is nil,
// and makes those of the first 32 blocks.
#define TWEAKS \
	VMOVDQU         (R10), X0; \
	TESTQ           AX, AX; \
	JZ              encrypted; \
	BLOCK(VAESENC, VAESENCLAST, tweak); \
encrypted: \
	MOVL            $0x87, CX; \
	VMOVQ           CX, X30; \
	VSHUFI32X4      $0, Z30, Z30, Z30; \
	VSHUFI32X4      $0, Z0, Z0, Z16; \
	MOVL            $4, CX; \
	VPBROADCASTQ    CX, Z27; \
	MOVL            $64, CX; \
	VPBROADCASTQ    CX, Z29; \
	VMOVDQU64       doublings<>(SB), Z28; \
	VPSUBQ          Z28, Z29, Z29; \
	DOUBLE(Z8, Z17, Z22); \
	MORE; \
	DOUBLE(Z9, Z18, Z23); \
	MORE; \
	DOUBLE(Z10, Z19, Z24); \
	MORE; \
	DOUBLE(Z11, Z20, Z25); \
	MORE; \
	DOUBLE(Z12, Z21, Z26); \
	MORE; \
	DOUBLE(Z13, Z17, Z22); \
	MORE; \
	DOUBLE(Z14, Z18, Z23); \
	MORE; \
	DOUBLE(Z15, Z19, Z24)

// FIRST loads 4 blocks, and adds their tweaks and the first round key.
#define FIRST(off, z, tweak) \
	VMOVDQU64  off(SI), z; \
	VPTERNLOGQ $0x96, Z31, tweak, z

// STEP is a round, during which one tweak becomes that of 32 blocks later.
// Before, it is added to the last round key: that saves adding it to the
// result, and waiting for that.
#define STEP(op, off, tweak, last) \
	KEY(off, R9); \
	op         Z31, Z0, Z0; \
	op         Z31, Z1, Z1; \
	VPXORQ     Z29, tweak, last; \
	VPSRLDQ    $12, tweak, Z24; \
	op         Z31, Z2, Z2; \
	op         Z31, Z3, Z3; \
	VPCLMULQDQ $0x00, Z30, Z24, Z24; \
	VPSLLDQ    $4, tweak, tweak; \
	op         Z31, Z4, Z4; \
	op         Z31, Z5, Z5; \
	op         Z31, Z6, Z6; \
	op         Z31, Z7, Z7; \
	VPXORQ     Z24, tweak, tweak

#define LAST(op, off, z, last) \
	op        last, z, z; \
	VMOVDQU64 z, off(DI)

// NEXT4 makes a tweak that of 4 blocks later.
#define NEXT4(tweak, t, u) \
	VPSRLQ     $60, tweak, t; \
	VPSLLQ     $4, tweak, tweak; \
	VPSLLDQ    $8, t, u; \
	VPCLMULQDQ $0x01, Z30, t, t; \
	VPTERNLOGQ $0x96, t, u, tweak

#define XTS(op, oplast) \
	MOVQ data+0(FP), R8; \
	MOVQ tweak+8(FP), AX; \
	MOVQ rounds+16(FP), BX; \
	MOVQ dst+24(FP), DI; \
	MOVQ src+32(FP), SI; \
	MOVQ n+40(FP), DX; \
	MOVQ t+48(FP), R10; \
	SCHEDULE; \
	TWEAKS; \
	SUBQ $512, DX; \
	JB   rest; \
	VBROADCASTI32X4 160(R9), Z29; \
batch: \
	KEY(0, R8); \
	FIRST(0, Z0, Z8); \
	FIRST(64, Z1, Z9); \
	FIRST(128, Z2, Z10); \
	FIRST(192, Z3, Z11); \
	FIRST(256, Z4, Z12); \
	FIRST(320, Z5, Z13); \
	FIRST(384, Z6, Z14); \
	FIRST(448, Z7, Z15); \
	CMPQ R8, R9; \
	JE   steps; \
	ROUND(op, 16, R8); \
	ROUND(op, 32, R8); \
	ROUND(op, 48, R8); \
	ROUND(op, 64, R8); \
steps: \
	STEP(op, 16, Z8, Z16); \
	STEP(op, 32, Z9, Z17); \
	STEP(op, 48, Z10, Z18); \
	STEP(op, 64, Z11, Z19); \
	STEP(op, 80, Z12, Z20); \
	STEP(op, 96, Z13, Z21); \
	STEP(op, 112, Z14, Z22); \
	STEP(op, 128, Z15, Z23); \
	ROUND(op, 144, R9); \
	LAST(oplast, 0, Z0, Z16); \
	LAST(oplast, 64, Z1, Z17); \
	LAST(oplast, 128, Z2, Z18); \
	LAST(oplast, 192, Z3, Z19); \
	LAST(oplast, 256, Z4, Z20); \
	LAST(oplast, 320, Z5, Z21); \
	LAST(oplast, 384, Z6, Z22); \
	LAST(oplast, 448, Z7, Z23); \
	ADDQ $512, SI; \
	ADDQ $512, DI; \
	SUBQ $512, DX; \
	JAE  batch; \
rest: \
	ADDQ $512, DX; \
vector: \
	SUBQ $64, DX; \
	JB   partial; \
	KEY(0, R8); \
	FIRST(0, Z0, Z8); \
	ROUNDS(ROUND1, op, oplast, rounds1); \
	VPXORQ    Z8, Z0, Z0; \
	VMOVDQU64 Z0, (DI); \
	NEXT4(Z8, Z16, Z17); \
	ADDQ $64, SI; \
	ADDQ $64, DI; \
	JMP  vector; \
partial: \
	ADDQ       $64, DX; \
	JZ         done; \
	MOVQ       DX, CX; \
	MOVQ       $1, AX; \
	SHLQ       CX, AX; \
	DECQ       AX; \
	KMOVQ      AX, K1; \
	KEY(0, R8); \
	VMOVDQU8.Z (SI), K1, Z0; \
	VPTERNLOGQ $0x96, Z31, Z8, Z0; \
	ROUNDS(ROUND1, op, oplast, rounds2); \
	VPXORQ     Z8, Z0, Z0; \
	VMOVDQU8   Z0, K1, (DI); \
	VMOVDQU64  Z8, tweaks-64(SP); \
	VMOVDQU    tweaks-64(SP)(DX*1), X8; \
done: \
	VMOVDQU    X8, (R10); \
	VPXORQ     Z31, Z31, Z31; \
	VZEROUPPER; \
	RET

// func encryptXTS512(data, tweak *schedule, rounds int, dst, src *byte, n int, t *[blockSize]byte)
TEXT ·encryptXTS512(SB), NOSPLIT, $64-56
	XTS(VAESENC, VAESENCLAST)

// func decryptXTS512(data, tweak *schedule, rounds int, dst, src *byte, n int, t *[blockSize]byte)
TEXT ·decryptXTS512(SB), NOSPLIT, $64-56
	XTS(VAESDEC, VAESDECLAST)

// func encryptTweaks512(s *schedule, rounds int, t *[blockSize]byte, count int)
TEXT ·encryptTweaks512(SB), NOSPLIT, $0-32
	MOVQ s+0(FP), R8
	MOVQ rounds+8(FP), BX
	MOVQ t+16(FP), DI
	MOVQ count+24(FP), DX
	SHLQ $4, DX
	SCHEDULE
	MOVQ $-1, AX

// A vector of 4 at a time; the mask in K1 has the bytes of the last.
vector:
	CMPQ DX, $64
	JAE  all
	MOVQ DX, CX
	MOVQ $1, AX
	SHLQ CX, AX
	DECQ AX

all:
	KMOVQ      AX, K1
	KEY(0, R8)
	VMOVDQU8.Z (DI), K1, Z0
	VPXORQ     Z31, Z0, Z0
	ROUNDS(ROUND1, VAESENC, VAESENCLAST, rounds)
	VMOVDQU8   Z0, K1, (DI)
	ADDQ       $64, DI
	SUBQ       $64, DX
	JA         vector
	VZEROUPPER
	RET

// BEFORE adds the ciphertext before each block: off is 16 bytes less than
// the blocks' place.
#define BEFORE(off, z) VPXORQ off(SI), z, z

#define ADDKEY(off, z) VPXORQ off(SI), Z31, z

// func decryptCBC512(s *schedule, rounds int, dst, src *byte, n int, iv *[blockSize]byte)
// The highest part of Z28 is the ciphertext before the next block.
TEXT ·decryptCBC512(SB), NOSPLIT, $0-48
	MOVQ s+0(FP), R8
	MOVQ rounds+8(FP), BX
	MOVQ dst+16(FP), DI
	MOVQ src+24(FP), SI
	MOVQ n+32(FP), DX
	MOVQ iv+40(FP), R10
	SCHEDULE
	VBROADCASTI32X4 (R10), Z28
	SUBQ $512, DX
	JB   rest

batch:
	KEY(0, R8)
	ADDKEY(0, Z0)
	ADDKEY(64, Z1)
	ADDKEY(128, Z2)
	ADDKEY(192, Z3)
	ADDKEY(256, Z4)
	ADDKEY(320, Z5)
	ADDKEY(384, Z6)
	ADDKEY(448, Z7)
	ROUNDS(ROUND, VAESDEC, VAESDECLAST, rounds)
	VMOVDQU64 (SI), Z8
	VALIGNQ   $6, Z28, Z8, Z8
	VPXORQ    Z8, Z0, Z0
	BEFORE(48, Z1)
	BEFORE(112, Z2)
	BEFORE(176, Z3)
	BEFORE(240, Z4)
	BEFORE(304, Z5)
	BEFORE(368, Z6)
	BEFORE(432, Z7)
	VMOVDQU64 448(SI), Z28
	VMOVDQU64 Z0, (DI)
	VMOVDQU64 Z1, 64(DI)
	VMOVDQU64 Z2, 128(DI)
	VMOVDQU64 Z3, 192(DI)
	VMOVDQU64 Z4, 256(DI)
	VMOVDQU64 Z5, 320(DI)
	VMOVDQU64 Z6, 384(DI)
	VMOVDQU64 Z7, 448(DI)
	ADDQ      $512, SI
	ADDQ      $512, DI
	SUBQ      $512, DX
	JAE       batch

rest:
	ADDQ $512, DX
	JZ   done
	MOVQ $-1, AX

// A vector at a time; the mask in K1 has the bytes of the last.
vector:
	CMPQ DX, $64
	JAE  all
	MOVQ DX, CX
	MOVQ $1, AX
	SHLQ CX, AX
	DECQ AX

all:
	KMOVQ      AX, K1
	KEY(0, R8)
	VMOVDQU8.Z (SI), K1, Z8
	VPXORQ     Z31, Z8, Z0
	ROUNDS(ROUND1, VAESDEC, VAESDECLAST, rounds1)
	VALIGNQ    $6, Z28, Z8, Z9
	VPXORQ     Z9, Z0, Z0
	VMOVDQA64  Z8, Z28
	VMOVDQU8   Z0, K1, (DI)
	ADDQ       $64, SI
	ADDQ       $64, DI
	SUBQ       $64, DX
	JA         vector

done:
	VPXORQ Z31, Z31, Z31
	VZEROUPPER
	RET
