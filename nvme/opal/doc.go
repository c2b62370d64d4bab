// SPDX-License-Identifier: BSD-3-Clause

// Package opal manages self-encrypting drives by the TCG Storage Opal SSC 2.01
// over the Security Send and Receive commands of NVMe.
//
// A drive has security providers (SP): the Admin SP, whose owner is the
// authority SID, and the Locking SP, whose Admin1 sets locking ranges up and
// whose users lock and unlock them. Each operation here opens a session with
// one of them, calls its methods and ends it. References are to the TCG Storage
// Architecture Core Specification 2.01 (Core) and to the Opal SSC 2.01 (Opal).
package opal
