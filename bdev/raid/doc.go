// SPDX-License-Identifier: BSD-3-Clause

// Package raid makes one block device out of several: striped (raid0) or one
// after the other (concat). With a superblock on each base device the array
// is found again, also by SPDK, whose format it is; without one it is made
// anew with Create.
//
// An array is configuring until all its base devices are there, online while
// users can open it, and offline when a base device has gone that it cannot
// do without.
package raid
