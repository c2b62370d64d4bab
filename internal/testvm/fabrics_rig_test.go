// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// fabricsRig is a guest in which gospdk's target and the kernel's host, or
// gospdk's host and the kernel's target, meet over the loopback.
type fabricsRig struct {
	*VM
	target *Process
}

const fabricsNQN = "nqn.2016-06.io.spdk:cnode1"

func newFabricsRig(t *testing.T) *fabricsRig {
	vm := Start(t, Config{
		Memory:   1024,
		Modules:  []string{"nvme-tcp", "nvmet-tcp", "crc32c_generic", "cuse", "tls", "gcm", "ghash-generic", "null_blk nr_devices=0"},
		Programs: []string{"fio", "nvme", "blkzone"},
		Files:    map[string]string{"/bin/gospdk": Binary(t)},
	})
	vm.MustShell(t, "ifconfig lo up; mkdir -p /etc/nvme /var/tmp")
	return &fabricsRig{VM: vm}
}

// start runs the target with a configuration, and waits until it answers.
func (x *fabricsRig) start(t *testing.T, options ...string) {
	t.Helper()
	x.target = x.Go(t, append([]string{"gospdk", "tgt"}, options...)...)
	x.Until(t, "gospdk rpc spdk_get_version")
}

// rpc calls a method of the target, in the words of SPDK's rpc.py. NQN stands
// for fabricsNQN.
func (x *fabricsRig) rpc(t *testing.T, call string) string {
	t.Helper()
	return x.MustRun(t, append([]string{"gospdk", "rpc"}, strings.Fields(strings.ReplaceAll(call, "NQN", fabricsNQN))...)...)
}

// connect has the kernel connect to fabricsNQN.
func (x *fabricsRig) connect(t *testing.T, port int, options ...string) {
	t.Helper()
	x.MustRun(t, append([]string{"nvme", "connect", "-t", "tcp", "-a", "127.0.0.1", "-s", fmt.Sprint(port), "-n", fabricsNQN}, options...)...)
}

func (x *fabricsRig) disconnect(t *testing.T) {
	t.Helper()
	x.MustRun(t, "nvme", "disconnect", "-n", fabricsNQN)
}

// disk waits for the block device of a namespace of any controller, and
// returns its path.
func (x *fabricsRig) disk(t *testing.T, nsid int) string {
	t.Helper()
	return strings.TrimSpace(x.Until(t, fmt.Sprintf(`
for d in /sys/block/nvme[0-9]*n*; do
	if [ "$(cat $d/nsid)" = %d ] && [ -b /dev/${d##*/} ] && [ "$(cat $d/size)" -gt 0 ]; then echo /dev/${d##*/}; exit; fi
done
exit 1`, nsid)))
}

// running waits until I/O of a disk ends.
func (x *fabricsRig) running(t *testing.T, path string) {
	t.Helper()
	stat := "/sys/block/" + strings.TrimPrefix(path, "/dev/") + "/stat"
	before := strings.Fields(x.MustRun(t, "cat", stat))
	x.Until(t, fmt.Sprintf(`set -- $(cat %s); [ $1 -gt %s ] && [ $5 -gt %s ]`, stat, before[0], before[4]))
}

// controllers returns how many controllers the target has.
func (x *fabricsRig) controllers(t *testing.T) int {
	t.Helper()
	var all []any
	out := x.rpc(t, "nvmf_subsystem_get_controllers NQN")
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// kill ends the target at once.
func (x *fabricsRig) kill() {
	x.target.Signal(unix.SIGKILL)
	x.target.Wait()
}
