// SPDX-License-Identifier: BSD-3-Clause

package uio

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gospdk/gospdk/internal/pcibar"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/pci"
)

// bar is a BAR that was mapped, and its file.
type bar struct {
	*pcibar.Bar
	file *os.File
}

// MapBAR implements pci.Device.
func (d *device) MapBAR(i int) (pci.BAR, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.Removed() {
		return nil, d.reason
	}
	if i < 0 || i >= len(d.bars) || i >= len(d.fn.Resources) || d.fn.Resources[i].Size == 0 {
		return nil, fmt.Errorf("uio: %s: there is no BAR %d", d.address, i)
	}
	if d.bars[i].Bar == nil {
		b, err := d.mapBAR(i, d.fn.Resources[i])
		if err != nil {
			return nil, fmt.Errorf("uio: %w", err)
		}
		d.bars[i] = b
	}
	return d.bars[i].Bar, nil
}

func (d *device) mapBAR(i int, r pci.Resource) (bar, error) {
	if r.Flags&pci.ResourceUnset != 0 {
		return bar{}, fmt.Errorf("%s: BAR %d has no address: neither firmware nor kernel found room for its %#x bytes", d.address, i, r.Size)
	}
	f, err := os.OpenFile(filepath.Join(d.fn.Dir, fmt.Sprintf("resource%d", i)), os.O_RDWR|os.O_SYNC, 0)
	if err != nil {
		return bar{}, fmt.Errorf("%s: BAR %d: %w", d.address, i, explain(err))
	}
	// The file starts at the page in which the BAR starts. Ports cannot be
	// mapped and are read and written from the start of the file.
	offset, holes := int64(r.Start%uint64(os.Getpagesize())), []pcibar.Range(nil)
	if r.Flags&pci.ResourceIO != 0 {
		offset, holes = 0, []pcibar.Range{{Size: r.Size}}
	}
	b, err := pcibar.Map(int(f.Fd()), offset, r.Size, i, d.address, d, holes)
	if err != nil {
		_ = f.Close()
		return bar{}, explain(err)
	}
	return bar{b, f}, nil
}

func (d *device) detachBARs() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, b := range d.bars {
		if b.Bar == nil {
			continue
		}
		if err := b.Detach(); err != nil {
			log.Errorf("uio: %v (its registers stay mapped)", err)
		}
	}
}

func (d *device) unmapBARs() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, b := range d.bars {
		if b.Bar != nil {
			d.err = errors.Join(d.err, b.Unmap())
			_ = b.file.Close()
			d.bars[i] = bar{}
		}
	}
}
