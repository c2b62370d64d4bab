// SPDX-License-Identifier: BSD-3-Clause

//go:build race

package accel_test

// raceEnabled says that the race detector makes pools lose what they hold.
const raceEnabled = true
