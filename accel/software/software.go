// SPDX-License-Identifier: BSD-3-Clause

// Package software is the accel module that does everything on the
// processor, in the thread that submits.
//
// An operation is carried out within Submit, whole: who submits has chosen
// its size (the block layer splits large I/O), to cut it again would cost a
// state for each operation, and the time of the common ones is short: 128 KiB
// are encrypted in some 10 µs. What keeps rounds short is the framework,
// which bounds the bytes of the tasks that one round hands over.
package software

import (
	"errors"
	"syscall"

	"github.com/gospdk/gospdk/accel"
	"github.com/gospdk/gospdk/internal/xor"
	"github.com/gospdk/gospdk/thread"
)

// Module is the software module.
type Module struct{}

// New makes the module.
func New() *Module { return new(Module) }

// Name implements accel.Module.
func (*Module) Name() string { return "software" }

// Priority implements accel.Module.
func (*Module) Priority() int { return accel.SoftwarePriority }

// Supports implements accel.Module. The module has every operation.
func (*Module) Supports(accel.Op) bool { return true }

// OpenChannel implements accel.Module.
func (*Module) OpenChannel(*thread.Thread) (accel.ModuleChannel, error) {
	return new(channel), nil
}

type channel struct {
	tweaks  tweaks
	between []byte // a unit that lies in pieces, for encryption
	codecs  codecs
	pattern pattern
}

// Close implements accel.ModuleChannel.
func (c *channel) Close() {}

// Submit implements accel.ModuleChannel.
func (c *channel) Submit(t *accel.Task) { t.Complete(c.execute(t)) }

func (c *channel) execute(t *accel.Task) syscall.Errno {
	switch t.Op {
	case accel.OpCopy:
		copyPieces(t.Dst, t.Src)
	case accel.OpFill:
		c.pattern.fill(t.Dst, t.Fill)
	case accel.OpDualcast:
		copyPieces(t.Dst, t.Src)
		copyPieces(t.Dst2, t.Src)
	case accel.OpCompare:
		if !equal(t.Src, t.Src2) {
			return syscall.EILSEQ
		}
	case accel.OpCRC32C:
		t.CRC = checksum(t.Seed, t.Src)
	case accel.OpCopyCRC32C:
		t.CRC = copyChecksum(t.Seed, t.Dst, t.Src)
	case accel.OpCRC64:
		t.CRC = crc64(t.Seed, t.Src)
	case accel.OpXOR:
		xor.Blocks(t.Dst[0], t.Src)
	case accel.OpEncrypt, accel.OpDecrypt:
		return c.crypt(t)
	case accel.OpCompress:
		return c.compress(t)
	case accel.OpDecompress:
		return c.decompress(t)
	default:
		return protect(t)
	}
	return 0
}

// protect carries out the operations on protection information.
func protect(t *accel.Task) syscall.Errno {
	var err error
	switch t.Op {
	case accel.OpDIFVerify:
		err = t.DIF.Verify(t.Src, t.Blocks)
	case accel.OpDIFVerifyCopy:
		err = t.DIF.VerifyCopy(t.Dst, t.Src, t.Blocks)
	case accel.OpDIFGenerate:
		err = t.DIF.Generate(t.Src, t.Blocks)
	case accel.OpDIFGenerateCopy:
		err = t.DIF.GenerateCopy(t.Dst, t.Src, t.Blocks)
	case accel.OpDIXGenerate:
		err = t.DIF.GenerateMeta(t.Src, t.Meta, t.Blocks)
	case accel.OpDIXVerify:
		err = t.DIF.VerifyMeta(t.Src, t.Meta, t.Blocks)
	default:
		return syscall.ENOTSUP
	}
	if err == nil {
		return 0
	}
	t.Cause = err
	if status, ok := errors.AsType[syscall.Errno](err); ok {
		return status
	}
	return syscall.EIO
}
