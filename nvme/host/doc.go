// SPDX-License-Identifier: BSD-3-Clause

// Package host is the NVMe driver: it brings a controller up, finds its
// namespaces and moves data, whatever transport carries the commands
// (nvme/host/pcie for memory-mapped controllers, nvme/host/tcp for those on a
// network).
//
// The driver is passive. It has no goroutine of its own; work is done inside
// the calls that the user makes, and completions are delivered only from
// [QPair.ProcessCompletions] and [Controller.ProcessAdminCompletions].
//
// Threads: a [QPair] belongs to one thread at a time, which submits on it and
// polls it without any lock. [Controller] and [Namespace] may be used from any
// goroutine; their methods that take a context block, and poll the admin queue
// themselves.
//
// Memory: data buffers are slices of DMA memory (package dma, or the memory
// that [Controller.MapCMB] returns) and belong to the driver from the moment a
// call accepts them until the request completes. Methods that take a context
// accept any memory and copy. Fabrics take any memory everywhere.
//
// Requests: a [Request] belongs to the caller, who embeds it in a structure of
// its own and reuses it. A method that returns nil has accepted the request,
// and its Done is called exactly once, whatever becomes of the device. A
// method that returns an error has not touched the device, and Done is not
// called.
package host
