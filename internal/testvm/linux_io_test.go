// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// fio returns the command that writes and verifies a disk in one way.
func fio(path, rw, size, engine string, depth int, more ...string) []string {
	sizes := "--bs=" + size
	if strings.Contains(size, "-") {
		sizes = "--bsrange=" + size
	}
	return append([]string{
		"fio", "--name=disk", "--filename=" + path, "--rw=" + rw, sizes, "--ioengine=" + engine, fmt.Sprintf("--iodepth=%d", depth),
		"--thread", "--direct=1", "--verify=crc32c", "--verify_fatal=1",
	}, more...)
}

// endless has fio go on until it is stopped.
func endless(path string) []string {
	return fio(path, "randrw", "4k", "io_uring", 16, "--size=32M", "--loops=1000", "--time_based", "--runtime=600")
}

// stopFio ends fio by the signal that lets it finish in good order, and fails
// the test if it has seen wrong data or errors.
func stopFio(t *testing.T, p *Process) {
	t.Helper()
	p.Signal(unix.SIGINT)
	r := p.Wait()
	// It ends with 128 then; what counts is what it has seen.
	if out := r.Stdout + r.Stderr; !strings.Contains(out, "err= 0") || strings.Contains(out, "verify:") {
		t.Errorf("fio: exit code %d\n%s", r.Code, out)
	}
}

// busy starts a program that is killed at the end of the test if it runs then.
func (x *linuxTarget) busy(t *testing.T, args []string) *Process {
	t.Helper()
	p := x.guest.Go(t, args...)
	t.Cleanup(func() {
		select {
		case <-p.Done():
		default:
			if t.Failed() { // else the guest is about to be killed
				p.Signal(unix.SIGKILL)
			}
		}
	})
	return p
}

// running waits until the guest's I/O counters of a disk move.
func (x *linuxTarget) running(t *testing.T, path string) {
	t.Helper()
	stat := "/sys/block/" + strings.TrimPrefix(path, "/dev/") + "/stat"
	before := x.guest.MustRun(t, "cat", stat)
	x.guest.Until(t, fmt.Sprintf(`[ "$(cat %s)" != "%s" ]`, stat, strings.TrimSuffix(before, "\n")))
}

// verified writes and verifies data in many ways, and compares both sides'
// view of the disk in the end.
func (x *linuxTarget) verified(t *testing.T) {
	path := x.disk(t, 1)
	x.same(t, "main", path, mainSize) // what this side has written
	for _, tt := range []struct {
		rw, size, engine string
		depth            int
		more             []string
	}{
		{"randwrite", "512", "libaio", 1, []string{"--size=1M"}},
		{"randrw", "4k", "io_uring", 32, []string{"--size=8M"}},
		{"randrw", "512-256k", "libaio", 32, []string{"--size=16M", "--blockalign=512"}},
		{"randwrite", "128k", "io_uring", 64, []string{"--size=32M"}},
		{"write", "1m", "io_uring", 8, []string{"--size=32M", "--offset=32M"}},
		{"trimwrite", "64k", "libaio", 16, []string{"--size=16M", "--offset=48M"}},
		{"randrw", "4k-64k", "io_uring", 16, []string{"--size=4M", "--numjobs=4", "--offset_increment=16M"}},
	} {
		x.guest.MustRun(t, fio(path, tt.rw, tt.size, tt.engine, tt.depth, tt.more...)...)
	}
	x.same(t, "main", path, mainSize)
}

// bytesOfCommands has nvme-cli send single commands and looks at what they
// did to the disk.
func (x *linuxTarget) bytesOfCommands(t *testing.T) {
	g, path := x.guest, x.disk(t, 1)
	data, zeroes := randomBytes("commands", 4096), make([]byte, 4096)
	g.WriteFile(t, "/tmp/data", data, 0o600)
	cli := func(command string) { g.MustShell(t, "nvme "+strings.Replace(command, "DISK", path, 1)) }
	cli("write DISK -s 80 -c 7 -z 4096 -d /tmp/data")
	x.want(t, "write", "main", 80*512, data)
	cli("read DISK -s 80 -c 7 -z 4096 -d /tmp/back")
	if back := g.ReadFile(t, "/tmp/back"); !bytes.Equal(back, data) {
		t.Error("read brings other bytes")
	}
	cli("compare DISK -s 80 -c 7 -z 4096 -d /tmp/data")
	if r := g.Run(t, "nvme", "compare", path, "-s", "81", "-c", "7", "-z", "4096", "-d", "/tmp/data"); r.Code == 0 || !strings.Contains(r.Stdout+r.Stderr, "Compare Failure") {
		t.Errorf("compare with other data: %+v", r)
	}
	cli("copy DISK --sdlba=200 --slbs=80 --blocks=7")
	x.want(t, "copy", "main", 200*512, data)
	cli("write-zeroes DISK -s 80 -c 7")
	x.want(t, "write zeroes", "main", 80*512, zeroes)
	cli("dsm DISK -d -s 200 -b 8")
	x.want(t, "deallocate", "main", 200*512, zeroes)
	cli("verify DISK -s 0 -c 65535")
	cli("flush DISK")
	g.MustShell(t, "blkdiscard -o 1048576 -l 1048576 "+path)
	x.want(t, "blkdiscard", "main", 1<<20, make([]byte, 1<<20))
}

// fileSystem makes one, fills it, checks it and finds all files again.
func (x *linuxTarget) fileSystem(t *testing.T) {
	path := x.disk(t, 1)
	x.guest.MustShell(t, strings.ReplaceAll(`
mkfs.ext4 -q -F DISK
mkdir -p /mnt
mount -t ext4 -o discard DISK /mnt
for i in $(seq 40); do dd if=/dev/urandom of=/mnt/file$i bs=7k count=$((i * 3)) 2>/dev/null; done
dd if=/dev/urandom of=/mnt/large bs=1M count=20 2>/dev/null
rm /mnt/file1*
mkdir /mnt/dir
mv /mnt/file2* /mnt/dir
(cd /mnt && find . -type f -exec sha256sum {} + > /tmp/sums)
umount /mnt
e2fsck -fn DISK
mount -t ext4 DISK /mnt
(cd /mnt && sha256sum -c /tmp/sums) | grep -c 'OK$' | grep -qx 30
! dd if=/dev/zero of=/mnt/full bs=1M count=200 2>/dev/null
rm /mnt/full /mnt/large
umount /mnt
e2fsck -fn DISK`, "DISK", path))
	x.same(t, "main", path, mainSize)
}

// parameters loads the driver with parameters that have it use a controller
// in other ways.
func (x *linuxTarget) parameters(t *testing.T) {
	for _, tt := range []struct{ parameter, engine string }{
		{"poll_queues=1", "io_uring"}, // completion queues without interrupts
		{"sgl_threshold=1", "libaio"}, // SGLs for all
		{"sgl_threshold=0", "libaio"}, // PRPs for all
		{"io_queue_depth=2", "libaio"},
		{"io_queue_depth=4095 write_queues=1", "io_uring"},
		{"", "io_uring"}, // back to the defaults
	} {
		x.guest.MustShell(t, "modprobe -r nvme; modprobe nvme "+tt.parameter)
		path := x.disk(t, 1)
		more := []string{"--size=8M", "--blockalign=512"}
		if tt.engine == "io_uring" && strings.HasPrefix(tt.parameter, "poll") {
			more = append(more, "--hipri")
		}
		x.guest.MustRun(t, fio(path, "randrw", "512-256k", tt.engine, 16, more...)...)
	}
	x.same(t, "main", x.disk(t, 1), mainSize)
}
