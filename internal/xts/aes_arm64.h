// SPDX-License-Identifier: BSD-3-Clause

// Registers: V20 to V30 are the last 11 round keys; if there are 14 rounds,
// V16 to V19 are the first 4. R1 is the number of rounds.

// KEYS loads the schedule at R0.
#define KEYS(label) \
	CMP    $14, R1; \
	BNE    label; \
	VLD1.P 64(R0), [V16.B16, V17.B16, V18.B16, V19.B16]; \
label: \
	VLD1.P 64(R0), [V20.B16, V21.B16, V22.B16, V23.B16]; \
	VLD1.P 64(R0), [V24.B16, V25.B16, V26.B16, V27.B16]; \
	VLD1   (R0), [V28.B16, V29.B16, V30.B16]

// BLOCK does all rounds of the block in V0, in the order in which the
// instructions have the steps: the key is added first.
#define BLOCK(op, mix, label) \
	CMP  $14, R1; \
	BNE  label; \
	ROUND1(op, mix, V16); \
	ROUND1(op, mix, V17); \
	ROUND1(op, mix, V18); \
	ROUND1(op, mix, V19); \
label: \
	ROUND1(op, mix, V20); \
	ROUND1(op, mix, V21); \
	ROUND1(op, mix, V22); \
	ROUND1(op, mix, V23); \
	ROUND1(op, mix, V24); \
	ROUND1(op, mix, V25); \
	ROUND1(op, mix, V26); \
	ROUND1(op, mix, V27); \
	ROUND1(op, mix, V28); \
	op   V29.B16, V0.B16; \
	VEOR V30.B16, V0.B16, V0.B16

#define ROUND1(op, mix, k) \
	op  k.B16, V0.B16; \
	mix V0.B16, V0.B16

// BLOCKS does all rounds of the 8 blocks in V0 to V7, but for the last key.
#define BLOCKS(op, mix, label) \
	CMP $14, R1; \
	BNE label; \
	ROUND8(op, mix, V16); \
	ROUND8(op, mix, V17); \
	ROUND8(op, mix, V18); \
	ROUND8(op, mix, V19); \
label: \
	ROUND8(op, mix, V20); \
	ROUND8(op, mix, V21); \
	ROUND8(op, mix, V22); \
	ROUND8(op, mix, V23); \
	ROUND8(op, mix, V24); \
	ROUND8(op, mix, V25); \
	ROUND8(op, mix, V26); \
	ROUND8(op, mix, V27); \
	ROUND8(op, mix, V28); \
	op  V29.B16, V0.B16; \
	op  V29.B16, V1.B16; \
	op  V29.B16, V2.B16; \
	op  V29.B16, V3.B16; \
	op  V29.B16, V4.B16; \
	op  V29.B16, V5.B16; \
	op  V29.B16, V6.B16; \
	op  V29.B16, V7.B16

// An instruction and the one that mixes are next to each other, so that the
// processor can fuse them.
#define ROUND8(op, mix, k) \
	op  k.B16, V0.B16; \
	mix V0.B16, V0.B16; \
	op  k.B16, V1.B16; \
	mix V1.B16, V1.B16; \
	op  k.B16, V2.B16; \
	mix V2.B16, V2.B16; \
	op  k.B16, V3.B16; \
	mix V3.B16, V3.B16; \
	op  k.B16, V4.B16; \
	mix V4.B16, V4.B16; \
	op  k.B16, V5.B16; \
	mix V5.B16, V5.B16; \
	op  k.B16, V6.B16; \
	mix V6.B16, V6.B16; \
	op  k.B16, V7.B16; \
	mix V7.B16, V7.B16
