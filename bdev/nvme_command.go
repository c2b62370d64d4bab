// SPDX-License-Identifier: BSD-3-Clause

package bdev

import "github.com/gospdk/gospdk/nvme"

// NVMeCommand is a command that OpNVMeAdmin or OpNVMeIO hands to the NVMe
// device that the block device is. IO.Iov, of any length, is the data that it
// moves in the direction that its opcode says, and IO.Meta the separate
// metadata. The status of the completion is IO.Status.
type NVMeCommand struct {
	// Cmd is the submitter's, but for its identifier and data pointers,
	// which the driver fills in, and the namespace of OpNVMeIO, which is
	// the device's. OpNVMeAdmin goes to the namespace that it names: see
	// Info.NVMeNamespace.
	Cmd nvme.Command
	// CDW0 is of the completion, set by the device before Complete.
	CDW0 uint32
}

// nvmeOps hand a command to an NVMe device. What it does is not looked at, so
// they need a descriptor that is open for writing.
var nvmeOps = setOf(OpNVMeAdmin, OpNVMeIO)
