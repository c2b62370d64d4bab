// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/perf"
)

// diskSpec is a disk as the user described it.
type diskSpec struct {
	kind   string
	blocks uint64
	block  uint32
}

// diskFlags are the disks in the order of the command line.
type diskFlags []diskSpec

// diskFlag is the option of one kind of disk.
type diskFlag struct {
	all  *diskFlags
	kind string
}

func (f *diskFlag) String() string { return "" }
func (f *diskFlag) Type() string   { return "size[,block=bytes]" }
func (f *diskFlag) Set(s string) error {
	spec, err := parseDisk(f.kind, s)
	if err == nil {
		*f.all = append(*f.all, spec)
	}
	return err
}

func parseDisk(kind, s string) (diskSpec, error) {
	spec := diskSpec{kind: kind, block: embeddedBlockSize}
	size, options, _ := strings.Cut(s, ",")
	n, err := perf.ParseSize(size)
	if err != nil {
		return spec, err
	}
	for options != "" {
		var option string
		option, options, _ = strings.Cut(options, ",")
		key, value, _ := strings.Cut(option, "=")
		if key != "block" {
			return spec, fmt.Errorf("disk option %q: the only one is block=BYTES", option)
		}
		b, err := strconv.ParseUint(value, 10, 32)
		if err != nil || b < 512 || b > 65536 || b&(b-1) != 0 {
			return spec, fmt.Errorf("block size %q: it must be a power of two from 512 to 65536", value)
		}
		spec.block = uint32(b)
	}
	spec.blocks = n / uint64(spec.block)
	if spec.blocks == 0 || n%uint64(spec.block) != 0 {
		return spec, fmt.Errorf("disk size %q: it must be a multiple of the block size %d, and not 0", size, spec.block)
	}
	return spec, nil
}

// disk makes a disk of a kind that the binary has.
func (a *app) disk(kind, name string, size uint64, blockSize uint32) (bdev.Device, error) {
	maker := a.Disks[kind]
	if maker == nil {
		return nil, fmt.Errorf("this program has no %s disks", kind)
	}
	return maker(name, size/uint64(blockSize), blockSize)
}

func (a *app) makeDisks(specs diskFlags) (disks []bdev.Device, err error) {
	numbers := map[string]int{}
	for _, s := range specs {
		name := strings.ToUpper(s.kind[:1]) + s.kind[1:] + strconv.Itoa(numbers[s.kind])
		numbers[s.kind]++
		d, err := a.disk(s.kind, name, s.blocks*uint64(s.block), s.block)
		if err != nil {
			for _, d := range disks {
				err = errors.Join(err, d.Close(context.Background()))
			}
			return nil, fmt.Errorf("--%s: %w", s.kind, err)
		}
		disks = append(disks, d)
	}
	return disks, nil
}
