// SPDX-License-Identifier: BSD-3-Clause

// Package nvme is the NVM Express specification as Go types: registers,
// commands, completions, status codes, Identify data, log pages and features
// of the Base specification 2.x, of the NVM and Zoned Namespace command sets,
// of the PCIe transport and of NVMe over Fabrics commands.
//
// It does no I/O and holds no state. A driver and a controller model share it.
//
// Names are the acronyms of the specification: CAP.MQES, CC.WithEN,
// IdentifyController.MDTS. A method that has the specification's acronym
// returns the raw field; a method with a spelled-out name (CAP.MaxQueueEntries)
// returns the value in ordinary units, with 0's based counts, powers of two and
// unit sizes already converted.
//
// A structure that travels is a Go struct laid out as the host's C compiler
// would (structs.HostLayout), with its size checked when the package compiles.
// [Bytes] views one as the bytes that a device sees and [View] does the
// reverse. Fields which the specification places off their natural alignment
// are byte arrays with accessor methods. All fields are little endian as in
// the specification, so the views need a little-endian machine, which every
// machine that this module supports is.
//
// Section numbers in comments are those of the NVM Express Base Specification
// 2.0 unless another document is named.
package nvme
