// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// TestFabricsFormats has the kernel's NVMe/TCP initiator use namespaces that
// are not mere blocks: zoned ones, and some with protection information.
func TestFabricsFormats(t *testing.T) {
	x := newFabricsRig(t)
	x.start(t)
	for _, call := range []string{
		"nvmf_create_transport -t TCP",
		"bdev_malloc_create -b Malloc0 32 512",
		"bdev_zone_block_create -b Zones0 -n Malloc0 -z 6144 -o 4",
		"bdev_malloc_create -b Type1 16 512 -m 8 -i -t 1",
		"bdev_malloc_create -b Type2 16 4096 -m 8 -i -t 2",
		"nvmf_create_subsystem NQN -a",
		"nvmf_subsystem_add_ns NQN Zones0 -n 1",
		"nvmf_subsystem_add_ns NQN Type1 -n 2",
		"nvmf_subsystem_add_ns NQN Type2 -n 3",
		"nvmf_subsystem_add_listener NQN -t tcp -a 127.0.0.1 -s 4420",
	} {
		x.rpc(t, call)
	}
	x.connect(t, 4420)
	for _, tt := range []subtest{
		{"Zones", x.zones},
		{"Type1", func(t *testing.T) { x.protects(t, 2, 512) }},
		{"Type2", func(t *testing.T) { x.protects(t, 3, 4096) }},
	} {
		if !t.Run(tt.name, tt.run) {
			t.Log(x.MustShell(t, "dmesg | tail -50"))
			t.Logf("the target's words:\n%s", x.target.Output())
		}
	}
	x.disconnect(t)
}

// zones writes zones in order and anywhere, and has them managed.
func (x *fabricsRig) zones(t *testing.T) {
	path := x.disk(t, 1)
	queue := "/sys/block/" + strings.TrimPrefix(path, "/dev/") + "/queue/"
	for file, want := range map[string]string{"zoned": "host-managed", "chunk_sectors": "8192", "nr_zones": "8", "zone_append_max_bytes": "131072"} {
		if got := strings.TrimSpace(x.MustRun(t, "cat", queue+file)); got != want {
			t.Errorf("%s is %s, want %s", file, got, want)
		}
	}
	x.MustRun(t, "nvme", "zns", "reset-zone", "-a", path)
	x.MustShell(t, fmt.Sprintf(`set -e
nvme zns id-ns %[1]s | grep -i 'zsze:0x2000'
dd if=/dev/urandom of=/tmp/data bs=64k count=8 2>/dev/null
dd if=/tmp/data of=%[1]s bs=64k seek=64 oflag=direct 2>/dev/null
dd if=%[1]s bs=64k skip=64 count=8 iflag=direct 2>/dev/null | cmp - /tmp/data
if dd if=/tmp/data of=%[1]s bs=64k seek=64 count=1 oflag=direct 2>/dev/null; then echo 'a block was written twice'; exit 1; fi`, path))
	report := x.MustRun(t, "blkzone", "report", path)
	lines := strings.Split(strings.TrimSpace(report), "\n")
	if len(lines) != 8 || !strings.Contains(lines[1], "start: 0x000002000, len 0x002000, cap 0x001800, wptr 0x000400 ") || !strings.Contains(lines[1], "SEQ_WRITE_REQUIRED") {
		t.Errorf("report:\n%s", report)
	}
	x.MustRun(t, "blkzone", "finish", "-o", "8192", "-c", "1", path)
	if out := x.MustRun(t, "blkzone", "report", "-o", "8192", "-c", "1", path); !strings.Contains(out, "(fu)") {
		t.Errorf("a zone that was finished: %s", out)
	}
	x.MustRun(t, "blkzone", "reset", path)
	if out := x.MustRun(t, "blkzone", "report", path); strings.Count(out, "(em)") != 8 {
		t.Errorf("after a reset:\n%s", out)
	}
	// Zone Append is what files of zonefs and btrfs use; nvme-cli has it, too.
	out := x.MustShell(t, fmt.Sprintf(`for i in 1 2 3; do nvme zns zone-append %s -s 0x4000 -z 4096 -d /tmp/data 2>&1; done`, path))
	for _, want := range []string{"LBA 4000", "LBA 4008", "LBA 4010"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
	x.MustRun(t, "blkzone", "reset", path)
	for _, rw := range []string{"write", "randwrite"} {
		x.MustRun(t, fio(path, rw, "16k", "psync", 1, "--zonemode=zbd", "--size=12M", "--max_open_zones=4")...)
	}
}

// protects moves blocks with and without protection information, by commands
// that the kernel passes on: over TCP its block devices have no room for
// metadata and are empty.
func (x *fabricsRig) protects(t *testing.T, nsid, blockSize int) {
	const blocks, lba = 4, 8
	device := strings.TrimSpace(x.Until(t, fmt.Sprintf(`
for d in /sys/block/nvme[0-9]n*; do
	name=${d##*/}
	if [ "$(cat $d/nsid)" = %d ] && [ -c /dev/ng${name#nvme} ]; then echo /dev/ng${name#nvme}; exit; fi
done
exit 1`, nsid)))
	out := x.MustRun(t, "nvme", "id-ns", "-H", device)
	for _, want := range []string{"Metadata Transferred at End of Data LBA", fmt.Sprintf("Protection Information Type %d Enabled", nsid-1)} {
		if !strings.Contains(out, want) {
			t.Errorf("id-ns: no %q in\n%s", want, out)
		}
	}
	move := func(command, file string, size, prinfo int) string {
		return fmt.Sprintf("nvme %s %s -s %d -c %d -z %d -d %s -p %d -r %d 2>&1", command, device, lba, blocks-1, size, file, prinfo, lba)
	}
	// The bits of PRINFO are PRACT, and checks of guard, application tag and
	// reference tag.
	plain, whole := blocks*blockSize, blocks*(blockSize+8)
	x.MustShell(t, fmt.Sprintf("head -c %d /dev/urandom > /tmp/plain", plain))
	x.MustShell(t, move("write", "/tmp/plain", plain, 8))
	x.MustShell(t, move("read", "/tmp/back", plain, 8|4)+"; cmp /tmp/plain /tmp/back")
	x.MustShell(t, move("read", "/tmp/whole", whole, 4))
	data, plainData := x.ReadFile(t, "/tmp/whole"), x.ReadFile(t, "/tmp/plain")
	for i := range blocks {
		if !bytes.Equal(data[i*(blockSize+8):][:blockSize], plainData[i*blockSize:][:blockSize]) {
			t.Errorf("block %d has other data", i)
		}
	}
	data[2*(blockSize+8)+blockSize]++ // the guard
	x.WriteFile(t, "/tmp/bad", data, 0o600)
	if r := x.Shell(t, move("write", "/tmp/bad", whole, 4)); r.Code == 0 || !strings.Contains(r.Stdout, "Guard Check Error") {
		t.Errorf("a write with a wrong guard: %+v", r)
	}
	x.MustShell(t, move("write", "/tmp/bad", whole, 0))
	if r := x.Shell(t, move("read", "/tmp/back", plain, 8|4)); r.Code == 0 || !strings.Contains(r.Stdout, "Guard Check Error") {
		t.Errorf("a read with a wrong guard: %+v", r)
	}
}
