// SPDX-License-Identifier: BSD-3-Clause

//go:build !noasm

#include "textflag.h"

// func prefetch(p unsafe.Pointer, n int)
TEXT ·prefetch(SB), NOSPLIT, $0-16
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), CX

loop:
	PREFETCHT0 (SI)
	ADDQ       $64, SI
	DECQ       CX
	JNZ        loop
	RET

// func stream(dst, src unsafe.Pointer, n int)
//
// Stores that bypass the caches are not ordered; the fence at the end orders
// them before the caller's.
TEXT ·stream(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX

loop:
	MOVOU  (SI), X0
	MOVOU  16(SI), X1
	MOVOU  32(SI), X2
	MOVOU  48(SI), X3
	MOVNTO X0, (DI)
	MOVNTO X1, 16(DI)
	MOVNTO X2, 32(DI)
	MOVNTO X3, 48(DI)
	ADDQ   $64, SI
	ADDQ   $64, DI
	SUBQ   $64, CX
	JNZ    loop
	SFENCE
	RET

// func pair(dst1, src1, dst2, src2 unsafe.Pointer, n int)
TEXT ·pair(SB), NOSPLIT, $0-40
	MOVQ dst1+0(FP), DI
	MOVQ src1+8(FP), SI
	MOVQ dst2+16(FP), R8
	MOVQ src2+24(FP), R9
	MOVQ n+32(FP), CX

loop:
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y1
	VMOVDQU 64(SI), Y2
	VMOVDQU 96(SI), Y3
	VMOVDQU (R9), Y4
	VMOVDQU 32(R9), Y5
	VMOVDQU 64(R9), Y6
	VMOVDQU 96(R9), Y7
	VMOVDQU Y0, (DI)
	VMOVDQU Y1, 32(DI)
	VMOVDQU Y2, 64(DI)
	VMOVDQU Y3, 96(DI)
	VMOVDQU Y4, (R8)
	VMOVDQU Y5, 32(R8)
	VMOVDQU Y6, 64(R8)
	VMOVDQU Y7, 96(R8)
	ADDQ    $128, SI
	ADDQ    $128, DI
	ADDQ    $128, R8
	ADDQ    $128, R9
	SUBQ    $128, CX
	JNZ     loop
	VZEROUPPER
	RET
