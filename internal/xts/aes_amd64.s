// SPDX-License-Identifier: BSD-3-Clause

//go:build !noasm

#include "textflag.h"
#include "aes_amd64.h"

// func subWord(w uint32) uint32
TEXT ·subWord(SB), NOSPLIT, $0-12
	MOVL             w+0(FP), AX
	VMOVD            AX, X0
	VPSHUFD          $0, X0, X0
	VAESKEYGENASSIST $0, X0, X0 // the lowest word is SubWord of the next
	VMOVD            X0, AX
	MOVL             AX, ret+8(FP)
	RET

// func inverseMixColumns(s *schedule, rounds int)
TEXT ·inverseMixColumns(SB), NOSPLIT, $0-16
	MOVQ s+0(FP), AX
	MOVQ rounds+8(FP), BX
	DECQ BX

next:
	ADDQ    $16, AX
	VAESIMC (AX), X0
	VMOVDQU X0, (AX)
	DECQ    BX
	JNZ     next
	RET

// func encryptBlock(s *schedule, rounds int, dst, src *[blockSize]byte)
TEXT ·encryptBlock(SB), NOSPLIT, $0-32
	MOVQ    s+0(FP), AX
	MOVQ    rounds+8(FP), BX
	MOVQ    dst+16(FP), DI
	MOVQ    src+24(FP), SI
	VMOVDQU (SI), X0
	BLOCK(VAESENC, VAESENCLAST, last)
	VMOVDQU X0, (DI)
	RET

// func decryptBlock(s *schedule, rounds int, dst, src *[blockSize]byte)
TEXT ·decryptBlock(SB), NOSPLIT, $0-32
	MOVQ    s+0(FP), AX
	MOVQ    rounds+8(FP), BX
	MOVQ    dst+16(FP), DI
	MOVQ    src+24(FP), SI
	VMOVDQU (SI), X0
	BLOCK(VAESDEC, VAESDECLAST, last)
	VMOVDQU X0, (DI)
	RET

// func encryptCBC128(s *schedule, rounds int, dst, src *byte, n int, iv *[blockSize]byte)
TEXT ·encryptCBC128(SB), NOSPLIT, $0-48
	MOVQ    s+0(FP), AX
	MOVQ    rounds+8(FP), BX
	MOVQ    dst+16(FP), DI
	MOVQ    src+24(FP), SI
	MOVQ    n+32(FP), DX
	MOVQ    iv+40(FP), R8
	VMOVDQU (R8), X0

next:
	VPXOR   (SI), X0, X0
	BLOCK(VAESENC, VAESENCLAST, last)
	VMOVDQU X0, (DI)
	ADDQ    $16, SI
	ADDQ    $16, DI
	SUBQ    $16, DX
	JNZ     next
	RET
