// SPDX-License-Identifier: BSD-3-Clause

package raid

import (
	"context"
	"errors"
	"fmt"

	"github.com/gospdk/gospdk/bdev"
)

// load reads the superblock of an open device. The error is errNoSuperblock
// if there is none.
func (m *Module) load(ctx context.Context, desc *bdev.Desc) (*superblock, error) {
	p, err := readData(ctx, desc, sbHeaderSize)
	if err != nil {
		return nil, err
	}
	sb, need, err := parseSuperblock(p)
	if errors.Is(err, errShort) {
		if p, err = readData(ctx, desc, need); err != nil {
			return nil, err
		}
		sb, _, err = parseSuperblock(p)
	}
	if err != nil {
		return nil, fmt.Errorf("block device %q: %w", desc.Name(), err)
	}
	return sb, nil
}

// readData reads the first n bytes of data, or a little more. Where metadata
// follow each block's data, they are left out.
func readData(ctx context.Context, desc *bdev.Desc, n int) ([]byte, error) {
	info := desc.Info()
	blocks := blocksFor(&info, n)
	if uint64(blocks) > info.NumBlocks {
		return nil, fmt.Errorf("block device %q has %d blocks: %w", info.Name, info.NumBlocks, errNoSuperblock)
	}
	p := make([]byte, blocks*int(info.BlockSize))
	io := desc.Blocking()
	_, err := io.ReadAtContext(ctx, p, 0)
	if err := errors.Join(err, io.Close()); err != nil {
		return nil, err
	}
	if !info.MDInterleaved {
		return p, nil
	}
	size := int(info.DataSize())
	for i := range blocks {
		copy(p[i*size:], p[i*int(info.BlockSize):][:size])
	}
	return p[:blocks*size], nil
}

func blocksFor(info *bdev.Info, n int) int {
	return (n + int(info.DataSize()) - 1) / int(info.DataSize())
}

// writeData writes p at the beginning of the device, in whole blocks. Where
// metadata follow each block's data, they are zeroes.
func writeData(ctx context.Context, desc *bdev.Desc, p []byte) error {
	info := desc.Info()
	blocks, size := blocksFor(&info, len(p)), int(info.DataSize())
	raw := make([]byte, blocks*int(info.BlockSize))
	for i := range blocks {
		copy(raw[i*int(info.BlockSize):][:size], p[i*size:])
	}
	io := desc.Blocking()
	_, err := io.WriteAtContext(ctx, raw, 0)
	if err == nil {
		err = io.Flush(ctx)
	}
	return errors.Join(err, io.Close())
}

// writeSuperblock writes the superblock to all members with a new sequence
// number.
func (a *array) writeSuperblock(ctx context.Context) error {
	a.sb.Seq++
	return a.writeMembers(ctx, a.sb.encode())
}

// clearSuperblock overwrites it with zeroes, so that the members belong to no
// array any more.
func (a *array) clearSuperblock(ctx context.Context) error {
	return a.writeMembers(ctx, make([]byte, a.sb.length()))
}

func (a *array) writeMembers(ctx context.Context, p []byte) error {
	var errs []error
	for _, b := range a.members {
		if !b.configured || b.removing {
			continue
		}
		if err := writeData(ctx, b.hold.desc, p); err != nil {
			errs = append(errs, fmt.Errorf("superblock of array %q: %w", a.name, err))
		}
	}
	return errors.Join(errs...)
}
