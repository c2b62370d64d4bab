// SPDX-License-Identifier: BSD-3-Clause

package bdevperf

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/bdev/null"
	"github.com/gospdk/gospdk/internal/perf"
)

// spec is a parsed description of a device.
type spec struct {
	kind, name          string
	size                uint64
	block, md, boundary uint32
	interleaved         bool
}

// ParseDevice makes a device from a description: the kind, null or malloc,
// and after a colon options with commas between them: size=1G, block=4096,
// name=Null0, md=8, interleaved, boundary=BLOCKS. number is for the name of a
// device that is given none.
func ParseDevice(s string, number int) (bdev.Device, error) {
	sp, err := parseSpec(s, number)
	if err != nil {
		return nil, fmt.Errorf("block device %q: %w", s, err)
	}
	blocks := sp.size / uint64(sp.block)
	if sp.kind == "null" {
		return null.New(null.Config{
			Name: sp.name, NumBlocks: blocks, BlockSize: sp.block,
			MDSize: sp.md, MDInterleaved: sp.interleaved, OptimalIOBoundary: sp.boundary,
		})
	}
	return malloc.New(malloc.Config{
		Name: sp.name, NumBlocks: blocks, BlockSize: sp.block,
		MDSize: sp.md, MDInterleaved: sp.interleaved, OptimalIOBoundary: sp.boundary,
	})
}

func parseSpec(s string, number int) (sp spec, err error) {
	kind, options, _ := strings.Cut(s, ":")
	sp = spec{kind: kind, block: 512}
	switch kind {
	case "null":
		sp.name, sp.size = fmt.Sprintf("Null%d", number), 1<<40
	case "malloc":
		sp.name, sp.size = fmt.Sprintf("Malloc%d", number), 64<<20
	default:
		return sp, fmt.Errorf("kind %q is neither null nor malloc", kind)
	}
	for option := range strings.SplitSeq(options, ",") {
		if option == "" {
			continue
		}
		if err := sp.set(option); err != nil {
			return sp, err
		}
	}
	if sp.block == 0 || sp.size < uint64(sp.block) {
		return sp, fmt.Errorf("size %d is less than a block of %d bytes, or that is 0", sp.size, sp.block)
	}
	return sp, nil
}

func (sp *spec) set(option string) (err error) {
	key, value, _ := strings.Cut(option, "=")
	number := func() uint32 {
		var n uint64
		if n, err = strconv.ParseUint(value, 0, 32); err != nil {
			err = fmt.Errorf("%s %q is not a number", key, value)
		}
		return uint32(n)
	}
	switch key {
	case "name":
		sp.name = value
	case "size":
		sp.size, err = perf.ParseSize(value)
	case "block":
		var n uint64
		if n, err = perf.ParseSize(value); err == nil && n > 1<<20 {
			err = fmt.Errorf("block size %d is more than 1 MiB", n)
		}
		sp.block = uint32(n)
	case "md":
		sp.md = number()
	case "interleaved":
		sp.interleaved = true
	case "boundary":
		sp.boundary = number()
	default:
		return fmt.Errorf("option %q is none of name, size, block, md, interleaved, boundary", key)
	}
	return err
}
