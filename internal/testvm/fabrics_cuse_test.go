// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"strings"
	"testing"
)

// nvmeCLIByCuse has nvme-cli use a controller that this project's daemon has
// attached, by its character devices.
func (x *fabricsRig) nvmeCLIByCuse(t *testing.T) {
	x.start(t)
	x.rpc(t, "bdev_nvme_attach_controller -b Nvme0 -t tcp -f ipv4 -a 127.0.0.1 -s 4420 -n NQN")
	x.rpc(t, "bdev_nvme_cuse_register -n Nvme0")
	if out := x.rpc(t, "bdev_nvme_get_controllers"); !strings.Contains(out, `"cuse_device": "spdk/nvme0"`) {
		t.Errorf("controllers: %s", out)
	}
	x.Until(t, "[ -c /dev/spdk/nvme0 ] && [ -c /dev/spdk/nvme0n1 ]")
	for _, test := range [][2]string{
		{"nvme id-ctrl /dev/spdk/nvme0", "Linux"},
		{"nvme id-ns /dev/spdk/nvme0n1", "nsze"},
		{"nvme smart-log /dev/spdk/nvme0", "available_spare"},
		{"nvme get-ns-id /dev/spdk/nvme0n1", "namespace-id:1"},
		{"nvme reset /dev/spdk/nvme0 && nvme list-ns /dev/spdk/nvme0", "0x1"},
	} {
		if out := x.MustShell(t, test[0]+" 2>&1"); !strings.Contains(out, test[1]) {
			t.Errorf("%s:\n%s", test[0], out)
		}
	}
	x.MustShell(t, `
dd if=/dev/urandom of=/tmp/in bs=4096 count=1 2>/dev/null
nvme write /dev/spdk/nvme0n1 --start-block=1 --block-count=0 --data-size=4096 --data=/tmp/in
nvme read /dev/spdk/nvme0n1 --start-block=1 --block-count=0 --data-size=4096 --data=/tmp/out
cmp /tmp/in /tmp/out
dd if=/tmp/disk bs=4096 skip=1 count=1 2>/dev/null | cmp - /tmp/in`)
	if r := x.Run(t, "nvme", "read", "/dev/spdk/nvme0n1", "--start-block=99999999", "--block-count=0", "--data-size=512", "--data=/tmp/out"); r.Code == 0 {
		t.Error("a read beyond the end went well")
	}
	x.rpc(t, "bdev_nvme_cuse_unregister -n Nvme0")
	x.Until(t, "! [ -e /dev/spdk/nvme0 ] && ! [ -e /dev/spdk/nvme0n1 ]")
	x.MustShell(t, "killall -INT gospdk")
	x.target.Wait()
}
