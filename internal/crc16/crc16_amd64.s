// SPDX-License-Identifier: BSD-3-Clause

//go:build !noasm

#include "textflag.h"

// The first byte is the highest part of the polynomial: vectors are reversed.
DATA reverse<>+0(SB)/8, $0x08090a0b0c0d0e0f
DATA reverse<>+8(SB)/8, $0x0001020304050607
GLOBL reverse<>(SB), RODATA|NOPTR, $16

// SEED puts the CRC so far, in AX, to the highest 16 bits of seed.
#define SEED(seed) \
	SHLQ    $48, AX; \
	VMOVQ   AX, seed; \
	VPSLLDQ $8, seed, seed

// REDUCE makes the CRC in AX of the 80 bits in X0. k is where the constants
// are. The quotient's highest bit is 1, so the upper 64 bits are added to the
// product.
#define REDUCE(k) \
	VPSRLDQ    $2, X0, X1; \
	VMOVDQU    k, X2; \
	VPCLMULQDQ $0x00, X2, X1, X3; \
	VPCLMULQDQ $0x10, X2, X1, X4; \
	VPCLMULQDQ $0x11, X2, X3, X3; \
	VPXOR      X4, X3, X3; \
	VPXOR      X3, X0, X0; \
	VMOVD      X0, AX

// func update16(crc uint16, p *byte, n int, k *[3]factors) uint16
TEXT ·update16(SB), NOSPLIT, $0-34
	MOVWLZX crc+0(FP), AX
	MOVQ    p+8(FP), SI
	MOVQ    n+16(FP), CX
	MOVQ    k+24(FP), DX
	VMOVDQU reverse<>(SB), X15
	VMOVDQU 16(DX), X14
	SEED(X13)
	VMOVDQU (SI), X0
	VPSHUFB X15, X0, X0
	VPXOR   X13, X0, X0
	ADDQ    $16, SI
	SUBQ    $16, CX
	JZ      last

next:
	VMOVDQU    (SI), X1
	VPSHUFB    X15, X1, X1
	VPCLMULQDQ $0x00, X14, X0, X2
	VPCLMULQDQ $0x11, X14, X0, X0
	VPXOR      X1, X2, X2
	VPXOR      X2, X0, X0
	ADDQ       $16, SI
	SUBQ       $16, CX
	JNZ        next

last:
	VMOVDQU    (DX), X14
	VPCLMULQDQ $0x00, X14, X0, X2
	VPCLMULQDQ $0x11, X14, X0, X0
	VPXOR      X2, X0, X0
	REDUCE(32(DX))
	MOVW       AX, ret+32(FP)
	RET

#define LOAD128(off, x) \
	VMOVDQU off(SI), x; \
	VPSHUFB X15, x, x

#define FOLD128(off, x) \
	VMOVDQU    off(SI), X8; \
	VPCLMULQDQ $0x00, X14, x, X9; \
	VPSHUFB    X15, X8, X8; \
	VPCLMULQDQ $0x11, X14, x, x; \
	VPXOR      X8, X9, X9; \
	VPXOR      X9, x, x

#define LAST128(off, x, t) \
	VMOVDQU    off(DX), X8; \
	VPCLMULQDQ $0x00, X8, x, t; \
	VPCLMULQDQ $0x11, X8, x, x; \
	VPXOR      t, x, x

// func update128(crc uint16, p *byte, n int, k *[10]factors) uint16
TEXT ·update128(SB), NOSPLIT, $0-34
	MOVWLZX crc+0(FP), AX
	MOVQ    p+8(FP), SI
	MOVQ    n+16(FP), CX
	MOVQ    k+24(FP), DX
	VMOVDQU reverse<>(SB), X15
	VMOVDQU 128(DX), X14
	SEED(X13)
	LOAD128(0, X0)
	LOAD128(16, X1)
	LOAD128(32, X2)
	LOAD128(48, X3)
	LOAD128(64, X4)
	LOAD128(80, X5)
	LOAD128(96, X6)
	LOAD128(112, X7)
	VPXOR   X13, X0, X0
	ADDQ    $128, SI
	SUBQ    $128, CX
	JZ      last

next:
	FOLD128(0, X0)
	FOLD128(16, X1)
	FOLD128(32, X2)
	FOLD128(48, X3)
	FOLD128(64, X4)
	FOLD128(80, X5)
	FOLD128(96, X6)
	FOLD128(112, X7)
	ADDQ $128, SI
	SUBQ $128, CX
	JNZ  next

last:
	LAST128(0, X0, X9)
	LAST128(16, X1, X10)
	LAST128(32, X2, X11)
	LAST128(48, X3, X12)
	LAST128(64, X4, X9)
	LAST128(80, X5, X10)
	LAST128(96, X6, X11)
	LAST128(112, X7, X12)
	VPXOR X1, X0, X0
	VPXOR X3, X2, X2
	VPXOR X5, X4, X4
	VPXOR X7, X6, X6
	VPXOR X2, X0, X0
	VPXOR X6, X4, X4
	VPXOR X4, X0, X0
	REDUCE(144(DX))
	MOVW  AX, ret+32(FP)
	RET

#define LOAD512(off, z) \
	VMOVDQU64 off(SI), z; \
	VPSHUFB   Z31, z, z

#define FOLD512(off, z, t, u) \
	VMOVDQU64  off(SI), t; \
	VPCLMULQDQ $0x00, Z30, z, u; \
	VPSHUFB    Z31, t, t; \
	VPCLMULQDQ $0x11, Z30, z, z; \
	VPTERNLOGQ $0x96, t, u, z

#define LOADCOPY512(off, z) \
	VMOVDQU64 off(SI), z; \
	VMOVDQU64 z, off(DI); \
	VPSHUFB   Z31, z, z

#define FOLDCOPY512(off, z, t, u) \
	VMOVDQU64  off(SI), t; \
	VPCLMULQDQ $0x00, Z30, z, u; \
	VMOVDQU64  t, off(DI); \
	VPSHUFB    Z31, t, t; \
	VPCLMULQDQ $0x11, Z30, z, z; \
	VPTERNLOGQ $0x96, t, u, z

// ENDS512 loads the factors of the last chunk.
#define ENDS512 \
	VMOVDQU64 0(DX), Z16; \
	VMOVDQU64 64(DX), Z17; \
	VMOVDQU64 128(DX), Z18; \
	VMOVDQU64 192(DX), Z19; \
	VMOVDQU64 256(DX), Z20; \
	VMOVDQU64 320(DX), Z21; \
	VMOVDQU64 384(DX), Z22; \
	VMOVDQU64 448(DX), Z23

// LAST512 leaves two summands in z and t.
#define LAST512(end, z, t) \
	VPCLMULQDQ $0x00, end, z, t; \
	VPCLMULQDQ $0x11, end, z, z

#define START512(load) \
	SEED(X29); \
	load(0, Z0); \
	load(64, Z1); \
	load(128, Z2); \
	load(192, Z3); \
	load(256, Z4); \
	load(320, Z5); \
	load(384, Z6); \
	load(448, Z7); \
	VPXORQ Z29, Z0, Z0

#define NEXT512(fold) \
	fold(0, Z0, Z8, Z24); \
	fold(64, Z1, Z9, Z25); \
	fold(128, Z2, Z10, Z26); \
	fold(192, Z3, Z11, Z27); \
	fold(256, Z4, Z12, Z24); \
	fold(320, Z5, Z13, Z25); \
	fold(384, Z6, Z14, Z26); \
	fold(448, Z7, Z15, Z27)

#define END512 \
	LAST512(Z16, Z0, Z8); \
	LAST512(Z17, Z1, Z9); \
	LAST512(Z18, Z2, Z10); \
	LAST512(Z19, Z3, Z11); \
	LAST512(Z20, Z4, Z12); \
	LAST512(Z21, Z5, Z13); \
	LAST512(Z22, Z6, Z14); \
	LAST512(Z23, Z7, Z15); \
	VPTERNLOGQ    $0x96, Z8, Z1, Z0; \
	VPTERNLOGQ    $0x96, Z9, Z10, Z2; \
	VPTERNLOGQ    $0x96, Z3, Z11, Z4; \
	VPTERNLOGQ    $0x96, Z5, Z12, Z13; \
	VPTERNLOGQ    $0x96, Z6, Z14, Z7; \
	VPTERNLOGQ    $0x96, Z2, Z4, Z0; \
	VPTERNLOGQ    $0x96, Z7, Z15, Z13; \
	VPXORQ        Z13, Z0, Z0; \
	VEXTRACTI64X4 $1, Z0, Y1; \
	VPXOR         Y1, Y0, Y0; \
	VEXTRACTI128  $1, Y0, X1; \
	VPXOR         X1, X0, X0; \
	REDUCE(528(DX))

// func update512(crc uint16, p *byte, n int, k *[34]factors) uint16
TEXT ·update512(SB), NOSPLIT, $0-34
	MOVWLZX crc+0(FP), AX
	MOVQ    p+8(FP), SI
	MOVQ    n+16(FP), CX
	MOVQ    k+24(FP), DX
	VBROADCASTI32X4 reverse<>(SB), Z31
	START512(LOAD512)
	ADDQ $512, SI
	SUBQ $512, CX
	JZ   last
	VBROADCASTI32X4 512(DX), Z30

next:
	NEXT512(FOLD512)
	ADDQ $512, SI
	SUBQ $512, CX
	JNZ  next

last:
	ENDS512
	END512
	MOVW AX, ret+32(FP)
	VZEROUPPER
	RET

// func copy512(crc uint16, dst, src *byte, n int, k *[34]factors) uint16
TEXT ·copy512(SB), NOSPLIT, $0-42
	MOVWLZX crc+0(FP), AX
	MOVQ    dst+8(FP), DI
	MOVQ    src+16(FP), SI
	MOVQ    n+24(FP), CX
	MOVQ    k+32(FP), DX
	VBROADCASTI32X4 reverse<>(SB), Z31
	START512(LOADCOPY512)
	ADDQ    $512, SI
	ADDQ    $512, DI
	SUBQ    $512, CX
	JZ      last
	VBROADCASTI32X4 512(DX), Z30

next:
	NEXT512(FOLDCOPY512)
	ADDQ $512, SI
	ADDQ $512, DI
	SUBQ $512, CX
	JNZ  next

last:
	ENDS512
	END512
	MOVW AX, ret+40(FP)
	VZEROUPPER
	RET

// func blocks512(crc uint16, sums *uint64, count int, p *byte, n, stride int, k *[34]factors)
TEXT ·blocks512(SB), NOSPLIT, $0-56
	MOVQ sums+8(FP), DI
	MOVQ count+16(FP), BX
	MOVQ p+24(FP), R8
	MOVQ n+32(FP), R9
	MOVQ stride+40(FP), R10
	MOVQ k+48(FP), DX
	ENDS512
	VBROADCASTI32X4 512(DX), Z30
	VBROADCASTI32X4 reverse<>(SB), Z31

block:
	MOVWLZX crc+0(FP), AX
	MOVQ    R8, SI
	MOVQ    R9, CX
	START512(LOAD512)
	ADDQ    $512, SI
	SUBQ    $512, CX
	JZ      last

next:
	NEXT512(FOLD512)
	ADDQ $512, SI
	SUBQ $512, CX
	JNZ  next

last:
	END512
	MOVWLZX AX, AX
	MOVQ    AX, (DI)
	ADDQ    $8, DI
	ADDQ    R10, R8
	DECQ    BX
	JNZ     block
	VZEROUPPER
	RET
