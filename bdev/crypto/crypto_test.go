// SPDX-License-Identifier: BSD-3-Clause

package crypto

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/accel"
	"github.com/gospdk/gospdk/accel/software"
	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/bdevtest"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/internal/vbdev/vbdevtest"
)

const (
	hexKey  = "00112233445566778899aabbccddeeff"
	hexKey2 = "ffeeddccbbaa99887766554433221101"
)

type rig struct {
	*vbdevtest.Rig
	accel *accel.Framework
	m     *Module
}

func newRig(t *testing.T) *rig {
	t.Helper()
	f := accel.New()
	r := &rig{accel: f}
	t.Cleanup(func() { // after the registry has been closed
		if err := f.Close(r.Ctx); err != nil {
			t.Error(err)
		}
	})
	r.Rig = vbdevtest.New(t)
	r.Must(f.AddModule(software.New()))
	r.Must(f.Start(r.Ctx))
	r.m = NewModule(r.Reg, f)
	r.Reg.AddModule(r.m)
	return r
}

func (r *rig) key(name string, p accel.KeyParams) {
	r.Helper()
	p.Name = name
	if p.Key == nil {
		p.Cipher, p.Key, p.Key2 = accel.AESXTS, []byte(hexKey), []byte(hexKey2)
	}
	r.Must(r.accel.CreateKey(p))
}

func (r *rig) create(name, base, key string) {
	r.Helper()
	_, err := r.m.Create(r.Ctx, Config{Name: name, Base: base, Key: key})
	r.Must(err)
}

// keyNames returns the names of all keys.
func (r *rig) keyNames() (names []string) {
	for _, k := range r.accel.Keys() {
		names = append(names, k.Name)
	}
	return names
}

func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i*7 + i/512*31)
	}
	return p
}

// The bytes on the base are those of an implementation of the standards.
func TestBytesOnTheBase(t *testing.T) {
	type params = accel.KeyParams
	mode := func(m accel.TweakMode) *accel.TweakMode { return &m }
	for name, k := range map[string]params{
		"XTS 128":           {Cipher: accel.AESXTS, Key: []byte(hexKey), Key2: []byte(hexKey2)},
		"XTS 256":           {Cipher: accel.AESXTS, Key: []byte(hexKey + hexKey2), Key2: []byte(hexKey2 + hexKey)},
		"XTS simple":        {Cipher: accel.AESXTS, Key: []byte(hexKey), Key2: []byte(hexKey2), TweakMode: mode(accel.SimpleLBA)},
		"XTS joined":        {Cipher: accel.AESXTS, Key: []byte(hexKey), Key2: []byte(hexKey2), TweakMode: mode(accel.JoinNegLBAWithLBA)},
		"XTS 512 full":      {Cipher: accel.AESXTS, Key: []byte(hexKey), Key2: []byte(hexKey2), TweakMode: mode(accel.Incr512FullLBA)},
		"XTS 512 upper":     {Cipher: accel.AESXTS, Key: []byte(hexKey), Key2: []byte(hexKey2), TweakMode: mode(accel.Incr512UpperLBA)},
		"XTS 256, 512 full": {Cipher: accel.AESXTS, Key: []byte(hexKey + hexKey2), Key2: []byte(hexKey2 + hexKey), TweakMode: mode(accel.Incr512FullLBA)},
		"CBC 128":           {Cipher: accel.AESCBC, Key: []byte(hexKey)},
		"CBC 256":           {Cipher: accel.AESCBC, Key: []byte(hexKey + hexKey2)},
	} {
		for _, size := range []uint32{512, 4096} {
			t.Run(name, func(t *testing.T) { testBytes(t, k, size) })
		}
	}
}

func testBytes(t *testing.T, k accel.KeyParams, size uint32) {
	r := newRig(t)
	r.Malloc(malloc.Config{Name: "Malloc0", NumBlocks: 256, BlockSize: size})
	r.key("k", k)
	r.create("Crypto0", "Malloc0", "k")
	const first, blocks = 13, 150 // more than one buffer
	data := pattern(blocks * int(size))
	u := r.User("Crypto0")
	given := bytes.Clone(data)
	if s := u.Do(&bdev.IO{Op: bdev.OpWrite, Offset: first, Blocks: blocks, Iov: [][]byte{given[:100], given[100:]}}); s != bdev.StatusSuccess {
		t.Fatal(s)
	}
	if !bytes.Equal(given, data) {
		t.Error("the user's buffer has changed")
	}
	key, err := hex.DecodeString(string(k.Key))
	r.Must(err)
	key2, err := hex.DecodeString(string(k.Key2))
	r.Must(err)
	want := oracle(t, k, key, key2, data, first, int(size))
	if got := r.Read("Malloc0", first*int64(size), len(data)); !bytes.Equal(got, want) {
		at := 0
		for got[at] == want[at] {
			at++
		}
		t.Fatalf("the base differs from byte %d on", at)
	}
	if got := r.Read("Crypto0", first*int64(size), len(data)); !bytes.Equal(got, data) {
		t.Error("what is read is not what was written")
	}
	// Zeroes are encrypted, too.
	if s := u.Do(&bdev.IO{Op: bdev.OpWriteZeroes, Offset: first, Blocks: 2}); s != bdev.StatusSuccess {
		t.Fatal(s)
	}
	zeroes := make([]byte, 2*size)
	if got := r.Read("Malloc0", first*int64(size), len(zeroes)); !bytes.Equal(got, oracle(t, k, key, key2, zeroes, first, int(size))) {
		t.Error("zeroes on the base are not encrypted zeroes")
	}
}

func TestConformance(t *testing.T) {
	for name, cfg := range map[string]malloc.Config{
		"512":  {NumBlocks: 4096},
		"4096": {NumBlocks: 1024, BlockSize: 4096},
	} {
		t.Run(name, func(t *testing.T) {
			bdevtest.Run(t, func(t *testing.T) (bdev.Device, func()) {
				r := newRig(t)
				cfg.Name = "Malloc0"
				r.Malloc(cfg)
				r.key("k", accel.KeyParams{})
				k, err := r.accel.HoldKey("k")
				r.Must(err)
				d, err := newDisk(r.Ctx, r.m, &plan{Name: "Crypto0", Base: "Malloc0", Config: cipher{key: k}})
				r.Must(err)
				d.base.Ready()
				return d, k.Release
			})
		})
	}
}

func TestInfo(t *testing.T) {
	r := newRig(t)
	r.Malloc(malloc.Config{Name: "Malloc0", NumBlocks: 256, UUID: uuid.MustParse("11111111-2222-4333-8444-000000000009")})
	r.key("k", accel.KeyParams{})
	r.create("Crypto0", "Malloc0", "k")
	info, err := r.Reg.Get("Crypto0")
	r.Must(err)
	if info.Product != "crypto" || info.Module != "crypto" || info.NumBlocks != 256 || info.BlockSize != 512 || info.MaxRW == 0 ||
		info.UUID.Version() != 5 {
		t.Errorf("%+v", info)
	}
	if module, kind, _ := r.Reg.Claimed("Malloc0"); module != "crypto" || kind != bdev.ClaimExclWrite {
		t.Errorf("the base is claimed by %q, %s", module, kind)
	}
	got, err := json.Marshal(r.m.disks[0].DriverSpecific())
	r.Must(err)
	if want := `{"crypto":{"base_bdev_name":"Malloc0","name":"Crypto0","key_name":"k"}}`; string(got) != want {
		t.Errorf("driver specific %s, want %s", got, want)
	}
}

func TestErrors(t *testing.T) {
	r := newRig(t)
	r.Malloc(malloc.Config{Name: "Malloc0", NumBlocks: 256})
	r.Malloc(malloc.Config{Name: "Free", NumBlocks: 256})
	r.key("k", accel.KeyParams{})
	r.create("Crypto0", "Malloc0", "k")
	for _, test := range []struct {
		cfg   Config
		errno syscall.Errno
		want  string
	}{
		{Config{Name: "Crypto0", Base: "Free", Key: "k"}, syscall.EEXIST, "crypto bdev Crypto0"},
		{Config{Name: "C", Base: "Malloc0", Key: "k"}, syscall.EPERM, "claimed"},
		{Config{Name: "C", Base: "Free", Key: "nothing"}, syscall.ENOENT, "nothing"},
		{Config{Name: "Malloc0", Base: "Free", Key: "k"}, syscall.EINVAL, "already exists"},
		{Config{Base: "Free", Key: "k"}, syscall.EINVAL, "empty"},
	} {
		if _, err := r.m.Create(r.Ctx, test.cfg); !errors.Is(err, test.errno) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("Create(%+v) = %v, want %v, %q", test.cfg, err, test.errno, test.want)
		}
	}
	for _, name := range []string{"Malloc0", "nothing"} {
		if err := r.m.Delete(r.Ctx, name); !errors.Is(err, syscall.ENODEV) {
			t.Errorf("Delete(%s) = %v", name, err)
		}
	}
	r.create("C", "Free", "k")
}

// A key stays while a device needs it, and one that was made for a device
// goes with it.
func TestKeys(t *testing.T) {
	r := newRig(t)
	r.Malloc(malloc.Config{Name: "Malloc0", NumBlocks: 256})
	r.key("k", accel.KeyParams{})
	r.key("own", accel.KeyParams{})
	r.create("Crypto0", "Malloc0", "k")
	r.create("Waiting", "later", "k")
	if err := r.accel.DestroyKey("k"); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("DestroyKey = %v", err)
	}
	r.Must(r.m.Delete(r.Ctx, "Crypto0"))
	if err := r.accel.DestroyKey("k"); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("DestroyKey with a device that waits = %v", err)
	}
	if err := r.m.Delete(r.Ctx, "Waiting"); !errors.Is(err, syscall.ENODEV) {
		t.Errorf("Delete of a device that waits = %v", err)
	}
	r.Must(r.accel.DestroyKey("k"))

	_, err := r.m.Create(r.Ctx, Config{Name: "Crypto1", Base: "Malloc0", Key: "own", OwnKey: true})
	r.Must(err)
	r.Must(r.m.Delete(r.Ctx, "Crypto1"))
	if got := r.keyNames(); len(got) != 0 {
		t.Errorf("keys left: %v", got)
	}
}

// A device comes and goes with its base until it is deleted, and grows with
// it.
func TestBaseComesAndGoes(t *testing.T) {
	r := newRig(t)
	r.key("k", accel.KeyParams{})
	r.create("Crypto0", "Malloc0", "k")
	for range 3 {
		r.Malloc(malloc.Config{Name: "Malloc0", NumBlocks: 64})
		if got := r.Names(); !slices.Equal(got, []string{"Malloc0", "Crypto0"}) {
			t.Fatalf("with the base: %v", got)
		}
		r.Must(r.Reg.Resize("Malloc0", 100))
		r.Until("the device to grow", func() bool { info, err := r.Reg.Get("Crypto0"); return err == nil && info.NumBlocks == 100 })
		r.Must(r.Reg.Unregister(r.Ctx, "Malloc0"))
		r.Until("the device to go", func() bool { return len(r.Names()) == 0 })
	}
}

// Writes wait for memory when there is none; a reset ends those that wait.
func TestNoMemory(t *testing.T) {
	r := newRig(t)
	pool := r.Reg.Iobuf()
	r.Malloc(malloc.Config{Name: "Malloc0", NumBlocks: 4096})
	r.key("k", accel.KeyParams{})
	r.create("Crypto0", "Malloc0", "k")
	u := r.User("Crypto0")
	hog, err := pool.Channel(u.Thread, "hog", 0, 0)
	r.Must(err)
	var held [][]byte
	for {
		buf := hog.Get(8192, nil)
		if buf == nil {
			break
		}
		held = append(held, buf)
	}
	counter := &counter{}
	ios := make([]bdev.IO, 4)
	for i := range ios {
		ios[i] = bdev.IO{Op: bdev.OpWrite, Offset: uint64(i), Blocks: 1, Iov: [][]byte{pattern(512)}, Done: counter}
		u.Ch.Submit(&ios[i])
	}
	u.Thread.Poll()
	if counter.n != 0 {
		t.Fatalf("%d writes ended without memory", counter.n)
	}
	hog.Put(held[0])
	held = held[1:]
	r.Until("one write to lead to all", func() bool { u.Thread.Poll(); return counter.n == len(ios) })
	for i := range ios {
		if ios[i].Status != bdev.StatusSuccess {
			t.Errorf("write %d: %v", i, ios[i].Status)
		}
	}
	buf := hog.Get(8192, nil) // the one that is free again
	for ; buf == nil; buf = hog.Get(8192, nil) {
		u.Thread.Poll()
	}
	held = append(held, buf)
	counter.n = 0
	for i := range ios {
		u.Ch.Submit(&ios[i])
	}
	if s := u.Do(&bdev.IO{Op: bdev.OpReset}); s != bdev.StatusSuccess {
		t.Errorf("reset: %v", s)
	}
	r.Until("the writes to end", func() bool { u.Thread.Poll(); return counter.n == len(ios) })
	for i := range ios {
		if ios[i].Status != bdev.StatusAborted {
			t.Errorf("write %d: %v", i, ios[i].Status)
		}
	}
	for _, b := range held {
		hog.Put(b)
	}
	r.Must(hog.Close())
}

type counter struct{ n int }

func (c *counter) Complete(*bdev.IO) { c.n++ }
