// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"strings"
	"testing"
)

func TestParseTransportID(t *testing.T) {
	for in, want := range map[string]TransportID{
		"":                                {Trtype: TrtypePCIe},
		"trtype:PCIe traddr:0000:0b:00.0": {Trtype: TrtypePCIe, Traddr: "0000:0b:00.0"},
		"TRTYPE=pcie\ttraddr=b:0.0\n":     {Trtype: TrtypePCIe, Traddr: "0000:0b:00.0"},
		"traddr:0b:00.1 trtype:PCIE":      {Trtype: TrtypePCIe, Traddr: "0000:0b:00.1"},
		"trtype:VFIOUSER traddr:/tmp/a:b": {Trtype: TrtypeVFIOUser, Traddr: "/tmp/a:b"},
		"trtype:custom traddr:x":          {Trtype: TrtypeCustom, Traddr: "x"},
		"trtype:TCP adrfam:ipv6 traddr:fe80::1 trsvcid:4420 subnqn:nqn.2016-06.io.spdk:cnode1 priority:6 hostaddr:fe80::2 hostsvcid:1234 hostnqn:nqn.2016-06.io.spdk:host1 ns:2 alt_traddr:fe80::3": {
			Trtype: TrtypeTCP, Adrfam: AdrfamIPv6, Traddr: "fe80::1", Trsvcid: "4420", Subnqn: "nqn.2016-06.io.spdk:cnode1", Priority: 6,
			Hostaddr: "fe80::2", Hostsvcid: "1234", HostNQN: "nqn.2016-06.io.spdk:host1", Ns: 2, AltTraddr: "fe80::3"},
		"trtype:rdma adrfam:IB traddr:a traddr:b":       {Trtype: TrtypeRDMA, Adrfam: AdrfamIB, Traddr: "b"},
		"trtype:FC adrfam:FC traddr:nn-0x1:pn-0x2":      {Trtype: TrtypeFC, Adrfam: AdrfamFC, Traddr: "nn-0x1:pn-0x2"},
		"trtype:TCP subnqn:" + strings.Repeat("n", 223): {Trtype: TrtypeTCP, Subnqn: strings.Repeat("n", 223)},
	} {
		got, err := ParseTransportID(in)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", in, got, err)
			continue
		}
		if again, err := ParseTransportID(got.String()); err != nil || again != got {
			t.Errorf("%q printed as %q: %+v, %v", in, got.String(), again, err)
		}
	}
}

func TestParseTransportIDErrors(t *testing.T) {
	for in, quote := range map[string]string{
		"trtype:NVLINK traddr:x":                        `unknown trtype "NVLINK"`,
		"trtype:TCP adrfam:IPv5":                        `unknown adrfam "IPv5"`,
		"trtype:PCIe traddr":                            `"traddr" has no ':' or '='`,
		"trtype: PCIe":                                  `"trtype:" has no value`,
		"trtype:PCIe traddr:0000:zz:00.0":               `bus "zz"`,
		"trtype:PCIe traddr:0000:0b:20.0":               `device "20"`,
		"trtype:PCIe traddr:0000:0b:00.8":               `function "8"`,
		"trtype:PCIe traddr:0000:100:00.0":              `bus "100"`,
		"trtype:PCIe traddr:nvme0":                      `PCI address "nvme0"`,
		"trtype:PCIe traddr:0000::00.0":                 `"0000::00.0" has an empty part`,
		"trtype:TCP ns:0":                               `namespace id "0"`,
		"trtype:TCP ns:4294967295":                      `namespace id "4294967295"`,
		"trtype:TCP priority:-1":                        `priority "-1"`,
		"trtype:TCP tradr:10.0.0.1":                     `unknown key "tradr"`,
		"trtype:TCP trsvcid:" + strings.Repeat("1", 33): "33 bytes long, 32 are allowed",
		"trtype:TCP subnqn:" + strings.Repeat("n", 224): "224 bytes long, 223 are allowed",
		"trtype:TCP traddr:" + strings.Repeat("a", 257): "257 bytes long, 256 are allowed",
	} {
		got, err := ParseTransportID(in)
		if err == nil {
			t.Errorf("%q: parsed as %+v", in, got)
		} else if !strings.Contains(err.Error(), quote) {
			t.Errorf("%q: %q does not quote %q", in, err, quote)
		}
	}
}

func TestTransportIDEqual(t *testing.T) {
	for _, tt := range []struct {
		a, b TransportID
		want bool
	}{
		{TransportID{Trtype: TrtypePCIe, Traddr: "0b:00.0"}, TransportID{Trtype: TrtypePCIe, Traddr: "0000:0b:00.0", Subnqn: "x"}, true},
		{TransportID{Trtype: TrtypePCIe, Traddr: "0b:00.0"}, TransportID{Trtype: TrtypePCIe, Traddr: "0b:00.1"}, false},
		{TransportID{Trtype: TrtypeTCP, Adrfam: AdrfamIPv6, Traddr: "::1"}, TransportID{Trtype: TrtypeTCP, Adrfam: AdrfamIPv6, Traddr: "0:0::0:1"}, true},
		{TransportID{Trtype: TrtypeTCP, Traddr: "HOST"}, TransportID{Trtype: TrtypeTCP, Traddr: "host"}, true},
		{TransportID{Trtype: TrtypeTCP, Subnqn: "A"}, TransportID{Trtype: TrtypeTCP, Subnqn: "a"}, false},
		{TransportID{Trtype: TrtypeTCP}, TransportID{Trtype: TrtypeRDMA}, false},
		{TransportID{Trtype: TrtypeTCP, Trsvcid: "1"}, TransportID{Trtype: TrtypeTCP, Trsvcid: "2"}, false},
	} {
		if got := tt.a.Equal(tt.b); got != tt.want {
			t.Errorf("%v and %v: %v", tt.a, tt.b, got)
		}
	}
}

func TestNormalizePCIAddress(t *testing.T) {
	for in, want := range map[string]string{
		"0000:0b:00.0": "0000:0b:00.0", "b:0": "0000:0b:00.0", "1.b.1f.7": "0001:0b:1f.7", "10000:5:1.2": "10000:05:01.2",
		"0000:0B:00": "0000:0b:00.0", "5.1.2": "0000:05:01.2", "ff.1f": "0000:ff:1f.0",
	} {
		if got, err := NormalizePCIAddress(in); got != want || err != nil {
			t.Errorf("%q: %q, %v, want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"", ":", "b", "b:0:0:0", "0000:0b.00:0", "+b:0.0", "0x0b:0.0", "b:0.0 ", "100000000:0:0.0"} {
		if got, err := NormalizePCIAddress(in); err == nil {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func FuzzParseTransportID(f *testing.F) {
	f.Add("trtype:PCIe traddr:0000:0b:00.0")
	f.Add("trtype:TCP adrfam:IPv4 traddr:10.0.0.2 trsvcid:4420 subnqn:nqn.2016-06.io.spdk:cnode1 ns:1 priority:3")
	f.Add("trtype=VFIOUSER traddr=/tmp/x alt_traddr:=")
	f.Add("key:\x00:=\t\n")
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseTransportID(s)
		if err != nil {
			return
		}
		again, err := ParseTransportID(id.String())
		if err != nil || again != id {
			t.Errorf("%q printed as %q: %+v, %v", s, id.String(), again, err)
		}
	})
}
