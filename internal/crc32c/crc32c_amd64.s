// SPDX-License-Identifier: BSD-3-Clause

//go:build !noasm

#include "textflag.h"

// Registers: SI the vectors, R8 to R11 the chains; AX the CRC so far, R12, R13,
// BX and DI those of the chains; CX units left. When copying, DX is the
// distance from the source to the destination.

#define LOAD(off, z) \
	VMOVDQU64 off(SI), z

#define FOLD(off, z, t, u) \
	VPCLMULQDQ $0x00, Z31, z, u; \
	VPCLMULQDQ $0x11, Z31, z, z; \
	VPTERNLOGQ $0x96, off(SI), u, z

#define LOADCOPY(off, z) \
	VMOVDQU64 off(SI), z; \
	VMOVDQU64 z, off(SI)(DX*1)

#define FOLDCOPY(off, z, t, u) \
	VMOVDQU64  off(SI), t; \
	VPCLMULQDQ $0x00, Z31, z, u; \
	VPCLMULQDQ $0x11, Z31, z, z; \
	VMOVDQU64  t, off(SI)(DX*1); \
	VPTERNLOGQ $0x96, t, u, z

// REGIONS finds the 4 chains: SI is the data, CX the number of units.
#define REGIONS \
	MOVQ CX, R9; \
	SHLQ $5, R9; \
	LEAQ (R9)(R9*2), R8; \
	LEAQ (SI)(R8*4), R8; \
	LEAQ (R8)(R9*2), R10; \
	LEAQ (R10)(R9*1), R11; \
	ADDQ R8, R9; \
	XORL R12, R12; \
	XORL R13, R13; \
	XORL BX, BX; \
	XORL DI, DI

#define CHAINS(off) \
	CRC32Q off(R8), R12; \
	CRC32Q off(R9), R13; \
	CRC32Q off(R10), BX; \
	CRC32Q off(R11), DI

#define COPYCHAINS \
	VMOVDQU (R8), Y6; \
	VMOVDQU (R9), Y7; \
	VMOVDQU (R10), Y14; \
	VMOVDQU (R11), Y15; \
	VMOVDQU Y6, (R8)(DX*1); \
	VMOVDQU Y7, (R9)(DX*1); \
	VMOVDQU Y14, (R10)(DX*1); \
	VMOVDQU Y15, (R11)(DX*1)

#define ADVANCE \
	ADDQ $384, SI; \
	ADDQ $32, R8; \
	ADDQ $32, R9; \
	ADDQ $32, R10; \
	ADDQ $32, R11

#define FIRST(load) \
	load(0, Z0); \
	CHAINS(0); \
	load(64, Z1); \
	load(128, Z2); \
	CHAINS(8); \
	load(192, Z3); \
	load(256, Z4); \
	CHAINS(16); \
	load(320, Z5); \
	CHAINS(24); \
	VMOVD  AX, X30; \
	VPXORQ Z30, Z0, Z0

#define NEXT(fold) \
	fold(0, Z0, Z8, Z16); \
	CHAINS(0); \
	fold(64, Z1, Z9, Z17); \
	fold(128, Z2, Z10, Z18); \
	CHAINS(8); \
	fold(192, Z3, Z11, Z19); \
	fold(256, Z4, Z12, Z20); \
	CHAINS(16); \
	fold(320, Z5, Z13, Z21); \
	CHAINS(24)

// LAST leaves two summands in z and t.
#define LAST(off, z, t, u) \
	VMOVDQU64  off(SI), u; \
	VPCLMULQDQ $0x00, u, z, t; \
	VPCLMULQDQ $0x11, u, z, z

// SUM makes the CRC in AX of the 64 bytes in Z0, whose vectors have been moved
// to the end: that of their sum.
#define SUM \
	VEXTRACTI64X4 $1, Z0, Y1; \
	VPXOR         Y1, Y0, Y0; \
	VEXTRACTI128  $1, Y0, X1; \
	VPXOR         X1, X0, X0; \
	VMOVQ         X0, R8; \
	VPEXTRQ       $1, X0, R9; \
	XORL          AX, AX; \
	CRC32Q        R8, AX; \
	CRC32Q        R9, AX

// END adds up the last unit's vectors. Then it moves all CRCs but that of the
// last chain to the end, and adds them up. SI is where the constants are, DX
// the moves, CX the number of units.
#define END \
	LAST(128, Z0, Z8, Z16); \
	LAST(192, Z1, Z9, Z17); \
	LAST(256, Z2, Z10, Z18); \
	LAST(320, Z3, Z11, Z19); \
	LAST(384, Z4, Z12, Z20); \
	LAST(448, Z5, Z13, Z21); \
	VPTERNLOGQ $0x96, Z8, Z1, Z0; \
	VPTERNLOGQ $0x96, Z9, Z10, Z2; \
	VPTERNLOGQ $0x96, Z3, Z11, Z4; \
	VPTERNLOGQ $0x96, Z5, Z12, Z13; \
	VPTERNLOGQ $0x96, Z2, Z4, Z0; \
	VPXORQ     Z13, Z0, Z0; \
	SUM; \
	LEAQ       (CX)(CX*2), R10; \
	VMOVQ      R12, X1; \
	VMOVQ      (DX)(R10*8), X4; \
	VPCLMULQDQ $0x00, X4, X1, X1; \
	VMOVQ      R13, X2; \
	SHLQ       $3, CX; \
	VMOVQ      (DX)(CX*2), X5; \
	VPCLMULQDQ $0x00, X5, X2, X2; \
	VMOVQ      BX, X3; \
	VMOVQ      (DX)(CX*1), X6; \
	VPCLMULQDQ $0x00, X6, X3, X3; \
	VPXOR      X1, X2, X2; \
	VMOVQ      AX, X0; \
	VMOVQ      (DX)(CX*4), X7; \
	VPCLMULQDQ $0x00, X7, X0, X0; \
	VPXOR      X2, X3, X3; \
	VPXOR      X3, X0, X0; \
	VMOVQ      X0, BX; \
	XORL       AX, AX; \
	CRC32Q     BX, AX; \
	XORL       DI, AX

// ONE makes the CRC of one unit, which is too short for chains.
#define ONE(load) \
	load(0, Z0); \
	load(64, Z1); \
	load(128, Z2); \
	load(192, Z3); \
	load(256, Z4); \
	load(320, Z5); \
	load(384, Z6); \
	load(448, Z7); \
	VMOVD  AX, X30; \
	VPXORQ Z30, Z0, Z0; \
	MOVQ   BX, SI; \
	LAST(0, Z0, Z8, Z16); \
	LAST(64, Z1, Z9, Z17); \
	LAST(128, Z2, Z10, Z18); \
	LAST(192, Z3, Z11, Z19); \
	LAST(256, Z4, Z12, Z20); \
	LAST(320, Z5, Z13, Z21); \
	LAST(384, Z6, Z14, Z22); \
	LAST(448, Z7, Z15, Z23); \
	VPTERNLOGQ $0x96, Z8, Z1, Z0; \
	VPTERNLOGQ $0x96, Z9, Z10, Z2; \
	VPTERNLOGQ $0x96, Z3, Z11, Z4; \
	VPTERNLOGQ $0x96, Z5, Z12, Z13; \
	VPTERNLOGQ $0x96, Z6, Z14, Z7; \
	VPTERNLOGQ $0x96, Z2, Z4, Z0; \
	VPTERNLOGQ $0x96, Z7, Z15, Z13; \
	VPXORQ     Z13, Z0, Z0; \
	SUM

// func updateUnit(crc uint32, p *byte, k *constants) uint32
TEXT ·updateUnit(SB), NOSPLIT, $0-28
	MOVL crc+0(FP), AX
	MOVQ p+8(FP), SI
	MOVQ k+16(FP), BX
	ONE(LOAD)
	MOVL AX, ret+24(FP)
	VZEROUPPER
	RET

// func copyUnit(crc uint32, dst, src *byte, k *constants) uint32
TEXT ·copyUnit(SB), NOSPLIT, $0-36
	MOVL crc+0(FP), AX
	MOVQ dst+8(FP), DX
	MOVQ src+16(FP), SI
	MOVQ k+24(FP), BX
	SUBQ SI, DX
	ONE(LOADCOPY)
	MOVL AX, ret+32(FP)
	VZEROUPPER
	RET

// func updateUnits(crc uint32, p *byte, units int, k *constants, to *moves) uint32
TEXT ·updateUnits(SB), NOSPLIT, $0-44
	MOVL crc+0(FP), AX
	MOVQ p+8(FP), SI
	MOVQ units+16(FP), CX
	MOVQ k+24(FP), DX
	REGIONS
	VBROADCASTI32X4 512(DX), Z31
	FIRST(LOAD)
	DECQ CX
	JZ   last

next:
	ADVANCE
	NEXT(FOLD)
	DECQ CX
	JNZ  next

last:
	MOVQ k+24(FP), SI
	MOVQ to+32(FP), DX
	MOVQ units+16(FP), CX
	END
	MOVL AX, ret+40(FP)
	VZEROUPPER
	RET

// func copyUnits(crc uint32, dst, src *byte, units int, k *constants, to *moves) uint32
TEXT ·copyUnits(SB), NOSPLIT, $0-52
	MOVL crc+0(FP), AX
	MOVQ src+16(FP), SI
	MOVQ units+24(FP), CX
	MOVQ k+32(FP), DX
	REGIONS
	VBROADCASTI32X4 512(DX), Z31
	MOVQ dst+8(FP), DX
	SUBQ SI, DX
	COPYCHAINS
	FIRST(LOADCOPY)
	DECQ CX
	JZ   last

next:
	ADVANCE
	COPYCHAINS
	NEXT(FOLDCOPY)
	DECQ CX
	JNZ  next

last:
	MOVQ k+32(FP), SI
	MOVQ to+40(FP), DX
	MOVQ units+24(FP), CX
	END
	MOVL AX, ret+48(FP)
	VZEROUPPER
	RET
