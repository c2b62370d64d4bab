// SPDX-License-Identifier: BSD-3-Clause

//go:build race

package tcp_test

func init() { faults = 150 } // the detector makes it three times as slow
