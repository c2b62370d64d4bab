// SPDX-License-Identifier: BSD-3-Clause

// Package gpt makes block devices of the partitions of a GUID partition table
// that are marked as SPDK's. Partition 1 of Nvme0n1 is Nvme0n1p1.
//
// The module needs no configuration: it looks for a table on every device
// that appears. Other systems' partitions stay untouched, unless an option
// shows them, which is for reading only.
package gpt
