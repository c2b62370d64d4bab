// SPDX-License-Identifier: BSD-3-Clause

// Package gid tells goroutines apart, cheaply enough to do it each time a
// thread is polled.
package gid

// ID identifies a goroutine while it lives; it is reused afterwards. Zero is
// no goroutine.
type ID uintptr
