// SPDX-License-Identifier: BSD-3-Clause

// Package guest holds tests of the NVMe driver that run inside a QEMU guest,
// as root, on real PCI functions that QEMU emulates: what another party's
// controller does is the judge. internal/testvm/features_test.go compiles the
// package, boots the guest with the controllers that the tests look for by
// serial number, and reports each test here as one of its own. Without
// -driver, as in a run over all packages, they do nothing.
package guest
