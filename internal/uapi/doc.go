// SPDX-License-Identifier: BSD-3-Clause

// Package uapi holds numbers and structures of Linux interfaces that
// golang.org/x/sys/unix does not have. Names and field order follow the
// kernel's headers in include/uapi/linux.
package uapi

// The numbers have no direction and no size coded in them
// (asm-generic/ioctl.h, _IO): the structures say their size themselves.
const (
	ioTypeShift = 8
	ioTypeVFIO  = ';' // VFIO and iommufd share the type
)
