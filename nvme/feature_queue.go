// SPDX-License-Identifier: BSD-3-Clause

package nvme

// Arbitration is the value of FeatureArbitration (section 5.27.1).
type Arbitration uint32

// AB returns the arbitration burst as a power of two of commands, 7 for no
// limit.
func (a Arbitration) AB() uint8 { return uint8(a & 0x7) }

// WithAB returns a with AB set to v.
func (a Arbitration) WithAB(v uint8) Arbitration { return a&^(0x7) | Arbitration(v)&0x7 }

// LPW returns the low priority weight, 0's based.
func (a Arbitration) LPW() uint8 { return uint8(a >> 8 & 0xff) }

// WithLPW returns a with LPW set to v.
func (a Arbitration) WithLPW(v uint8) Arbitration { return a&^(0xff<<8) | Arbitration(v)&0xff<<8 }

// MPW returns the medium priority weight, 0's based.
func (a Arbitration) MPW() uint8 { return uint8(a >> 16 & 0xff) }

// WithMPW returns a with MPW set to v.
func (a Arbitration) WithMPW(v uint8) Arbitration { return a&^(0xff<<16) | Arbitration(v)&0xff<<16 }

// HPW returns the high priority weight, 0's based.
func (a Arbitration) HPW() uint8 { return uint8(a >> 24) }

// WithHPW returns a with HPW set to v.
func (a Arbitration) WithHPW(v uint8) Arbitration { return a&^(0xff<<24) | Arbitration(v)&0xff<<24 }

// NumberOfQueues is the value of FeatureNumberOfQueues (section 5.27.1): what
// the host asks for and, in the completion, what it gets.
type NumberOfQueues uint32

// NSQ returns the number of I/O submission queues, 0's based (NSQR, NSQA).
func (n NumberOfQueues) NSQ() uint16 { return uint16(n) }

// WithNSQ returns n with NSQ set to v.
func (n NumberOfQueues) WithNSQ(v uint16) NumberOfQueues {
	return n&^(0xffff) | NumberOfQueues(v)&0xffff
}

// NCQ returns the number of I/O completion queues, 0's based (NCQR, NCQA).
func (n NumberOfQueues) NCQ() uint16 { return uint16(n >> 16) }

// WithNCQ returns n with NCQ set to v.
func (n NumberOfQueues) WithNCQ(v uint16) NumberOfQueues {
	return n&^(0xffff<<16) | NumberOfQueues(v)&0xffff<<16
}

// InterruptCoalescing is the value of FeatureInterruptCoalescing (section
// 5.27.1).
type InterruptCoalescing uint32

// THR returns the aggregation threshold in completions, 0's based.
func (i InterruptCoalescing) THR() uint8 { return uint8(i) }

// WithTHR returns i with THR set to v.
func (i InterruptCoalescing) WithTHR(v uint8) InterruptCoalescing {
	return i&^(0xff) | InterruptCoalescing(v)&0xff
}

// TIME returns the aggregation time in units of 100 µs.
func (i InterruptCoalescing) TIME() uint8 { return uint8(i >> 8 & 0xff) }

// WithTIME returns i with TIME set to v.
func (i InterruptCoalescing) WithTIME(v uint8) InterruptCoalescing {
	return i&^(0xff<<8) | InterruptCoalescing(v)&0xff<<8
}

// InterruptVectorConfig is the value of FeatureInterruptVectorConfiguration
// (section 5.27.1).
type InterruptVectorConfig uint32

// IV returns the interrupt vector.
func (i InterruptVectorConfig) IV() uint16 { return uint16(i) }

// WithIV returns i with IV set to v.
func (i InterruptVectorConfig) WithIV(v uint16) InterruptVectorConfig {
	return i&^(0xffff) | InterruptVectorConfig(v)&0xffff
}

// CD reports whether coalescing is disabled for the vector.
func (i InterruptVectorConfig) CD() bool { return i&(1<<16) != 0 }

// WithCD returns i with CD set to on.
func (i InterruptVectorConfig) WithCD(on bool) InterruptVectorConfig { return setBit(i, 16, on) }

// NewNumberOfQueues returns the value that asks for or grants the given numbers
// of queues, 1 to 65535 each.
func NewNumberOfQueues(submission, completion int) NumberOfQueues {
	return NumberOfQueues(0).WithNSQ(uint16(submission - 1)).WithNCQ(uint16(completion - 1))
}

// Submission returns the number of I/O submission queues.
func (n NumberOfQueues) Submission() int { return int(n.NSQ()) + 1 }

// Completion returns the number of I/O completion queues.
func (n NumberOfQueues) Completion() int { return int(n.NCQ()) + 1 }
