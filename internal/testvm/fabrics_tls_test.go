// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"fmt"
	"strings"
	"testing"
)

// tlsByKernel has this project's host and target meet by TLS that the kernel
// makes for both, and for one of them alone, so that its records are judged by
// the other's.
func (x *fabricsRig) tlsByKernel(t *testing.T) {
	x.MustShell(t, "umask 077; for h in 1 2; do gospdk nvme gen-tls-key --hmac $h > /tmp/tls$h; done")
	for _, by := range []struct {
		name    string
		options string // of the target's sockets
		ends    int    // whose records the kernel makes
		hmac    int    // of the key, which chooses the cipher
	}{{"both ends", "--enable_ktls", 2, 2}, {"the host", "--enable_ktls=false", 1, 1}} {
		t.Run(by.name, func(t *testing.T) {
			x.start(t, "--wait-for-rpc")
			x.rpc(t, "sock_impl_set_options --impl_name ssl "+by.options)
			x.rpc(t, "framework_start_init")
			for _, call := range []string{
				"nvmf_create_transport -t TCP", "bdev_malloc_create --name d --num_blocks 8192 --block_size 4096",
				"nvmf_create_subsystem NQN", "nvmf_subsystem_add_ns NQN d",
				fmt.Sprintf("keyring_file_add_key k /tmp/tls%d", by.hmac),
				"nvmf_subsystem_add_host NQN nqn.2016-06.io.spdk:host1 --psk k",
				"nvmf_subsystem_add_listener NQN -t tcp -a 127.0.0.1 -s 4430 -k",
			} {
				x.rpc(t, call)
			}
			before := x.tlsStat(t)
			for _, size := range []string{"4096", "131072"} {
				trid := "trtype:TCP adrfam:IPv4 traddr:127.0.0.1 trsvcid:4430 subnqn:" + fabricsNQN + " hostnqn:nqn.2016-06.io.spdk:host1"
				out := x.MustRun(t, "gospdk", "perf", "-r", trid, "--psk-path", fmt.Sprintf("/tmp/tls%d", by.hmac),
					"-q", "16", "-o", size, "-w", "randrw", "-M", "50", "--verify", "-t", "1")
				if !strings.Contains(out, "Total") {
					t.Errorf("perf with %s bytes:\n%s", size, out)
				}
			}
			// perf makes two connections at a time, twice.
			if n := x.tlsStat(t) - before; n != 4*by.ends {
				t.Errorf("the kernel protects %d ends of connections, want %d", n, 4*by.ends)
			}
			x.MustShell(t, "killall -INT gospdk")
			x.target.Wait()
		})
	}
}

// tlsStat returns how many ends of connections the kernel has begun to send by
// TLS.
func (x *fabricsRig) tlsStat(t *testing.T) (n int) {
	t.Helper()
	out := x.MustShell(t, "sed -n 's/^TlsTxSw[^0-9]*//p' /proc/net/tls_stat")
	if _, err := fmt.Sscan(out, &n); err != nil {
		t.Fatalf("/proc/net/tls_stat: %q", out)
	}
	return n
}
