// SPDX-License-Identifier: BSD-3-Clause

package open

import (
	"cmp"
	"slices"
	"sync"

	"github.com/gospdk/gospdk/pci"
)

// Opened is a function that this process drives.
type Opened struct {
	pci.Device
	Function pci.Function // as it was found
}

var inUse struct {
	sync.Mutex
	all []*Opened
}

func track(d pci.Device, f pci.Function) pci.Device {
	o := &Opened{d, f}
	inUse.Lock()
	defer inUse.Unlock()
	inUse.all = append(inUse.all, o)
	return o
}

// Close gives the function back.
func (o *Opened) Close() error {
	inUse.Lock()
	inUse.all = slices.DeleteFunc(inUse.all, func(other *Opened) bool { return other == o })
	inUse.Unlock()
	return o.Device.Close()
}

// InUse returns the functions that are open, by address.
func InUse() []*Opened {
	inUse.Lock()
	defer inUse.Unlock()
	all := slices.Clone(inUse.all)
	slices.SortFunc(all, func(a, b *Opened) int { return cmp.Compare(a.Address(), b.Address()) })
	return all
}
