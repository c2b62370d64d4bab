// SPDX-License-Identifier: BSD-3-Clause

//go:build !noasm

#include "textflag.h"
#include "aes_amd64.h"

// The field's polynomial for what leaves the upper half, and the 1 that goes
// from the lower to the upper.
DATA polynomial<>+0(SB)/8, $0x87
DATA polynomial<>+8(SB)/8, $1
GLOBL polynomial<>(SB), RODATA|NOPTR, $16

// Registers: AX the schedule, BX the number of rounds, CX where the last 10
// keys begin, less one; SI source, DI destination, DX bytes left. X0 to X7 are
// 8 blocks, X8 to X15 their tweaks.

#define ROUND(op, off, r) \
	op off(r), X0, X0; \
	op off(r), X1, X1; \
	op off(r), X2, X2; \
	op off(r), X3, X3; \
	op off(r), X4, X4; \
	op off(r), X5, X5; \
	op off(r), X6, X6; \
	op off(r), X7, X7

#define ROUNDS(op, oplast, label) \
	MOVQ AX, CX; \
	CMPQ BX, $14; \
	JNE  label; \
	ROUND(op, 16, CX); \
	ROUND(op, 32, CX); \
	ROUND(op, 48, CX); \
	ROUND(op, 64, CX); \
	ADDQ $64, CX; \
label: \
	ROUND(op, 16, CX); \
	ROUND(op, 32, CX); \
	ROUND(op, 48, CX); \
	ROUND(op, 64, CX); \
	ROUND(op, 80, CX); \
	ROUND(op, 96, CX); \
	ROUND(op, 112, CX); \
	ROUND(op, 128, CX); \
	ROUND(op, 144, CX); \
	ROUND(oplast, 160, CX)

// DOUBLE makes the tweak of the next block.
#define DOUBLE(from, to, t) \
	VPSHUFD $0x13, from, t; \
	VPSRAD  $31, t, t; \
	VPAND   polynomial<>(SB), t, t; \
	VPADDQ  from, from, to; \
	VPXOR   t, to, to

#define FIRST(off, x, tweak) \
	VPXOR (AX), tweak, x; \
	VPXOR off(SI), x, x

#define LAST(off, x, tweak) \
	VPXOR   tweak, x, x; \
	VMOVDQU x, off(DI)

#define XTS(op, oplast) \
	MOVQ    tweak+8(FP), AX; \
	MOVQ    rounds+16(FP), BX; \
	MOVQ    dst+24(FP), DI; \
	MOVQ    src+32(FP), SI; \
	MOVQ    n+40(FP), DX; \
	MOVQ    t+48(FP), R10; \
	VMOVDQU (R10), X0; \
	BLOCK(VAESENC, VAESENCLAST, tweak); \
	VMOVDQU X0, X8; \
	MOVQ    data+0(FP), AX; \
	SUBQ    $128, DX; \
	JB      rest; \
batch: \
	DOUBLE(X8, X9, X0); \
	DOUBLE(X9, X10, X1); \
	DOUBLE(X10, X11, X2); \
	DOUBLE(X11, X12, X3); \
	DOUBLE(X12, X13, X4); \
	DOUBLE(X13, X14, X5); \
	DOUBLE(X14, X15, X6); \
	FIRST(0, X0, X8); \
	FIRST(16, X1, X9); \
	FIRST(32, X2, X10); \
	FIRST(48, X3, X11); \
	FIRST(64, X4, X12); \
	FIRST(80, X5, X13); \
	FIRST(96, X6, X14); \
	FIRST(112, X7, X15); \
	ROUNDS(op, oplast, rounds); \
	LAST(0, X0, X8); \
	LAST(16, X1, X9); \
	LAST(32, X2, X10); \
	LAST(48, X3, X11); \
	LAST(64, X4, X12); \
	LAST(80, X5, X13); \
	LAST(96, X6, X14); \
	LAST(112, X7, X15); \
	DOUBLE(X15, X8, X0); \
	ADDQ    $128, SI; \
	ADDQ    $128, DI; \
	SUBQ    $128, DX; \
	JAE     batch; \
rest: \
	ADDQ    $128, DX; \
	JZ      done; \
block: \
	VPXOR   (SI), X8, X0; \
	BLOCK(op, oplast, block1); \
	LAST(0, X0, X8); \
	DOUBLE(X8, X8, X1); \
	ADDQ    $16, SI; \
	ADDQ    $16, DI; \
	SUBQ    $16, DX; \
	JNZ     block; \
done: \
	VMOVDQU X8, (R10); \
	RET

// func encryptXTS128(data, tweak *schedule, rounds int, dst, src *byte, n int, t *[blockSize]byte)
TEXT ·encryptXTS128(SB), NOSPLIT, $0-56
	XTS(VAESENC, VAESENCLAST)

// func decryptXTS128(data, tweak *schedule, rounds int, dst, src *byte, n int, t *[blockSize]byte)
TEXT ·decryptXTS128(SB), NOSPLIT, $0-56
	XTS(VAESDEC, VAESDECLAST)

#define ADDKEY(off, x) VPXOR off(SI), X9, x
#define BEFORE(off, x) VPXOR off(SI), x, x

// func decryptCBC128(s *schedule, rounds int, dst, src *byte, n int, iv *[blockSize]byte)
// X8 is the ciphertext before the next block.
TEXT ·decryptCBC128(SB), NOSPLIT, $0-48
	MOVQ    s+0(FP), AX
	MOVQ    rounds+8(FP), BX
	MOVQ    dst+16(FP), DI
	MOVQ    src+24(FP), SI
	MOVQ    n+32(FP), DX
	MOVQ    iv+40(FP), R10
	VMOVDQU (R10), X8
	SUBQ    $128, DX
	JB      rest

batch:
	VMOVDQU (AX), X9
	ADDKEY(0, X0)
	ADDKEY(16, X1)
	ADDKEY(32, X2)
	ADDKEY(48, X3)
	ADDKEY(64, X4)
	ADDKEY(80, X5)
	ADDKEY(96, X6)
	ADDKEY(112, X7)
	ROUNDS(VAESDEC, VAESDECLAST, rounds)
	VPXOR   X8, X0, X0
	BEFORE(0, X1)
	BEFORE(16, X2)
	BEFORE(32, X3)
	BEFORE(48, X4)
	BEFORE(64, X5)
	BEFORE(80, X6)
	BEFORE(96, X7)
	VMOVDQU 112(SI), X8
	VMOVDQU X0, (DI)
	VMOVDQU X1, 16(DI)
	VMOVDQU X2, 32(DI)
	VMOVDQU X3, 48(DI)
	VMOVDQU X4, 64(DI)
	VMOVDQU X5, 80(DI)
	VMOVDQU X6, 96(DI)
	VMOVDQU X7, 112(DI)
	ADDQ    $128, SI
	ADDQ    $128, DI
	SUBQ    $128, DX
	JAE     batch

rest:
	ADDQ $128, DX
	JZ   done

block:
	VMOVDQU (SI), X1
	VMOVDQU X1, X0
	BLOCK(VAESDEC, VAESDECLAST, block1)
	VPXOR   X8, X0, X0
	VMOVDQU X1, X8
	VMOVDQU X0, (DI)
	ADDQ    $16, SI
	ADDQ    $16, DI
	SUBQ    $16, DX
	JNZ     block

done:
	RET
