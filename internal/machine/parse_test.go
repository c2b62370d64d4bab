// SPDX-License-Identifier: BSD-3-Clause

package machine

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

const sampleMountinfo = `21 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
36 35 98:0 /mnt1 /my\040data rw,noatime master:1 shared:7 - ext3 /dev/disk\134x rw,errors=continue
37 21 0:41 / /hyphen - - rw
38 21 0:42 / /none rw - tmpfs none
nonsense
`

func TestMountinfo(t *testing.T) {
	got := parseMountinfo([]byte(sampleMountinfo))
	want := []mount{
		{"254:1", "/", "/", "rw,relatime", "ext4", "/dev/vda1", "rw"},
		{"98:0", "/mnt1", "/my data", "rw,noatime", "ext3", `/dev/disk\x`, "rw,errors=continue"},
		{"0:42", "/", "/none", "rw", "tmpfs", "none", ""},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestSwaps(t *testing.T) {
	got := parseSwaps([]byte("Filename\t\tType\t\tSize\n/dev/a\\040b partition 1 0 -2\n/swap file 1 0 -3\n\n"))
	want := []swap{{"/dev/a b", "partition"}, {"/swap", "file"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestMdstat(t *testing.T) {
	got := parseMdstat([]byte(`Personalities : [raid1] [raid6]
md0 : active raid1 nvme1n1p1[1] nvme0n1p1[0](F)
      1047552 blocks super 1.2 [2/2] [UU]
      [==>..................]  recovery = 12.6% (1/2) finish=1.0min speed=1K/sec
md_data : active (auto-read-only) raid5 sdc[2](W)(J) sdb[1] sda[0](S)

unused devices: <none>
`))
	want := map[string][]string{"md0": {"nvme1n1p1", "nvme0n1p1"}, "md_data": {"sdc", "sdb", "sda"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestOSRelease(t *testing.T) {
	got := parseOSRelease([]byte("# comment\nNAME=x\nID=\"Rocky\"\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID='9.4'\nPRETTY_NAME=\"Rocky \\\"Linux\\\"\"\nbad line\n"))
	want := Distro{ID: "rocky", Like: []string{"rhel", "centos", "fedora"}, Version: "9.4", Name: `Rocky "Linux"`}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if !got.Is("fedora") || got.Is("debian") {
		t.Error("its descent is wrong")
	}
}

func TestMemlockParse(t *testing.T) {
	for text, want := range map[string]string{
		"Max locked memory         65536                unlimited            bytes\n":     "{65536 18446744073709551615} <nil>",
		"Limit  Soft\nMax locked memory         unlimited            unlimited   bytes\n": "{18446744073709551615 18446744073709551615} <nil>",
		"Max locked memory         x                    1                    bytes\n":     `"x"`,
		"Max locked memory         1\n":       "no limit",
		"Max open files   1   1   files\n":    "no limit",
		"Max locked memory -1 2 bytes\n":      `"-1"`,
		"Max locked memory 1 9e9 bytes\n":     `"9e9"`,
		"Max locked memoryNot 1 2 bytes\n":    "no limit",
		"Max locked memory 4096 8192 bytes\n": "{4096 8192} <nil>",
	} {
		l, err := parseMemlock([]byte(text))
		if got := fmt.Sprint(l, err); !strings.Contains(got, want) {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

func TestStatus(t *testing.T) {
	u, err := parseStatus([]byte("Name:\tx\nUid:\t1000\t1001\t1000\t1000\nGid:\t7\t8\t7\t7\nGroups:\t4 8 \nCapEff:\t0000000000204000\nSeccomp:\t2\n"))
	if err != nil {
		t.Fatal(err)
	}
	if want := (User{UID: 1001, Groups: []int{8, 4}, Capabilities: 0x204000, Seccomp: 2}); !reflect.DeepEqual(u, want) {
		t.Errorf("got %+v, want %+v", u, want)
	}
	if !u.Has(CapSysAdmin) || !u.Has(CapIPCLock) || u.Has(CapSysRawIO) {
		t.Error("its capabilities are wrong")
	}
	for _, bad := range []string{"", "Uid:\ta\tb\tc\td\n", "Uid:\t1\t1\t1\t1\nCapEff:\tzz\n"} {
		if _, err := parseStatus([]byte(bad)); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestLimitsConf(t *testing.T) {
	rules := parseLimitsConf([]byte(`# nothing
*        soft memlock 64
*        hard memlock 128   # all
@spdk    -    memlock unlimited
alice    soft memlock 1024
alice    hard nofile  9
bob      -    memlock many
`))
	for _, test := range []struct {
		user, groups string
		want         string
	}{
		{"carol", "", "{65536 131072} true"},
		{"carol", "users spdk", "{18446744073709551615 18446744073709551615} true"},
		{"alice", "", "{1048576 131072} true"},
		{"bob", "", "{65536 131072} true"},
		{"root", "root", "{0 0} false"},
	} {
		l, ok := memlockOf(rules, test.user, strings.Fields(test.groups))
		if got := fmt.Sprint(l, ok); got != test.want {
			t.Errorf("%s in %q: got %s, want %s", test.user, test.groups, got, test.want)
		}
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{`a\040b`: "a b", `a\`: `a\`, `\04`: `\04`, `\999`: `\999`, `\134\012`: "\\\n", "plain": "plain"} {
		if got := unescape(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzTables(f *testing.F) {
	f.Add([]byte(sampleMountinfo))
	f.Add([]byte("md0 : active raid1 a[0]\n"))
	f.Add([]byte("/dev/x partition 1 2 3\n"))
	f.Add([]byte("1 2 3 4 5 6 - \n \\ \\7 \\400"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, e := range parseMountinfo(b) {
			pageSizeOption(e.SuperOptions)
		}
		parseSwaps(b)
		for name, members := range parseMdstat(b) {
			if !strings.HasPrefix(name, "md") || len(members) == 0 {
				t.Errorf("array %q with members %q", name, members)
			}
		}
	})
}

func FuzzOSRelease(f *testing.F) {
	f.Add([]byte("ID=debian\nID_LIKE=\"a b\"\nPRETTY_NAME='x\n"))
	f.Add([]byte("ID=\"\\"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := parseOSRelease(b)
		if d.Is("ubuntu", "debian") && d.ModulePackage("6.1") == "" {
			t.Errorf("no package for %+v", d)
		}
	})
}

func FuzzLimits(f *testing.F) {
	f.Add([]byte("Max locked memory         65536                unlimited            bytes\n"))
	f.Add([]byte("Uid:\t0\t0\t0\t0\nGroups:\t1 2\nCapEff:\tff\n"))
	f.Add([]byte("* - memlock unlimited\n@g soft memlock 1\n"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		_, _ = parseMemlock(b)
		_, _ = parseStatus(b)
		memlockOf(parseLimitsConf(b), "u", []string{"g"})
	})
}
