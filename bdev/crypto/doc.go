// SPDX-License-Identifier: BSD-3-Clause

// Package crypto is a block device that encrypts what is written to its base
// and decrypts what is read. Each block is encrypted for itself, with its
// address, by package accel with one of its keys.
//
// The bytes on the base are those of SPDK's crypto bdev with the same key.
package crypto
