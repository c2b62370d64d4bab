// SPDX-License-Identifier: BSD-3-Clause

//go:build !noasm

#include "textflag.h"

#define LOAD(off, z) \
	VMOVDQU64 off(SI), z

#define FOLD(off, z, t, u) \
	VPCLMULQDQ $0x00, Z31, z, u; \
	VPCLMULQDQ $0x11, Z31, z, z; \
	VPTERNLOGQ $0x96, off(SI), u, z

#define LOADCOPY(off, z) \
	VMOVDQU64 off(SI), z; \
	VMOVDQU64 z, off(DI)

#define FOLDCOPY(off, z, t, u) \
	VMOVDQU64  off(SI), t; \
	VPCLMULQDQ $0x00, Z31, z, u; \
	VPCLMULQDQ $0x11, Z31, z, z; \
	VMOVDQU64  t, off(DI); \
	VPTERNLOGQ $0x96, t, u, z

#define START(load) \
	load(0, Z0); \
	load(64, Z1); \
	load(128, Z2); \
	load(192, Z3); \
	load(256, Z4); \
	load(320, Z5); \
	load(384, Z6); \
	load(448, Z7); \
	VMOVD  AX, X30; \
	VPXORQ Z30, Z0, Z0

#define NEXT(fold) \
	fold(0, Z0, Z8, Z16); \
	fold(64, Z1, Z9, Z17); \
	fold(128, Z2, Z10, Z18); \
	fold(192, Z3, Z11, Z19); \
	fold(256, Z4, Z12, Z20); \
	fold(320, Z5, Z13, Z21); \
	fold(384, Z6, Z14, Z22); \
	fold(448, Z7, Z15, Z23)

// LAST leaves two summands in z and t.
#define LAST(off, z, t, u) \
	VMOVDQU64  off(DX), u; \
	VPCLMULQDQ $0x00, u, z, t; \
	VPCLMULQDQ $0x11, u, z, z

// END adds up the last chunk. The CRC of the 16 bytes that are left is the
// CRC of all.
#define END \
	LAST(0, Z0, Z8, Z16); \
	LAST(64, Z1, Z9, Z17); \
	LAST(128, Z2, Z10, Z18); \
	LAST(192, Z3, Z11, Z19); \
	LAST(256, Z4, Z12, Z20); \
	LAST(320, Z5, Z13, Z21); \
	LAST(384, Z6, Z14, Z22); \
	LAST(448, Z7, Z15, Z23); \
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
	VMOVQ         X0, BX; \
	VPEXTRQ       $1, X0, CX; \
	XORL          AX, AX; \
	CRC32Q        BX, AX; \
	CRC32Q        CX, AX

// func update512(crc uint32, p *byte, n int, k *constants) uint32
TEXT ·update512(SB), NOSPLIT, $0-36
	MOVL crc+0(FP), AX
	MOVQ p+8(FP), SI
	MOVQ n+16(FP), CX
	MOVQ k+24(FP), DX
	START(LOAD)
	ADDQ $512, SI
	SUBQ $512, CX
	JZ   last
	VBROADCASTI32X4 512(DX), Z31

next:
	NEXT(FOLD)
	ADDQ $512, SI
	SUBQ $512, CX
	JNZ  next

last:
	END
	MOVL AX, ret+32(FP)
	VZEROUPPER
	RET

// func copy512(crc uint32, dst, src *byte, n int, k *constants) uint32
TEXT ·copy512(SB), NOSPLIT, $0-44
	MOVL crc+0(FP), AX
	MOVQ dst+8(FP), DI
	MOVQ src+16(FP), SI
	MOVQ n+24(FP), CX
	MOVQ k+32(FP), DX
	START(LOADCOPY)
	ADDQ $512, SI
	ADDQ $512, DI
	SUBQ $512, CX
	JZ   last
	VBROADCASTI32X4 512(DX), Z31

next:
	NEXT(FOLDCOPY)
	ADDQ $512, SI
	ADDQ $512, DI
	SUBQ $512, CX
	JNZ  next

last:
	END
	MOVL AX, ret+40(FP)
	VZEROUPPER
	RET
