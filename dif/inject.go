// SPDX-License-Identifier: BSD-3-Clause

package dif

import "math/rand/v2"

// Inject flips one bit of each field among what (RefTag, AppTag, Guard, Data)
// of blocks whose metadata is interleaved. Block and bit are chosen by rng,
// for each field anew; nil is Go's source of randomness. It returns the block
// of the last one. Errors are EINVAL.
func (c *Context) Inject(iov [][]byte, blocks uint64, what Flags, rng *rand.Rand) (block uint64, err error) {
	if err := c.checkInterleaved(iov, blocks); err != nil {
		return 0, err
	}
	return c.inject(blocks, what, rng, func(block uint64, at int, bit byte, _ bool) {
		flip(iov, block*uint64(c.BlockSize)+uint64(at), bit)
	})
}

// InjectMeta does what Inject does where metadata is separate.
func (c *Context) InjectMeta(iov [][]byte, md []byte, blocks uint64, what Flags, rng *rand.Rand) (block uint64, err error) {
	if err := c.checkSeparate(iov, md, blocks); err != nil {
		return 0, err
	}
	return c.inject(blocks, what, rng, func(block uint64, at int, bit byte, data bool) {
		if data {
			flip(iov, block*uint64(c.BlockSize)+uint64(at), bit)
		} else {
			md[block*uint64(c.MDSize)+uint64(at)] ^= bit
		}
	})
}

func (c *Context) inject(blocks uint64, what Flags, rng *rand.Rand, flip func(block uint64, at int, bit byte, data bool)) (block uint64, err error) {
	if blocks == 0 || what == 0 || what >= Data<<1 {
		return 0, invalid("inject %#x into %d blocks: there must be blocks, and fields of RefTag, AppTag, Guard, Data", uint8(what), blocks)
	}
	random := rand.Uint64N
	if rng != nil {
		random = rng.Uint64N
	}
	pi, _ := c.piAt()
	ref, refSize := c.PIFormat.refAt()
	guard := c.PIFormat.guardSize()
	for _, f := range [...]struct {
		kind     Flags
		at, size int
	}{{RefTag, pi + ref, refSize}, {AppTag, pi + guard, 2}, {Guard, pi, guard}, {Data, 0, c.dataSize()}} {
		if what&f.kind != 0 {
			block = random(blocks)
			flip(block, f.at+int(random(uint64(f.size))), 1<<random(8), f.kind == Data)
		}
	}
	return block, nil
}

// flip inverts a bit of the byte at offset.
func flip(iov [][]byte, offset uint64, bit byte) {
	for _, p := range iov {
		if offset < uint64(len(p)) {
			p[offset] ^= bit
			return
		}
		offset -= uint64(len(p))
	}
}
