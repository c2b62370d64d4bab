// SPDX-License-Identifier: BSD-3-Clause

package aio

import "github.com/gospdk/gospdk/internal/linuxaio"

// SetSetup makes contexts with another function, until undo is called.
func SetSetup(fn func(int) (*linuxaio.Context, error)) (undo func()) {
	setup = fn
	return func() { setup = linuxaio.Setup }
}
