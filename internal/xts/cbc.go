// SPDX-License-Identifier: BSD-3-Clause

package xts

// CBC is a key for AES-CBC.
type CBC struct {
	key expanded
}

// NewCBC expands a key of 16 or 32 bytes. The caller may wipe its own
// afterwards.
func NewCBC(key []byte) (*CBC, error) {
	c := new(CBC)
	if err := c.key.set(key); err != nil {
		return nil, err
	}
	return c, nil
}

// Wipe overwrites the key. It is of no use afterwards.
func (c *CBC) Wipe() { c.key.wipe() }

// String keeps the key out of logs.
func (*CBC) String() string { return "AES-CBC key" }

// GoString keeps the key out of logs.
func (*CBC) GoString() string { return "AES-CBC key" }

// Encrypt encrypts src, a multiple of 16 bytes, to the beginning of dst, with
// the initialization vector iv. The two overlap entirely or not at all. Each
// block needs the one before: this is several times slower than Decrypt.
func (c *CBC) Encrypt(dst, src []byte, iv *[16]byte) {
	if checkBlocks(dst, src) {
		encryptCBC(&c.key, dst[:len(src)], src, iv)
	}
}

// Decrypt is Encrypt's counterpart.
func (c *CBC) Decrypt(dst, src []byte, iv *[16]byte) {
	if checkBlocks(dst, src) {
		decryptCBC(&c.key, dst[:len(src)], src, iv)
	}
}

// checkBlocks tells whether there is something to do.
func checkBlocks(dst, src []byte) bool {
	if len(src)%blockSize != 0 {
		panic("xts: CBC takes multiples of 16 bytes")
	}
	_ = dst[:len(src)]
	return len(src) > 0
}
