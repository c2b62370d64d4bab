// SPDX-License-Identifier: BSD-3-Clause

//go:build !noasm

#include "textflag.h"

TEXT ·Load32(SB), NOSPLIT, $0-12
	MOVD  p+0(FP), R0
	MOVWU (R0), R0
	MOVW  R0, ret+8(FP)
	RET

TEXT ·Load64(SB), NOSPLIT, $0-16
	MOVD p+0(FP), R0
	MOVD (R0), R0
	MOVD R0, ret+8(FP)
	RET

TEXT ·Store32(SB), NOSPLIT, $0-12
	MOVD p+0(FP), R0
	MOVW v+8(FP), R1
	MOVW R1, (R0)
	RET

TEXT ·Store64(SB), NOSPLIT, $0-16
	MOVD p+0(FP), R0
	MOVD v+8(FP), R1
	MOVD R1, (R0)
	RET

// Options of DMB and DSB, Arm ARM C6.2: OSHST 2, OSHLD 1, OSH 3: the outer
// shareable domain holds the devices.
TEXT ·WMB(SB), NOSPLIT, $0-0
	DMB $2
	RET

TEXT ·RMB(SB), NOSPLIT, $0-0
	DMB $1
	RET

TEXT ·MB(SB), NOSPLIT, $0-0
	DMB $3
	RET

TEXT ·Pause(SB), NOSPLIT, $0-0
	YIELD
	RET

TEXT ·Prefetch(SB), NOSPLIT, $0-8
	MOVD p+0(FP), R0
	PRFM (R0), PLDL1KEEP
	RET
