// SPDX-License-Identifier: BSD-3-Clause

// A single block is in X0. The schedule is at AX, the number of rounds in BX,
// 10 or 14. CX is overwritten: it is where the last 10 round keys begin, less
// one.
#define BLOCK(op, oplast, label) \
	VPXOR (AX), X0, X0; \
	MOVQ  AX, CX; \
	CMPQ  BX, $14; \
	JNE   label; \
	op    16(CX), X0, X0; \
	op    32(CX), X0, X0; \
	op    48(CX), X0, X0; \
	op    64(CX), X0, X0; \
	ADDQ  $64, CX; \
label: \
	op     16(CX), X0, X0; \
	op     32(CX), X0, X0; \
	op     48(CX), X0, X0; \
	op     64(CX), X0, X0; \
	op     80(CX), X0, X0; \
	op     96(CX), X0, X0; \
	op     112(CX), X0, X0; \
	op     128(CX), X0, X0; \
	op     144(CX), X0, X0; \
	oplast 160(CX), X0, X0
