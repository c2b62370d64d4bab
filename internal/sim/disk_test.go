// SPDX-License-Identifier: BSD-3-Clause

package sim

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"testing"
)

func TestDisk(t *testing.T) {
	ctx := context.Background()
	d := NewDisk(4096, 512)
	write := func(b byte) error {
		_, err := d.WriteAtContext(ctx, bytes.Repeat([]byte{b}, 1024), 512)
		return err
	}
	if err := errors.Join(write(1), d.Flush(ctx), write(2), write(3)); err != nil {
		t.Fatal(err)
	}
	seen := make(map[[2]byte]bool)
	for seed := range uint64(200) {
		b := d.AfterCrash(rand.New(rand.NewPCG(seed, 1))).Bytes()
		seen[[2]byte{b[512], b[1024]}] = true
		if b[0] != 0 || b[1536] != 0 || b[512] == 0 || b[512] != b[1023] {
			t.Fatalf("seed %d: sectors begin with %d %d %d %d", seed, b[0], b[512], b[1024], b[1536])
		}
	}
	if len(seen) != 9 {
		t.Errorf("two sectors with three states each were in %d states, want 9: %v", len(seen), seen)
	}
	d.LosePowerAfter(1)
	if err := d.Flush(ctx); err != nil {
		t.Error(err)
	}
	if err := write(4); !errors.Is(err, ErrPowerLost) {
		t.Errorf("a write without power says %v", err)
	}
	if b := d.AfterCrash(rand.New(rand.NewPCG(1, 1))).Bytes(); b[512] != 3 {
		t.Errorf("after a flush the sector begins with %d, want 3", b[512])
	}
	if _, err := d.WriteAtContext(ctx, make([]byte, 100), 0); err == nil {
		t.Error("a write of 100 bytes is taken")
	}
}
