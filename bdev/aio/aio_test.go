// SPDX-License-Identifier: BSD-3-Clause

package aio_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/aio"
	"github.com/gospdk/gospdk/bdev/bdevtest"
)

// file makes a file of zeroes in dir.
func file(t *testing.T, dir string, size int64) string {
	t.Helper()
	f, err := os.CreateTemp(dir, "disk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(f.Name()); err != nil {
			t.Error(err)
		}
	})
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

// loop makes a block device of the file, with blocks of this size.
func loop(t *testing.T, path, blockSize string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("block devices are made by root only")
	}
	out, err := exec.Command("losetup", "-f", "--show", "-b", blockSize, path).CombinedOutput()
	if err != nil {
		t.Skipf("no loop device: %v: %s", err, out)
	}
	dev := strings.TrimSpace(string(out))
	t.Cleanup(func() {
		if out, err := exec.Command("losetup", "-d", dev).CombinedOutput(); err != nil {
			t.Errorf("losetup -d %s: %v: %s", dev, err, out)
		}
	})
	return dev
}

func TestConformance(t *testing.T) {
	run := func(name string, cfg aio.Config, path func(*testing.T) string) {
		t.Run(name, func(t *testing.T) {
			bdevtest.Run(t, func(t *testing.T) (bdev.Device, func()) {
				cfg.Name, cfg.Filename = "Aio0", path(t)
				d, err := aio.New(cfg)
				if err != nil {
					t.Fatal(err)
				}
				return d, func() {}
			})
		})
	}
	onDisk := func(t *testing.T) string { return file(t, t.TempDir(), 4<<20) }
	inMemory := func(t *testing.T) string { return file(t, "/dev/shm", 4<<20) }
	run("512", aio.Config{BlockSize: 512}, onDisk)
	run("4096", aio.Config{BlockSize: 4096, Fallocate: true}, onDisk)
	run("memory", aio.Config{BlockSize: 512, Fallocate: true}, inMemory)
	run("loop", aio.Config{Fallocate: true, NoWait: true}, func(t *testing.T) string { return loop(t, onDisk(t), "512") })
	run("loop4096", aio.Config{BlockSize: 8192}, func(t *testing.T) string { return loop(t, onDisk(t), "4096") })
}

// Filesystems without direct transfers are used through the page cache.
func TestConformancePageCache(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "ramfs", 0, ""); err != nil {
		t.Skipf("mount: %v", err) // by root only
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	bdevtest.Run(t, func(t *testing.T) (bdev.Device, func()) {
		d, err := aio.New(aio.Config{Name: "A0", Filename: file(t, dir, 4<<20), BlockSize: 512})
		if err != nil {
			t.Fatal(err)
		}
		if d.Info().Alignment != 1 {
			t.Errorf("alignment %d", d.Info().Alignment)
		}
		return d, func() {}
	})
}

func TestNewErrors(t *testing.T) {
	dir := t.TempDir()
	path := file(t, dir, 1<<20)
	odd := file(t, dir, 1000)
	for _, test := range []struct {
		cfg  aio.Config
		want string
	}{
		{aio.Config{Filename: path, BlockSize: 512}, "needs a name"},
		{aio.Config{Name: "A", Filename: filepath.Join(dir, "missing"), BlockSize: 512}, "no such file or directory"},
		{aio.Config{Name: "A", Filename: path}, "give one"},
		{aio.Config{Name: "A", Filename: path, BlockSize: 100}, "block_size 100"},
		{aio.Config{Name: "A", Filename: path, BlockSize: 1000}, "power of two"},
		{aio.Config{Name: "A", Filename: odd, BlockSize: 512}, "1000 bytes"},
		{aio.Config{Name: "A", Filename: path, BlockSize: 512, NoWait: true}, "nowait"},
		{aio.Config{Name: "A", Filename: "/dev/null", BlockSize: 512}, "neither a file nor a block device"},
		{aio.Config{Name: "A", Filename: dir, BlockSize: 512, ReadOnly: true}, "neither a file nor a block device"},
	} {
		if _, err := aio.New(test.cfg); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("New(%+v) = %v, want %q", test.cfg, err, test.want)
		}
	}
}
