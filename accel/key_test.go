// SPDX-License-Identifier: BSD-3-Clause

package accel_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gospdk/gospdk/accel"
)

var (
	hex16 = []byte("00112233445566778899aabbccddeeff")
	hex32 = bytes.Repeat(hex16, 2)
	other = []byte("ffeeddccbbaa99887766554433221100")
)

func TestBadKeys(t *testing.T) {
	f := start(t)
	for _, test := range []struct {
		name      string
		cipher    accel.Cipher
		key, key2 []byte
		errno     syscall.Errno
		words     []string
	}{
		{"", accel.AESXTS, hex16, other, syscall.EINVAL, []string{"name"}},
		{"k", accel.AESXTS, nil, other, syscall.EINVAL, []string{"key: it has 0 digits"}},
		{"k", accel.AESXTS, hex16[:31], other, syscall.EINVAL, []string{"key: it has 31 digits", "even"}},
		{"k", accel.AESXTS, bytes.Repeat(hex16, 9), other, syscall.EINVAL, []string{"key: it has 288 digits", "256"}},
		{"k", accel.AESXTS, bytes.Repeat([]byte("xy"), 16), other, syscall.EINVAL, []string{"key: it must be hexadecimal"}},
		{"k", accel.AESXTS, hex16, []byte{}, syscall.EINVAL, []string{"key2: it has 0 digits"}},
		{"k", accel.AESXTS, hex16, nil, syscall.EINVAL, []string{"key2 is missing"}},
		{"k", accel.AESXTS, hex16, hex32, syscall.EINVAL, []string{"key size 16 is not equal to key2 size 32"}},
		{"k", accel.AESXTS, hex16, hex16, syscall.EINVAL, []string{"identical keys are not secure"}},
		{"k", accel.AESXTS, hex16[:30], other[:30], syscall.EINVAL, []string{"software doesn't support AES_XTS cipher with 15 key size"}},
		{"k", accel.AESCBC, hex16, other, syscall.EINVAL, []string{"AES_CBC doesn't use key2"}},
		{"k", 9, hex16, other, syscall.EINVAL, []string{"cipher 9"}},
		{"there", accel.AESXTS, other, hex16, syscall.EEXIST, []string{`"there"`, "already exists"}},
	} {
		if test.name == "there" {
			if err := f.CreateKey(accel.KeyParams{Name: "there", Cipher: accel.AESXTS, Key: hex16, Key2: other}); err != nil {
				t.Fatal(err)
			}
		}
		err := f.CreateKey(accel.KeyParams{Name: test.name, Cipher: test.cipher, Key: test.key, Key2: test.key2})
		wants(t, err, test.errno, test.words...)
		for _, secret := range [][]byte{test.key, test.key2} {
			if err != nil && len(secret) > 0 && strings.Contains(err.Error(), string(secret)) {
				t.Errorf("the error shows the key: %v", err)
			}
		}
	}
	wants(t, f.CreateKey(accel.KeyParams{Name: "m", Cipher: accel.AESXTS, Key: hex16, Key2: other, TweakMode: new(accel.TweakMode(4))}),
		syscall.EINVAL, "tweak mode 4")
	if n := len(f.Keys()); n != 1 {
		t.Errorf("%d keys", n)
	}
	none := accel.New()
	if err := none.CreateKey(accel.KeyParams{Name: "k"}); err == nil {
		t.Error("a framework that is not started made a key")
	}
	if err := none.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	wants(t, none.CreateKey(accel.KeyParams{Name: "k"}), syscall.ENOENT, "no accel module encrypts")
}

func TestKeyIsWiped(t *testing.T) {
	f := start(t)
	digits, digits2 := bytes.Clone(hex16), bytes.Clone(other)
	if err := f.CreateKey(accel.KeyParams{Name: "k", Cipher: accel.AESXTS, Key: digits, Key2: digits2}); err != nil {
		t.Fatal(err)
	}
	clear(digits) // the framework has its own copy
	clear(digits2)
	k, err := f.HoldKey("k")
	if err != nil {
		t.Fatal(err)
	}
	key, key2 := k.Bytes()
	if !bytes.Equal(key[:2], []byte{0, 0x11}) || !bytes.Equal(key2[:2], []byte{0xff, 0xee}) {
		t.Fatalf("key %x %x", key, key2)
	}
	for _, s := range []string{fmt.Sprint(k), fmt.Sprintf("%+v", k), fmt.Sprintf("%#v", k), fmt.Sprintf("%x", k)} {
		if strings.Contains(s, "112233") || strings.Contains(s, "17 34 51") {
			t.Errorf("the key shows itself: %s", s)
		}
	}
	wants(t, f.DestroyKey("k"), syscall.EBUSY, `"k"`, "1 users hold it")
	k.Release()
	if err := f.DestroyKey("k"); err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(slices.Concat(key, key2), func(b byte) bool { return b != 0 }) {
		t.Errorf("the key has not been wiped: %x %x", key, key2)
	}
	if k.Driver != nil {
		t.Error("the module's state of the key is still there")
	}
	wants(t, f.DestroyKey("k"), syscall.ENOENT, "No key object found")
	_, err = f.HoldKey("k")
	wants(t, err, syscall.ENOENT, "No key object found", "accel_crypto_key_create")
	// Whoever still has it cannot use it.
	_, c := open(t, f)
	task := accel.Task{Op: accel.OpEncrypt, Src: [][]byte{make([]byte, 512)}, Key: k, BlockSize: 512, Done: new(counter)}
	c.Submit(&task)
	wants(t, task.Err(), syscall.EINVAL, "Key", "destroyed")
}

func TestKeysAreShown(t *testing.T) {
	f := start(t)
	want := []accel.KeyParams{
		{Name: "a", Cipher: accel.AESXTS, Key: hex16, Key2: other},
		{Name: "b", Cipher: accel.AESCBC, Key: hex32, TweakMode: new(accel.JoinNegLBAWithLBA)},
	}
	for _, p := range want {
		if err := f.CreateKey(p); err != nil {
			t.Fatal(err)
		}
	}
	got := f.Keys()
	for i, p := range want {
		g := got[i]
		if g.Name != p.Name || g.Cipher != p.Cipher || !bytes.Equal(g.Key, p.Key) || !bytes.Equal(g.Key2, p.Key2) || (g.TweakMode == nil) != (p.TweakMode == nil) {
			t.Errorf("key %d: %+v, want %+v", i, g, p)
		}
	}
	clear(got[0].Key) // a copy
	if again := f.Keys(); !bytes.Equal(again[0].Key, hex16) {
		t.Error("wiping the copy has wiped the key")
	}
}
