// SPDX-License-Identifier: BSD-3-Clause

//go:build !race

package xts

const raceEnabled = false
