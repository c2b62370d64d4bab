// SPDX-License-Identifier: BSD-3-Clause

package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNVMe runs every subcommand on a target, and looks at what a user sees.
func TestNVMe(t *testing.T) {
	dir := tempDir(t)
	_, _ = startTarget(t, dir, "--malloc", "8M,block=4096")
	device := filepath.Join(dir, "s")
	block := filepath.Join(dir, "block")
	data := bytes.Repeat([]byte("0123456789abcdef"), 512)
	if err := os.WriteFile(block, data, 0o600); err != nil {
		t.Fatal(err)
	}
	back := filepath.Join(dir, "back")
	for _, tt := range []struct {
		args string
		want []string
	}{
		{"list DEVICE", []string{"Node", "SPDK bdev Controller", "0x1", "8.39 MB / 8.39 MB", "4.10 kB +  0 B"}},
		{"id-ctrl DEVICE", []string{"NVME Identify Controller:\nvid       : 0x4e58\n", "mn        : SPDK bdev Controller  ", "\nver       : 0x20000\n", "\nps      0 : mp:25.00W operational"}},
		{"id-ns DEVICE", []string{"NVME Identify Namespace 1:\nnsze    : 0x800\n", "lbaf  0 : ms:0   lbads:12 rp:0 (in use)"}},
		{"list-ns DEVICE", []string{"[   0]:0x1\n"}},
		{"list-ctrl DEVICE", []string{"[   0]:0x"}},
		{"ns-descs DEVICE", []string{"NVME Namespace Identification Descriptors NS 1:\n", "\nuuid    : "}},
		{"show-regs DEVICE", []string{"vs      : 20000\n", "csts    : 1\n"}},
		{"get-property DEVICE -O 8", []string{": 0x20000\n"}},
		{"smart-log DEVICE", []string{"temperature                             : 37 °C (310 K)\n"}},
		{"error-log DEVICE -e 1", []string{"entries:1\n", "error_count         : "}},
		{"fw-log DEVICE", []string{"afi  : 0x1\n"}},
		{"effects-log DEVICE", []string{"Admin Command Set\n", "\nIOCS2   : 0"}},
		{"get-log DEVICE -i 2 -l 4", []string{"log-id:2 namespace-id:0xffffffff\n", "00000000  "}},
		{"get-feature DEVICE -f 7", []string{"get-feature:0x07, Current value:0x00"}},
		{"set-feature DEVICE -f 4 -V 0x157", []string{"set-feature:0x04, value:0x00000157"}},
		{"write DEVICE -s 5 -c 1 -d BLOCK --force", []string{"write: Success"}},
		{"compare DEVICE -s 5 -c 1 -d BLOCK", []string{"compare: Success"}},
		{"read DEVICE -s 5 -c 1 -z 8192 -d BACK", []string{"read: Success"}},
		{"copy DEVICE -s 5 -b 1 -d 100 --force", []string{"NVMe Copy: success"}},
		{"compare DEVICE -s 100 -c 1 -d BLOCK", []string{"compare: Success"}},
		{"verify DEVICE -s 0 -c 7", []string{"verify: Success"}},
		{"flush DEVICE", []string{"NVMe Flush: success"}},
		{"dsm DEVICE -s 100 -b 2 -d", []string{"NVMe DSM: success"}},
		{"write-zeroes DEVICE -s 5 -c 0 --force", []string{"write-zeroes: Success"}},
		{"read DEVICE -s 5 -z 4", []string{"\x00\x00\x00\x00"}},
		{"admin-passthru DEVICE -O 6 -l 4096 -r --cdw10 1 --force", []string{"Admin Command 0x06 is Success and result: 0x00000000\n00000000  58 4e 58 4e"}},
		{"io-passthru DEVICE -O 2 -n 1 -l 4096 -r --cdw10 6 --force", []string{"IO Command 0x02 is Success", "0123456789abcdef"}},
		{"reset DEVICE", nil},
	} {
		words := strings.Fields(strings.NewReplacer("DEVICE", device, "BLOCK", block, "BACK", back).Replace(tt.args))
		r := run(t, append([]string{"nvme"}, words...)...)
		if r.code != 0 {
			t.Errorf("%s: exit code %d: %s", tt.args, r.code, r.err)
		}
		for _, want := range tt.want {
			if !strings.Contains(r.out+r.err, want) {
				t.Errorf("%s: no %q in\n%s%s", tt.args, want, r.out, r.err)
			}
		}
	}
	if got, err := os.ReadFile(back); err != nil || !bytes.Equal(got, data) {
		t.Errorf("what was read is not what was written: %v", err)
	}
}

// TestNVMeRefusals calls subcommands as they cannot be called, or as the
// controller cannot carry them out.
func TestNVMeRefusals(t *testing.T) {
	dir := tempDir(t)
	_, _ = startTarget(t, dir, "--malloc", "8M")
	device := filepath.Join(dir, "s")
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"id-ctrl nothing", 2, `device "nothing": it must be a transport id`},
		{"id-ctrl tcp://here/nqn", 2, "is no address with a port"},
		{"id-ns DEVICE -n 7", 1, "namespace 7 is not active: list-ns shows"},
		{"id-ctrl DEVICE -o xml", 2, "must be normal or json"},
		{"format DEVICE", 2, "Give --force"},
		{"write DEVICE", 2, "Give --force"},
		{"get-feature DEVICE", 2, "--feature-id is needed"},
		{"get-log DEVICE -l 3", 2, "multiple of 4"},
		{"sanitize DEVICE -a all --force", 2, `--sanact "all"`},
		{"sanitize DEVICE -a 2 --force", 1, "INVALID OPCODE"},
		{"dsm DEVICE", 2, "--blocks N and --ad"},
		{"ana-log DEVICE", 1, "does not report"},
		{"create-ns DEVICE", 2, "--nsze 0"},
		{"read DEVICE -s 99999999", 1, "LBA OUT OF RANGE"},
		{"zns report-zones DEVICE", 1, "gospdk nvme zns report-zones"},
	} {
		r := run(t, append([]string{"nvme"}, strings.Fields(strings.ReplaceAll(tt.args, "DEVICE", device))...)...)
		if r.code != tt.code || !strings.Contains(r.err, tt.want) {
			t.Errorf("%s: exit code %d, %q; want %d, %q", tt.args, r.code, r.err, tt.code, tt.want)
		}
	}
}

// TestNVMeJSON decodes what scripts read.
func TestNVMeJSON(t *testing.T) {
	dir := tempDir(t)
	_, _ = startTarget(t, dir, "--malloc", "8M,block=4096")
	for command, want := range map[string]map[string]any{
		"id-ctrl":   {"vid": 0x4e58, "mn": "SPDK bdev Controller                    ", "ver": 0x20000, "subnqn": "nqn.2016-06.io.spdk:cnode1", "psds": nil},
		"id-ns":     {"nsze": 2048, "flbas": 0, "lbafs": nil, "nguid": nil},
		"smart-log": {"temperature": 310, "avail_spare": 100, "percent_used": 0, "critical_comp_time": 0},
		"list-ns":   {"nsid_list": nil},
		"error-log": {"errors": nil},
		"show-regs": {"vs": 0x20000},
	} {
		r := mustRun(t, "nvme", command, filepath.Join(dir, "s"), "-o", "json")
		var got map[string]any
		if err := json.Unmarshal([]byte(r.out), &got); err != nil {
			t.Errorf("%s: %v\n%s", command, err, r.out)
			continue
		}
		for key, v := range want {
			has, ok := got[key]
			if n, isInt := v.(int); isInt {
				v = float64(n)
			}
			if !ok || v != nil && has != v {
				t.Errorf("%s: %s is %v, want %v", command, key, has, v)
			}
		}
	}
}

// TestNVMeAuthenticates uses a controller that asks for keys.
func TestNVMeAuthenticates(t *testing.T) {
	const sub, hostNQN = "nqn.2016-06.io.spdk:cnode2", "nqn.2016-06.io.spdk:host1"
	dir := tempDir(t)
	startTarget(t, dir)
	file := func(name string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(mustRun(t, "nvme", "gen-dhchap-key").out), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	hostKey, ctrlrKey := file("host.key"), file("ctrlr.key")
	addr := fmt.Sprintf("127.79.%d.%d", os.Getpid()>>8&0xff, os.Getpid()&0xff)
	for _, call := range []string{
		"bdev_null_create Null0 16 512", "keyring_file_add_key host " + hostKey, "keyring_file_add_key ctrlr " + ctrlrKey,
		"nvmf_create_transport -t TCP", "nvmf_create_subsystem " + sub, "nvmf_subsystem_add_ns " + sub + " Null0",
		"nvmf_subsystem_add_listener " + sub + " -t TCP -f IPv4 -a " + addr + " -s 4420",
		"nvmf_subsystem_add_host " + sub + " " + hostNQN + " --dhchap-key host --dhchap-ctrlr-key ctrlr",
	} {
		mustRun(t, append([]string{"rpc", "-s", filepath.Join(dir, "rpc")}, strings.Fields(call)...)...)
	}
	device := "trtype:TCP adrfam:IPv4 traddr:" + addr + " trsvcid:4420 subnqn:" + sub + " hostnqn:" + hostNQN
	for _, command := range []string{"id-ctrl", "list"} {
		if r := run(t, "nvme", command, device); r.code != 1 || !strings.Contains(r.err, "DH-HMAC-CHAP key") {
			t.Errorf("%s without a key: %d\n%s", command, r.code, r.err)
		}
		if r := run(t, "nvme", command, device, "--dhchap-key", hostKey, "--dhchap-ctrlr-key", hostKey); r.code != 1 || !strings.Contains(r.err, "has not its secret") {
			t.Errorf("%s with a wrong key: %d\n%s", command, r.code, r.err)
		}
		if r := run(t, "nvme", command, device, "--dhchap-ctrlr-key", ctrlrKey); r.code != 2 {
			t.Errorf("%s with a key of the controller alone: %d\n%s", command, r.code, r.err)
		}
		mustRun(t, "nvme", command, device, "--dhchap-key", hostKey, "--dhchap-ctrlr-key", ctrlrKey)
	}
}

func TestNVMeTLSKeys(t *testing.T) {
	const secret = "5512dbb6737d0106f65975b773dfb011ffc344bcf442e2dd6d8bc4870b5d5b03"
	r := mustRun(t, "nvme", "gen-tls-key", "--secret", secret)
	if r.out != "NVMeTLSkey-1:01:VRLbtnN9AQb2WXW3c9+wEf/DRLz0QuLdbYvEhwtdWwNf9LrZ:\n" {
		t.Errorf("key %q", r.out)
	}
	file := filepath.Join(tempDir(t), "key")
	if err := os.WriteFile(file, []byte(r.out), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := mustRun(t, "nvme", "check-tls-key", file); r.out != "Key is valid (hash sha256)\n" {
		t.Errorf("%q", r.out)
	}
	r = mustRun(t, "nvme", "check-tls-key", file, "-n", "nqn.psk-test-host", "-c", "nqn.psk-test-subsys", "-I", "1")
	if r.out != "NVMe1R01 nqn.psk-test-host nqn.psk-test-subsys iSbjiStwJ/1TrTvDlt2fjFmzvsytOJelidNnA+X5lEU=\n" {
		t.Errorf("identity %q", r.out)
	}
	for _, args := range [][]string{
		{"gen-tls-key", "--hmac", "3"}, {"gen-tls-key", "--secret", "zz"}, {"gen-tls-key", "--secret", "00"},
		{"check-tls-key", file, "-n", "x"}, {"check-tls-key", file, "-n", "x", "-c", "y", "-I", "2"},
	} {
		if r := run(t, append([]string{"nvme"}, args...)...); r.code != 2 {
			t.Errorf("%q: %+v", args, r)
		}
	}
}

func TestNVMeKeys(t *testing.T) {
	file := filepath.Join(tempDir(t), "key")
	for _, hash := range []string{"0", "1", "2", "3"} {
		key := mustRun(t, "nvme", "gen-dhchap-key", "--hmac", hash).out
		if !strings.HasPrefix(key, "DHHC-1:0"+hash+":") {
			t.Errorf("--hmac %s: %s", hash, key)
		}
		if err := os.WriteFile(file, []byte(key), 0o600); err != nil {
			t.Fatal(err)
		}
		mustRun(t, "nvme", "check-dhchap-key", file)
	}
	if r := run(t, "nvme", "gen-dhchap-key", "--hmac", "4"); r.code != 2 || !strings.Contains(r.err, "hash 4") {
		t.Errorf("%+v", r)
	}
}
