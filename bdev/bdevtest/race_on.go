// SPDX-License-Identifier: BSD-3-Clause

//go:build race

package bdevtest

// raceDetector says that the race detector is in the program.
const raceDetector = true
