// SPDX-License-Identifier: BSD-3-Clause

//go:build race

package perf

const raceEnabled = true
