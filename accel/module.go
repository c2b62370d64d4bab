// SPDX-License-Identifier: BSD-3-Clause

package accel

import (
	"context"

	"github.com/gospdk/gospdk/thread"
)

// Module carries operations out. Optional interfaces say what more it can:
// [Initializer], [KeyModule], [CompressModule], [Aligner].
type Module interface {
	// Name is what people call it: "software".
	Name() string
	// Priority decides between modules that support the same operation:
	// the greatest wins. The software module has SoftwarePriority.
	Priority() int
	// Supports tells whether the module has the operation. It is asked
	// after Init.
	Supports(Op) bool
	// OpenChannel makes the module's state for one thread. It is called
	// on that thread.
	OpenChannel(*thread.Thread) (ModuleChannel, error)
}

// SoftwarePriority is the priority of the software module.
const SoftwarePriority = -1

// ModuleChannel is what a module has on one thread. It belongs to it.
type ModuleChannel interface {
	// Submit starts a task, whose fields have been checked. It calls
	// Task.Complete once, now or later, on the same thread.
	Submit(*Task)
	// Close ends the channel. No task is outstanding.
	Close()
}

// Initializer is a module that has something to do before it is used, or
// after.
type Initializer interface {
	// Init is called by Framework.Start. An error that is syscall.ENODEV
	// leaves the module out; any other makes Start fail.
	Init(context.Context) error
	// Close is called by Framework.Close.
	Close(context.Context) error
}

// KeyModule is a module that encrypts.
type KeyModule interface {
	// SupportsCipher tells whether keys of so many bytes can be used.
	SupportsCipher(c Cipher, keyBytes int) bool
	// SupportsTweakMode tells whether the mode can be used.
	SupportsTweakMode(TweakMode) bool
	// InitKey makes what the module needs of a new key, in Key.Driver.
	InitKey(*Key) error
	// DeinitKey wipes and drops it.
	DeinitKey(*Key)
}

// CompressModule is a module that compresses.
type CompressModule interface {
	// CompressLevels returns the smallest and greatest level of an
	// algorithm; ok is false if the module has not got it.
	CompressLevels(CompAlgo) (low, high uint32, ok bool)
}

// Aligner is a module with demands on the alignment of buffers.
type Aligner interface {
	// Alignment returns the logarithm to base 2 of the alignment that an
	// operation needs, 0 for none; blockSize is that of OpEncrypt and
	// OpDecrypt.
	Alignment(op Op, blockSize uint32) uint8
}

// Driver executes sequences, or parts of them, for a platform that can do
// several operations in one go.
type Driver interface {
	Name() string
	// OpenChannel makes the driver's state for one thread, on that thread.
	OpenChannel(*thread.Thread) (DriverChannel, error)
}

// DriverChannel is what a driver has on one thread.
type DriverChannel interface {
	// Execute begins with the first task of a sequence, [Sequence.First].
	// The driver calls Task.Complete for each task that it has executed,
	// in order, and at last Sequence.Continue, also if it has executed
	// none: a task that is left then goes to its module, and what follows
	// that one to the driver again. Execute may do so before it returns.
	Execute(*Sequence)
	// Close ends the channel. No sequence is outstanding.
	Close()
}
