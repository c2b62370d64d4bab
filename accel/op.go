// SPDX-License-Identifier: BSD-3-Clause

package accel

import (
	"fmt"
	"strings"
	"syscall"
)

// Op says what a task does. What each uses of a [Task] is said there.
type Op uint8

// Operations, in SPDK's order.
const (
	OpCopy            Op = iota + 1 // copy Src to Dst
	OpFill                          // fill Dst with Fill
	OpDualcast                      // copy Src to Dst and to Dst2
	OpCompare                       // succeed if Src and Src2 hold the same; else the status is EILSEQ
	OpCRC32C                        // CRC-32C of Src
	OpCopyCRC32C                    // copy Src to Dst, and its CRC-32C
	OpCompress                      // compress Src into Dst
	OpDecompress                    // decompress Src into Dst
	OpEncrypt                       // encrypt Src into Dst, or in place
	OpDecrypt                       // decrypt Src into Dst, or in place
	OpXOR                           // exclusive or of the pieces of Src into Dst
	OpDIFVerify                     // check the protection information in Src
	OpDIFVerifyCopy                 // check Src and copy its data without metadata to Dst
	OpDIFGenerate                   // put protection information into Src
	OpDIFGenerateCopy               // copy the data of Src to Dst, with protection information
	OpDIXGenerate                   // make protection information for Src in Meta
	OpDIXVerify                     // check Src against the protection information in Meta
	OpCRC64                         // CRC-64/NVMe of Src; SPDK has no such operation
	numOps            = iota + 1
)

var opNames = [numOps]string{
	"", "copy", "fill", "dualcast", "compare", "crc32c", "copy_crc32c", "compress", "decompress", "encrypt", "decrypt", "xor",
	"dif_verify", "dif_verify_copy", "dif_generate", "dif_generate_copy", "dix_generate", "dix_verify", "crc64",
}

// String returns the operation's name, as SPDK spells it.
func (op Op) String() string {
	if op > 0 && op < numOps {
		return opNames[op]
	}
	return fmt.Sprintf("operation %d", uint8(op))
}

// InSPDK tells whether SPDK has the operation too.
func (op Op) InSPDK() bool { return op > 0 && op < OpCRC64 }

// Ops returns all operations.
func Ops() []Op {
	ops := make([]Op, 0, numOps-1)
	for op := OpCopy; op < numOps; op++ {
		ops = append(ops, op)
	}
	return ops
}

// ParseOp returns the operation of that name.
func ParseOp(name string) (Op, error) {
	for op := OpCopy; op < numOps; op++ {
		if opNames[op] == name {
			return op, nil
		}
	}
	return 0, fmt.Errorf("accel operation %q: it must be one of %s: %w", name, strings.Join(opNames[1:], ", "), syscall.EINVAL)
}

// CompAlgo is a compression algorithm, with SPDK's values.
type CompAlgo uint8

// Algorithms.
const (
	Deflate CompAlgo = iota // RFC 1951, without a header
	LZ4                     // one LZ4 block, however the source is cut
	numAlgos
)

// String returns the algorithm's name.
func (a CompAlgo) String() string {
	switch a {
	case Deflate:
		return "deflate"
	case LZ4:
		return "lz4"
	}
	return fmt.Sprintf("compression algorithm %d", uint8(a))
}
