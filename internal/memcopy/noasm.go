// SPDX-License-Identifier: BSD-3-Clause

//go:build !amd64 || noasm

package memcopy

import "unsafe"

const (
	streams = false
	pairs   = false
)

func prefetch(unsafe.Pointer, int) {}

func stream(unsafe.Pointer, unsafe.Pointer, int) {}

func pair(unsafe.Pointer, unsafe.Pointer, unsafe.Pointer, unsafe.Pointer, int) {}
