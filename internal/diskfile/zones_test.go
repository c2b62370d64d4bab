// SPDX-License-Identifier: BSD-3-Clause

package diskfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// describe has sysfs say these attributes of the queue of block device 7:3.
func describe(t *testing.T, partition bool, attributes map[string]string) *File {
	t.Helper()
	dir := t.TempDir()
	disk := filepath.Join(dir, "disk")
	folder := disk
	if partition {
		folder = filepath.Join(disk, "part")
	}
	write := func(name, text string) {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range attributes {
		write(filepath.Join(disk, "queue", name), value+"\n")
	}
	if partition {
		write(filepath.Join(folder, "partition"), "1\n")
	}
	if err := os.Symlink(folder, filepath.Join(dir, "7:3")); err != nil {
		t.Fatal(err)
	}
	old := sysfs
	sysfs = dir
	t.Cleanup(func() { sysfs = old })
	return &File{FD: -1, Path: "disk", Block: true, device: unix.Mkdev(7, 3)}
}

func TestCanPoll(t *testing.T) {
	for value, want := range map[string]bool{"1": true, "0": false} {
		for _, partition := range []bool{false, true} {
			f := describe(t, partition, map[string]string{"io_poll": value})
			if got := f.CanPoll(); got != want {
				t.Errorf("io_poll %s, partition %v: %v", value, partition, got)
			}
		}
	}
	f := describe(t, false, nil)
	if f.device++; f.CanPoll() {
		t.Error("a disk that the kernel does not describe can be polled")
	}
}

func TestNoZones(t *testing.T) {
	for _, test := range []struct {
		f    *File
		what string
	}{
		{describe(t, false, map[string]string{"zoned": "none"}), "a disk without zones"},
		{describe(t, false, nil), "a disk of an old kernel"},
		{describe(t, true, map[string]string{"zoned": "host-aware"}), "a partition"},
		{&File{FD: -1}, "a file"},
	} {
		if z, ok, err := test.f.Zoned(); ok || err != nil {
			t.Errorf("%s: %+v, %v", test.what, z, err)
		}
	}
}

// What the kernel says and cannot be understood is an error, not a disk
// without zones.
func TestZonedErrors(t *testing.T) {
	for attribute, want := range map[string]string{"max_open_zones": "max_open_zones", "max_active_zones": "max_active_zones", "none": "zone size of disk"} {
		f := describe(t, false, map[string]string{"zoned": "host-managed", attribute: "many"})
		if _, ok, err := f.Zoned(); ok || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", attribute, ok, err)
		}
	}
}

func TestZoneInBytes(t *testing.T) {
	z := blkZone{start: 8, size: 16, pointer: 12, kind: ZoneSequentialRequired, condition: ZoneClosed, capacity: 10}
	want := Zone{Start: 4096, Size: 8192, WritePointer: 6144, Capacity: 5120, Type: ZoneSequentialRequired, Condition: ZoneClosed}
	if got := z.inBytes(hasCapacity); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	// Linux before 5.9 knows no capacity.
	want.Capacity = want.Size
	if got := z.inBytes(0); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// A disk without zones refuses what is for zones.
func TestZoneCallsFail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n, e := f.ReportZones(0, make([]Zone, 1)); e == 0 {
		t.Errorf("%d zones of a file", n)
	}
	if e := f.ManageZone(ZoneReset, 0, 4096); e == 0 {
		t.Error("a zone of a file was reset")
	}
}
