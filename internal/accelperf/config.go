// SPDX-License-Identifier: BSD-3-Clause

// Package accelperf measures the accel framework: it keeps a number of
// operations outstanding on each thread for a while. A reactor does nothing
// else meanwhile.
package accelperf

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gospdk/gospdk/accel"
	"github.com/gospdk/gospdk/reactor"
)

// Limits of a Config.
const (
	MaxDepth   = 1 << 16
	MaxSize    = 1 << 30
	MaxThreads = 256
	MaxPieces  = 4096
	// MaxMemory bounds the buffers of all threads together.
	MaxMemory = 8 << 30
)

// mdSize is the metadata of a block of the dif and dix workloads, in bytes.
const mdSize = 8

// Workloads lists what Config.Workload may be: all operations.
var Workloads = func() (names []string) {
	for _, op := range accel.Ops() {
		names = append(names, op.String())
	}
	return names
}()

// Config describes a run.
type Config struct {
	Workload   string // one of Workloads
	Depth      int    // operations outstanding on each thread
	AllocDepth int    // sets of buffers of each thread, at least Depth; 0 is Depth
	Size       int    // bytes of a piece; of compress and decompress 0 is the whole file
	Pieces     int    // pieces of an operation's source, each of Size bytes
	Time       time.Duration
	Threads    int          // on each core
	Mask       reactor.Mask // cores to use; empty for one
	Verify     bool         // look at each result

	Seed       uint32 // of the checksums
	Fill       byte
	Miscompare int    // percentage of compare operations that are to fail
	Sources    int    // of xor
	File       string // that compress and decompress read
	Algo       accel.CompAlgo
	Level      uint32
	Cipher     accel.Cipher
	KeyBits    int // 128 or 256
	BlockSize  int // of encrypt, decrypt, dif and dix
}

// Default is what SPDK's program does if nothing is said.
var Default = Config{
	Depth: 32, Size: 4096, Pieces: 1, Time: 5 * time.Second, Threads: 1, Fill: 255, Sources: 2,
	Level: 1, Cipher: accel.AESXTS, KeyBits: 128, BlockSize: 512,
}

func (c *Config) op() accel.Op {
	op, err := accel.ParseOp(c.Workload)
	if err != nil {
		return 0
	}
	return op
}

// isOneOf tells whether the workload is one of the operations.
func (c *Config) isOneOf(ops ...accel.Op) bool { return slices.Contains(ops, c.op()) }

func (c *Config) compresses() bool { return c.isOneOf(accel.OpCompress, accel.OpDecompress) }
func (c *Config) encrypts() bool   { return c.isOneOf(accel.OpEncrypt, accel.OpDecrypt) }

func (c *Config) protects() bool {
	op := c.op()
	return op >= accel.OpDIFVerify && op <= accel.OpDIXVerify
}

// chains tells whether the source may be in several pieces.
func (c *Config) chains() bool {
	return c.compresses() || c.encrypts() || c.protects() || c.isOneOf(accel.OpCRC32C, accel.OpCopyCRC32C, accel.OpCRC64)
}

func (c *Config) check() error {
	within := func(name string, v, low, high int) error {
		if v < low || v > high {
			return fmt.Errorf("%s %d: it must be from %d to %d", name, v, low, high)
		}
		return nil
	}
	least := 1
	if c.compresses() {
		least = 0
	}
	if c.op() == 0 {
		return fmt.Errorf("workload %q is none of %s", c.Workload, strings.Join(Workloads, ", "))
	}
	for _, err := range []error{
		within("queue depth", c.Depth, 1, MaxDepth),
		within("transfer size", c.Size, least, MaxSize),
		within("number of pieces", c.Pieces, 1, MaxPieces),
		within("number of threads", c.Threads, 1, MaxThreads),
		within("number of xor sources", c.Sources, 2, MaxPieces),
		within("percentage of miscompares", c.Miscompare, 0, 100),
		within("block size", c.BlockSize, 16, MaxSize),
	} {
		if err != nil {
			return err
		}
	}
	if c.AllocDepth == 0 {
		c.AllocDepth = c.Depth
	}
	switch {
	case c.AllocDepth < c.Depth || c.AllocDepth > MaxDepth:
		return fmt.Errorf("allocate depth %d: it must be from the queue depth %d to %d", c.AllocDepth, c.Depth, MaxDepth)
	case c.Time <= 0:
		return fmt.Errorf("time %v: it must be more than 0", c.Time)
	case c.KeyBits != 128 && c.KeyBits != 256:
		return fmt.Errorf("key of %d bits: it must have 128 or 256", c.KeyBits)
	case (c.encrypts() || c.protects()) && c.Size%c.BlockSize != 0:
		return fmt.Errorf("transfer size %d: it must be a multiple of the block size %d", c.Size, c.BlockSize)
	case c.encrypts() && c.Verify && c.BlockSize%16 != 0:
		return fmt.Errorf("block size %d: it must be a multiple of 16 to verify encryption", c.BlockSize)
	case c.compresses() && c.File == "":
		return fmt.Errorf("a filename is required: %s works on a file's content", c.Workload)
	case c.op() == accel.OpCompress && c.Verify:
		return fmt.Errorf("compression does not support the verify option; use decompress to verify")
	case c.Pieces > 1 && !c.chains():
		return fmt.Errorf("%d pieces: %s takes one", c.Pieces, c.Workload)
	}
	return nil
}
