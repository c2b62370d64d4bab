// SPDX-License-Identifier: BSD-3-Clause

package accel

import (
	"fmt"
	"syscall"
)

// maxXTSBlock is the largest data unit of AES-XTS in bytes: 2^20 blocks of
// the cipher (IEEE 1619-2018, section 5.1).
const maxXTSBlock = 1 << 24

// problem is what can be wrong with a field of a task.
type problem struct {
	status syscall.Errno
	field  string
	want   string
}

// Problems. They are made once: a check allocates nothing.
var (
	badOp        = &problem{syscall.EINVAL, "Op", "it must be one of accel.Ops()"}
	badNoDone    = &problem{syscall.EINVAL, "Done", "it must be set"}
	badBuffer    = &problem{syscall.EINVAL, "SrcBuf, DstBuf", "buffers are for tasks in a sequence"}
	badSrcBuf    = &problem{syscall.EINVAL, "SrcBuf", "Len must be from 1 to the size of a large buffer, and no other sequence may use it"}
	badDstBuf    = &problem{syscall.EINVAL, "DstBuf", "Len must be from 1 to the size of a large buffer, and no other sequence may use it"}
	badDst       = &problem{syscall.EINVAL, "Dst", "it must be as long as Src"}
	badDst2      = &problem{syscall.EINVAL, "Dst2", "it must be as long as Src"}
	badSrc2      = &problem{syscall.EINVAL, "Src2", "it must be as long as Src"}
	badCompSrc   = &problem{syscall.EINVAL, "Src", "it must not be empty"}
	badCompDst   = &problem{syscall.EINVAL, "Dst", "it must not be empty"}
	badAlgo      = &problem{syscall.ENOTSUP, "Algo", "the module has not got this algorithm"}
	badLevel     = &problem{syscall.EINVAL, "Level", "it must be at most the greatest that Framework.CompressLevels tells"}
	badKey       = &problem{syscall.EINVAL, "Key", "it must be a key that has not been destroyed"}
	badBlockSize = &problem{syscall.EINVAL, "BlockSize", "it must be at least 16, for AES_CBC a multiple of 16, for the INCR_512 tweak modes of 512"}
	badXTSBlock  = &problem{syscall.ERANGE, "BlockSize", "AES_XTS takes at most 16777216 bytes"}
	badCryptSrc  = &problem{syscall.EINVAL, "Src", "it must be one or more whole blocks of BlockSize bytes"}
	badCryptDst  = &problem{syscall.ERANGE, "Dst", "it must be as long as Src, or empty to work in place"}
	badXORSrc    = &problem{syscall.EINVAL, "Src", "OpXOR needs at least 2 sources, each as long as Dst"}
	badXORDst    = &problem{syscall.EINVAL, "Dst", "OpXOR needs one piece"}
	badDIF       = &problem{syscall.EINVAL, "DIF", "it must be set"}
)

// TaskError is what Task.Err returns.
type TaskError struct {
	Op     Op
	Status syscall.Errno
	Field  string // the field of the task that was refused, "" for another reason
	Want   string // what is allowed there
	Err    error  // Task.Cause
}

// Error says which operation failed and why.
func (e *TaskError) Error() string {
	switch {
	case e.Field != "":
		return fmt.Sprintf("accel %s: %s: %s: %v", e.Op, e.Field, e.Want, e.Status)
	case e.Err != nil:
		return fmt.Sprintf("accel %s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("accel %s: %v", e.Op, e.Status)
}

// Unwrap returns the errno and what the operation found.
func (e *TaskError) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Status}
	}
	return []error{e.Status, e.Err}
}

// Err tells how a completed task ended: nil, or a *TaskError that names the
// field if one was wrong. It is to be asked before the task is changed.
func (t *Task) Err() error {
	if t.Status == 0 {
		return nil
	}
	e := &TaskError{Op: t.Op, Status: t.Status, Err: t.Cause}
	if t.wrong != nil {
		e.Field, e.Want = t.wrong.field, t.wrong.want
	}
	return e
}

// problem returns what is wrong with the fields of a task, nil for nothing,
// and counts its bytes.
func (c *Channel) problem(t *Task) *problem {
	if t.Done == nil && t.seq == nil {
		return badNoDone
	}
	if t.SrcBuf != nil || t.DstBuf != nil {
		if p := c.checkBuffers(t); p != nil {
			return p
		}
	}
	switch t.Op {
	case OpFill:
		t.bytes = length(t.Dst)
		return nil
	case OpCRC32C, OpCRC64:
		t.bytes = length(t.Src)
		return nil
	case OpCopy, OpCopyCRC32C, OpDualcast, OpCompare:
		return checkCopy(t)
	case OpXOR:
		return checkXOR(t)
	case OpEncrypt, OpDecrypt:
		return checkCrypt(t)
	case OpCompress, OpDecompress:
		return c.checkCompress(t)
	case OpDIFVerify, OpDIFVerifyCopy, OpDIFGenerate, OpDIFGenerateCopy, OpDIXGenerate, OpDIXVerify:
		return checkDIF(t)
	}
	return badOp
}

// checkBuffers checks the buffers that a sequence has provided.
func (c *Channel) checkBuffers(t *Task) *problem {
	if t.seq == nil {
		return badBuffer
	}
	if t.SrcBuf != nil && t.SrcBuf.seq != t.seq {
		return badSrcBuf
	}
	if t.DstBuf != nil && t.DstBuf.seq != t.seq {
		return badDstBuf
	}
	return nil
}

func checkCopy(t *Task) *problem {
	n := length(t.Src)
	t.bytes = n
	if t.Op == OpCompare {
		if length(t.Src2) != n {
			return badSrc2
		}
		return nil
	}
	if length(t.Dst) != n {
		return badDst
	}
	if t.Op == OpDualcast && length(t.Dst2) != n {
		return badDst2
	}
	return nil
}

func checkXOR(t *Task) *problem {
	if len(t.Dst) != 1 {
		return badXORDst
	}
	n := len(t.Dst[0])
	t.bytes = uint64(n)
	if len(t.Src) < 2 {
		return badXORSrc
	}
	for _, s := range t.Src {
		if len(s) != n {
			return badXORSrc
		}
	}
	return nil
}

func checkCrypt(t *Task) *problem {
	n := length(t.Src)
	t.bytes = n
	k := t.Key
	if k == nil || k.key == nil {
		return badKey
	}
	if p := k.checkBlock(t.BlockSize); p != nil {
		return p
	}
	if n == 0 || n%uint64(t.BlockSize) != 0 {
		return badCryptSrc
	}
	if len(t.Dst) > 0 && length(t.Dst) != n {
		return badCryptDst
	}
	return nil
}

// checkDIF leaves the rest to package dif, whose errors name the field.
func checkDIF(t *Task) *problem {
	if t.DIF == nil {
		return badDIF
	}
	t.bytes = t.Blocks * uint64(t.DIF.BlockSize)
	return nil
}

func (c *Channel) checkCompress(t *Task) *problem {
	t.bytes = length(t.Src)
	l := &c.levels[t.Algo&(numAlgos-1)]
	switch {
	case t.bytes == 0:
		return badCompSrc
	case length(t.Dst) == 0:
		return badCompDst
	case t.Algo >= numAlgos || !l.ok:
		return badAlgo
	case t.Op == OpCompress && t.Level > l.high:
		return badLevel
	}
	return nil
}
