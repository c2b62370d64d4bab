// SPDX-License-Identifier: BSD-3-Clause

// Package nvmf is the target side of NVMe: subsystems, their namespaces on
// top of block devices, and controllers that execute a host's commands.
//
// It is the one controller model of the project. How commands and data reach
// a controller is a transport's business: nvmf/vfiouser makes a PCI function
// of a controller, other transports carry it over a network. A transport
// makes a [Controller] for each host that connects, preallocates a [Request]
// for each command that may be outstanding, and for each command that comes
// calls [Controller.Prepare], brings the data into place and calls
// [Controller.Execute].
//
// A controller belongs to one [thread.Thread], where its admin commands run.
// I/O queues may run on others: a [Lane] is what a controller has on one
// thread. Nothing on the data path is shared between them, so nothing is
// locked there, and nothing is allocated.
//
// Specifications: NVM Express Base Specification 2.0, NVM Command Set
// Specification 1.0.
package nvmf
