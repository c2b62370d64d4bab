// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"github.com/gospdk/gospdk/pci"
	"github.com/gospdk/gospdk/vfiouser"
)

// UseINTx makes SetInterrupts set the one vector of INTx, for servers that
// have nothing else.
func UseINTx(d pci.Device) {
	d.(*device).irq, d.(*device).vectors = vfiouser.IRQIntx, 1
}
