// SPDX-License-Identifier: BSD-3-Clause

//go:build !race

package accel_test

const raceEnabled = false
