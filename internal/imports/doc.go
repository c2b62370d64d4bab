// SPDX-License-Identifier: BSD-3-Clause

// Package imports holds the test that keeps the rules of who may import
// whom (docs/architecture.md). It has no code of its own.
package imports
