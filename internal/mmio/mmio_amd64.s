// SPDX-License-Identifier: BSD-3-Clause

//go:build !noasm

#include "textflag.h"

TEXT ·Load32(SB), NOSPLIT, $0-12
	MOVQ p+0(FP), AX
	MOVL (AX), AX
	MOVL AX, ret+8(FP)
	RET

TEXT ·Load64(SB), NOSPLIT, $0-16
	MOVQ p+0(FP), AX
	MOVQ (AX), AX
	MOVQ AX, ret+8(FP)
	RET

TEXT ·Store32(SB), NOSPLIT, $0-12
	MOVQ p+0(FP), AX
	MOVL v+8(FP), CX
	MOVL CX, (AX)
	RET

TEXT ·Store64(SB), NOSPLIT, $0-16
	MOVQ p+0(FP), AX
	MOVQ v+8(FP), CX
	MOVQ CX, (AX)
	RET

TEXT ·WMB(SB), NOSPLIT, $0-0
	SFENCE
	RET

TEXT ·RMB(SB), NOSPLIT, $0-0
	LFENCE
	RET

// A locked no-op is a full barrier for ordinary memory and, on most
// processors, a third of the cost of MFENCE.
TEXT ·MB(SB), NOSPLIT, $8-0
	LOCK
	ADDL $0, 0(SP)
	RET

TEXT ·Pause(SB), NOSPLIT, $0-0
	PAUSE
	RET

TEXT ·Prefetch(SB), NOSPLIT, $0-8
	MOVQ p+0(FP), AX
	PREFETCHT0 (AX)
	RET
