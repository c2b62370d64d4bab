// SPDX-License-Identifier: BSD-3-Clause

// Package bdev is the block layer. Modules register a [Device] each under a
// name; users open it by that name and submit an [IO] to a channel of their
// thread.
//
// There are two planes. The control plane (registering, opening, claiming,
// removing, statistics) is made of blocking functions for ordinary
// goroutines. The data path is [UserChannel.Submit] and the completion of the
// IO: it belongs to one thread, allocates nothing and takes no lock. The
// submitter owns the IO, embeds it in its own request and uses it again.
//
//	desc, err := registry.Open(ctx, "Malloc0", bdev.Write, onEvent)
//	ch, err := thread.Call(ctx, t, func() (*bdev.UserChannel, error) { return desc.Channel(t) })
//	// on t:
//	req.IO = bdev.IO{Op: bdev.OpRead, Offset: lba, Blocks: n, Iov: req.iov[:1], Done: req}
//	ch.Submit(&req.IO) // req.Complete is called on t
//
// For goroutines, [Desc.Blocking] is an io.ReaderAt and io.WriterAt.
//
// # What a device gets
//
// A device is given what its [Info] and [Device.Supports] allow and nothing
// else, and its users need not know: the core splits at boundaries and sizes
// and in segments, copies to aligned memory, reads and modifies write units
// that are written in part, and makes write zeroes, compare, compare and
// write, copy and seeks of reads and writes. Memory comes from a pool
// (package iobuf) and is waited for. A device without room for an IO
// completes it with StatusNoMemory and is given it again, in order, when it
// has ended others.
//
// IO that needs none of that, and no limits, locks, resets or timeouts are
// about, goes from Submit to the device by one look at its fields.
//
// # Completion
//
// A module may complete an IO at any time, also within its own Submit. The
// user's Complete is called at once if the Submit is the outermost one on its
// channel. A completion that comes within a nested Submit (the user submitted
// from its Complete) is handed over in the thread's next round instead, so
// that however often a user submits from Complete, the stack stays shallow
// and the thread's other pollers get their turn.
package bdev
