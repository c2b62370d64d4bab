// SPDX-License-Identifier: BSD-3-Clause

//go:build !(amd64 || arm64) || noasm

package xts

import "testing"

func eachWay(t *testing.T, f func(t *testing.T)) { t.Run("only", f) }
