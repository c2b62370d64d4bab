// SPDX-License-Identifier: BSD-3-Clause

//go:build !noasm

#include "textflag.h"

// Registers: DI destination, CX bytes left, BX headers of the sources, DX
// their number but for the first, AX the offset. A header is 24 bytes, its
// first word is the address. R8 walks over the headers, R9 counts them.

#define ARGS \
	MOVQ dst+0(FP), DI; \
	MOVQ n+8(FP), CX; \
	MOVQ sources+16(FP), BX; \
	MOVQ count+24(FP), DX; \
	DECQ DX; \
	XORL AX, AX

#define FIRST \
	MOVQ (BX), SI; \
	ADDQ AX, SI; \
	MOVQ BX, R8; \
	MOVQ DX, R9

// PAIR has the addresses of the next two sources in SI and R10, SINGLE that
// of the next one in SI.
#define PAIR \
	MOVQ 24(R8), SI; \
	MOVQ 48(R8), R10; \
	ADDQ AX, SI; \
	ADDQ AX, R10; \
	ADDQ $48, R8

#define SINGLE \
	MOVQ 24(R8), SI; \
	ADDQ AX, SI

#define XOR3(off, z, t) \
	VMOVDQU64  off(SI), t; \
	VPTERNLOGQ $0x96, off(R10), t, z

// func blocks512(dst *byte, n int, sources *[]byte, count int)
TEXT ·blocks512(SB), NOSPLIT, $0-32
	ARGS
	SUBQ $256, CX
	JB   rest

chunk:
	FIRST
	VMOVDQU64 (SI), Z0
	VMOVDQU64 64(SI), Z1
	VMOVDQU64 128(SI), Z2
	VMOVDQU64 192(SI), Z3
	SUBQ      $2, R9
	JB        single

pair:
	PAIR
	XOR3(0, Z0, Z8)
	XOR3(64, Z1, Z9)
	XOR3(128, Z2, Z10)
	XOR3(192, Z3, Z11)
	SUBQ $2, R9
	JAE  pair

single:
	CMPQ   R9, $-1
	JNE    store
	SINGLE
	VPXORQ (SI), Z0, Z0
	VPXORQ 64(SI), Z1, Z1
	VPXORQ 128(SI), Z2, Z2
	VPXORQ 192(SI), Z3, Z3

store:
	VMOVDQU64 Z0, (DI)(AX*1)
	VMOVDQU64 Z1, 64(DI)(AX*1)
	VMOVDQU64 Z2, 128(DI)(AX*1)
	VMOVDQU64 Z3, 192(DI)(AX*1)
	ADDQ      $256, AX
	SUBQ      $256, CX
	JAE       chunk

rest:
	ADDQ $256, CX
	JZ   done
	MOVQ $-1, R11

// A vector at a time; the mask in K1 has the bytes of the last.
vector:
	CMPQ CX, $64
	JAE  all
	MOVQ $1, R11
	SHLQ CX, R11
	DECQ R11

all:
	KMOVQ R11, K1
	FIRST
	VMOVDQU8.Z (SI), K1, Z0

each:
	SUBQ       $1, R9
	JB         put
	SINGLE
	ADDQ       $24, R8
	VMOVDQU8.Z (SI), K1, Z1
	VPXORQ     Z1, Z0, Z0
	JMP        each

put:
	LEAQ     (DI)(AX*1), R10
	VMOVDQU8 Z0, K1, (R10)
	ADDQ     $64, AX
	SUBQ     $64, CX
	JA       vector

done:
	VZEROUPPER
	RET

// func blocks256(dst *byte, n int, sources *[]byte, count int)
TEXT ·blocks256(SB), NOSPLIT, $0-32
	ARGS
	SUBQ $256, CX
	JB   rest

chunk:
	FIRST
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y1
	VMOVDQU 64(SI), Y2
	VMOVDQU 96(SI), Y3
	VMOVDQU 128(SI), Y4
	VMOVDQU 160(SI), Y5
	VMOVDQU 192(SI), Y6
	VMOVDQU 224(SI), Y7

next:
	SUBQ   $1, R9
	JB     store
	SINGLE
	ADDQ   $24, R8
	VPXOR  (SI), Y0, Y0
	VPXOR  32(SI), Y1, Y1
	VPXOR  64(SI), Y2, Y2
	VPXOR  96(SI), Y3, Y3
	VPXOR  128(SI), Y4, Y4
	VPXOR  160(SI), Y5, Y5
	VPXOR  192(SI), Y6, Y6
	VPXOR  224(SI), Y7, Y7
	JMP    next

store:
	VMOVDQU Y0, (DI)(AX*1)
	VMOVDQU Y1, 32(DI)(AX*1)
	VMOVDQU Y2, 64(DI)(AX*1)
	VMOVDQU Y3, 96(DI)(AX*1)
	VMOVDQU Y4, 128(DI)(AX*1)
	VMOVDQU Y5, 160(DI)(AX*1)
	VMOVDQU Y6, 192(DI)(AX*1)
	VMOVDQU Y7, 224(DI)(AX*1)
	ADDQ    $256, AX
	SUBQ    $256, CX
	JAE     chunk

rest:
	ADDQ $256, CX
	JZ   done

vector:
	FIRST
	VMOVDQU (SI), Y0

each:
	SUBQ  $1, R9
	JB    put
	SINGLE
	ADDQ  $24, R8
	VPXOR (SI), Y0, Y0
	JMP   each

put:
	VMOVDQU Y0, (DI)(AX*1)
	ADDQ    $32, AX
	SUBQ    $32, CX
	JNZ     vector

done:
	VZEROUPPER
	RET
