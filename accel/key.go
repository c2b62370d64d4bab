// SPDX-License-Identifier: BSD-3-Clause

package accel

import (
	"bytes"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
)

// Cipher is a cipher, with SPDK's values.
type Cipher uint8

// Ciphers.
const (
	AESCBC Cipher = iota
	AESXTS
)

var cipherNames = []string{"AES_CBC", "AES_XTS"}

// String returns the cipher's name, as SPDK spells it.
func (c Cipher) String() string { return nameOf(cipherNames, uint8(c), "cipher") }

// ParseCipher returns the cipher of that name.
func ParseCipher(name string) (Cipher, error) {
	i, err := indexOf(cipherNames, name, "cipher")
	return Cipher(i), err
}

// TweakMode says how the 16 bytes of the tweak are made of a block's address,
// with SPDK's values. All numbers are little-endian.
type TweakMode uint8

// Modes. Those with 512 count in pieces of 512 bytes, whatever the block
// size: each has its own tweak, from BlockSize/512 times the address on.
const (
	SimpleLBA         TweakMode = iota // 8 zero bytes, then the address
	JoinNegLBAWithLBA                  // the address, then its lower 63 bits inverted
	Incr512FullLBA                     // the address as one number of 16 bytes
	Incr512UpperLBA                    // 8 zero bytes, then the address
)

var tweakModeNames = []string{"SIMPLE_LBA", "JOIN_NEG_LBA_WITH_LBA", "INCR_512_FULL_LBA", "INCR_512_UPPER_LBA"}

// String returns the mode's name, as SPDK spells it.
func (m TweakMode) String() string { return nameOf(tweakModeNames, uint8(m), "tweak mode") }

// ParseTweakMode returns the mode of that name.
func ParseTweakMode(name string) (TweakMode, error) {
	i, err := indexOf(tweakModeNames, name, "tweak_mode")
	return TweakMode(i), err
}

func nameOf(names []string, i uint8, what string) string {
	if int(i) < len(names) {
		return names[i]
	}
	return fmt.Sprintf("%s %d", what, i)
}

func indexOf(names []string, name, what string) (int, error) {
	if i := slices.Index(names, name); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("%s %q: it must be one of %s: %w", what, name, strings.Join(names, ", "), syscall.EINVAL)
}

// maxHexKey is the greatest length of a key in hexadecimal digits.
const maxHexKey = 256

// KeyParams describe a key. Key and Key2 are hexadecimal digits; CreateKey
// keeps copies, so the caller may wipe its own.
type KeyParams struct {
	Name      string
	Cipher    Cipher
	Key       []byte
	Key2      []byte     // AES_XTS's key for the tweak, as long as Key and another one; AES_CBC has none
	TweakMode *TweakMode // nil for SimpleLBA
}

// Key is a key for encryption. Hold one while it is used: a key that is held
// cannot be destroyed.
type Key struct {
	// Driver is the module's.
	Driver any

	params    KeyParams // with copies of the digits
	key, key2 []byte
	mode      TweakMode
	module    Module
	f         *Framework
	holds     atomic.Int32
}

// Name returns the key's name.
func (k *Key) Name() string { return k.params.Name }

// Cipher returns the key's cipher.
func (k *Key) Cipher() Cipher { return k.params.Cipher }

// TweakMode returns the key's tweak mode.
func (k *Key) TweakMode() TweakMode { return k.mode }

// Module returns the module that the key was made for.
func (k *Key) Module() Module { return k.module }

// Bytes returns the key itself, for the module. It must not be kept: it is
// wiped when the key is destroyed.
func (k *Key) Bytes() (key, key2 []byte) { return k.key, k.key2 }

// String keeps the key out of logs.
func (k *Key) String() string { return fmt.Sprintf("accel key %q", k.params.Name) }

// GoString keeps the key out of logs.
func (k *Key) GoString() string { return k.String() }

// Release ends what HoldKey began.
func (k *Key) Release() {
	if k.holds.Add(-1) < 0 {
		panic("accel: key released that was not held")
	}
}

// CreateKey makes a key for the module that encrypts.
func (f *Framework) CreateKey(p KeyParams) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state != stateStarted {
		return fmt.Errorf("create key %q: %w", p.Name, ErrNotStarted)
	}
	m, ok := f.byOp[OpEncrypt].(KeyModule)
	if !ok {
		return fmt.Errorf("create key %q: no accel module encrypts: %w", p.Name, syscall.ENOENT)
	}
	k := &Key{f: f, module: f.byOp[OpEncrypt], params: p}
	k.params.Key, k.params.Key2 = bytes.Clone(p.Key), bytes.Clone(p.Key2)
	if p.TweakMode != nil {
		k.mode = *p.TweakMode
		k.params.TweakMode = new(k.mode)
	}
	if err := f.makeKey(k, m); err != nil {
		k.wipe()
		return fmt.Errorf("create key %q: %w", p.Name, err)
	}
	f.keys = append(f.keys, k)
	return nil
}

func (f *Framework) makeKey(k *Key, m KeyModule) (err error) {
	p := &k.params
	if p.Name == "" {
		return fmt.Errorf("name: it must not be empty: %w", syscall.EINVAL)
	}
	if k.key, err = unhex("key", p.Key); err != nil {
		return err
	}
	if p.Key2 != nil {
		if k.key2, err = unhex("key2", p.Key2); err != nil {
			return err
		}
	}
	name := k.module.Name()
	if !m.SupportsTweakMode(k.mode) {
		return fmt.Errorf("module %s doesn't support %s tweak mode: %w", name, k.mode, syscall.EINVAL)
	}
	if !m.SupportsCipher(p.Cipher, len(k.key)) {
		return fmt.Errorf("module %s doesn't support %s cipher with %d key size (in bytes): %w", name, p.Cipher, len(k.key), syscall.EINVAL)
	}
	if err := k.checkPair(); err != nil {
		return err
	}
	if f.findKey(p.Name) >= 0 {
		return fmt.Errorf("the name already exists: %w", syscall.EEXIST)
	}
	return m.InitKey(k)
}

// unhex decodes a key. Its errors never quote it.
func unhex(field string, digits []byte) ([]byte, error) {
	if n := len(digits); n == 0 || n > maxHexKey || n%2 != 0 {
		return nil, fmt.Errorf("%s: it has %d digits; it must have an even number of them, from 2 to %d: %w", field, n, maxHexKey, syscall.EINVAL)
	}
	b := make([]byte, len(digits)/2)
	if _, err := hex.Decode(b, digits); err != nil {
		clear(b)
		return nil, fmt.Errorf("%s: it must be hexadecimal digits: %w", field, syscall.EINVAL)
	}
	return b, nil
}

// checkPair checks the second key, which only AES_XTS has.
func (k *Key) checkPair() error {
	switch c := k.params.Cipher; {
	case c == AESCBC && k.key2 != nil:
		return fmt.Errorf("key2: %s doesn't use key2, leave it out: %w", c, syscall.EINVAL)
	case c != AESXTS:
		return nil
	case k.key2 == nil:
		return fmt.Errorf("key2: %s key2 is missing; it must be as long as key: %w", c, syscall.EINVAL)
	case len(k.key) != len(k.key2):
		return fmt.Errorf("key2: %s key size %d is not equal to key2 size %d (in bytes): %w", c, len(k.key), len(k.key2), syscall.EINVAL)
	case subtle.ConstantTimeCompare(k.key, k.key2) == 1:
		return fmt.Errorf("key2: %s identical keys are not secure; it must differ from key: %w", c, syscall.EINVAL)
	}
	return nil
}

// checkBlock says whether blocks of that size can be encrypted.
func (k *Key) checkBlock(size uint32) *problem {
	switch {
	case size < 16, k.params.Cipher == AESCBC && size%16 != 0:
		return badBlockSize
	case k.params.Cipher == AESXTS && size > maxXTSBlock:
		return badXTSBlock
	case k.mode >= Incr512FullLBA && size%512 != 0:
		return badBlockSize
	}
	return nil
}

// wipe overwrites all copies of the key.
func (k *Key) wipe() {
	if k.Driver != nil {
		k.module.(KeyModule).DeinitKey(k)
		k.Driver = nil
	}
	for _, b := range [][]byte{k.key, k.key2, k.params.Key, k.params.Key2} {
		clear(b)
	}
	k.key, k.key2, k.params.Key, k.params.Key2 = nil, nil, nil, nil
}

func (f *Framework) findKey(name string) int {
	return slices.IndexFunc(f.keys, func(k *Key) bool { return k.params.Name == name })
}

// HoldKey finds a key and keeps it from being destroyed until Key.Release.
func (f *Framework) HoldKey(name string) (*Key, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := f.findKey(name)
	if i < 0 {
		return nil, fmt.Errorf("key %q: No key object found; create it with accel_crypto_key_create: %w", name, syscall.ENOENT)
	}
	f.keys[i].holds.Add(1)
	return f.keys[i], nil
}

// DestroyKey wipes a key. It fails while the key is held.
func (f *Framework) DestroyKey(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := f.findKey(name)
	if i < 0 {
		return fmt.Errorf("key %q: No key object found: %w", name, syscall.ENOENT)
	}
	if n := f.keys[i].holds.Load(); n > 0 {
		return fmt.Errorf("destroy key %q: %d users hold it; delete them first: %w", name, n, syscall.EBUSY)
	}
	f.keys[i].wipe()
	f.keys = slices.Delete(f.keys, i, i+1)
	flag.Debugf("key %q destroyed", name)
	return nil
}

// Keys returns the parameters of all keys, in the order of their making, with
// copies of the keys themselves, which the caller should wipe.
func (f *Framework) Keys() []KeyParams {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]KeyParams, len(f.keys))
	for i, k := range f.keys {
		all[i] = k.params
		all[i].Key, all[i].Key2 = bytes.Clone(k.params.Key), bytes.Clone(k.params.Key2)
	}
	return all
}
