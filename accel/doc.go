// SPDX-License-Identifier: BSD-3-Clause

// Package accel is the acceleration framework: operations on memory (copy,
// checksums, encryption, compression, protection information) that a module
// carries out, in software or in hardware.
//
//	f := accel.New()
//	err := f.AddModule(software.New())
//	err = f.Start(ctx)
//	ch, err := thread.Call(ctx, t, func() (*accel.Channel, error) { return f.Channel(t) })
//	// on t:
//	req.task = accel.Task{Op: accel.OpCRC32C, Src: req.iov, Done: req}
//	ch.Submit(&req.task) // req.Complete is called on t
//
// There are two planes, as in package bdev. Modules, assignments, keys and
// statistics are the control plane: blocking functions for any goroutine. The
// data path is [Channel.Submit] and the completion of the [Task]: it belongs
// to one thread, allocates nothing and takes no lock. The submitter owns the
// task, embeds it in its own request and uses it again, so there is no pool
// that could be exhausted.
//
// # Completion
//
// A module may complete a task at any time, also within its Submit, which is
// what the software module does. The user's Complete is called at once if
// that Submit is the outermost one on the channel. A task that was submitted
// from within a Complete is handed over in the thread's next round instead:
// the stack stays shallow, and the thread's other pollers get their turn. A
// round hands over no more than until 1 MiB has been worked on meanwhile.
package accel
