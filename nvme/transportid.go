// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Longest parts of a transport id in bytes.
const (
	MaxTraddrLen  = 256
	MaxTrsvcidLen = 32
	MaxNQNLen     = 223 // section 4.5
)

// DiscoveryNQN is the well known name of a discovery subsystem (section 4.5).
const DiscoveryNQN = "nqn.2014-08.org.nvmexpress.discovery"

// TransportID names a controller, or what to search controllers in, and how to
// reach it. It is comparable; Equal compares what SPDK compares.
type TransportID struct {
	Trtype    TransportType
	Adrfam    AddressFamily
	Traddr    string // PCI address, IP address or host name, or vfio-user directory
	Trsvcid   string // port
	Subnqn    string
	Priority  int    // of the connection, a transport's matter
	Hostaddr  string // address to connect from
	Hostsvcid string // port to connect from
	HostNQN   string
	Ns        uint32 // namespace to use, 0 for all
	AltTraddr string // address to fail over to
}

// ParseTransportID parses a transport id the way that SPDK writes them: keys in
// any case, each followed by ':' or '=' and a value without blanks, with blanks
// between them:
//
//	trtype:PCIe traddr:0000:0b:00.0
//	trtype:TCP adrfam:IPv4 traddr:10.0.0.2 trsvcid:4420 subnqn:nqn.2016-06.io.spdk:cnode1
//
// The keys are trtype, adrfam, traddr, trsvcid, subnqn, priority, hostaddr,
// hostsvcid, hostnqn, ns and alt_traddr. Without trtype the transport is PCIe.
// A PCI address comes back in its full form. The last of a repeated key counts.
// The error quotes the part that is wrong. Unlike SPDK, which passes over a key
// that it does not know, this is an error.
func ParseTransportID(s string) (TransportID, error) {
	t := TransportID{Trtype: TrtypePCIe}
	for rest := strings.Trim(s, blanks); rest != ""; rest = strings.TrimLeft(rest, blanks) {
		var word string
		word, rest = rest, ""
		if i := strings.IndexAny(word, blanks); i >= 0 {
			word, rest = word[:i], word[i:]
		}
		i := strings.IndexAny(word, ":=")
		if i < 0 {
			return TransportID{}, fmt.Errorf("nvme: transport id: %q has no ':' or '=': write key:value", word)
		}
		key, value := word[:i], word[i+1:]
		if value == "" {
			return TransportID{}, fmt.Errorf("nvme: transport id: %q has no value: write key:value without blanks", word)
		}
		if err := t.set(strings.ToLower(key), value); err != nil {
			return TransportID{}, fmt.Errorf("nvme: transport id: %q: %w", word, err)
		}
	}
	if t.Trtype == TrtypePCIe && t.Traddr != "" {
		addr, err := NormalizePCIAddress(t.Traddr)
		if err != nil {
			return TransportID{}, fmt.Errorf("nvme: transport id: \"traddr:%s\": %w", t.Traddr, err)
		}
		t.Traddr = addr
	}
	return t, nil
}

const blanks = " \t\n"

func (t *TransportID) set(key, value string) (err error) {
	switch key {
	case "trtype":
		t.Trtype, err = ParseTransportType(value)
	case "adrfam":
		t.Adrfam, err = ParseAddressFamily(value)
	case "traddr":
		t.Traddr, err = limited(value, MaxTraddrLen)
	case "trsvcid":
		t.Trsvcid, err = limited(value, MaxTrsvcidLen)
	case "subnqn":
		t.Subnqn, err = limited(value, MaxNQNLen)
	case "hostaddr":
		t.Hostaddr, err = limited(value, MaxTraddrLen)
	case "hostsvcid":
		t.Hostsvcid, err = limited(value, MaxTrsvcidLen)
	case "hostnqn":
		t.HostNQN, err = limited(value, MaxNQNLen)
	case "alt_traddr":
		t.AltTraddr, err = limited(value, MaxTraddrLen)
	case "priority":
		var n uint64
		if n, err = strconv.ParseUint(value, 10, 32); err != nil || n > 9999 {
			return fmt.Errorf("priority %q is not a number from 0 to 9999", value)
		}
		t.Priority = int(n)
	case "ns":
		var n uint64
		if n, err = strconv.ParseUint(value, 10, 32); err != nil || n == 0 || n > uint64(NSIDBroadcast)-1 {
			return fmt.Errorf("namespace id %q is not a number from 1 to %d", value, NSIDBroadcast-1)
		}
		t.Ns = uint32(n)
	default:
		return fmt.Errorf("unknown key %q: use trtype, adrfam, traddr, trsvcid, subnqn, priority, hostaddr, hostsvcid, hostnqn, ns or alt_traddr", key)
	}
	return err
}

func limited(value string, most int) (string, error) {
	if len(value) > most {
		return "", fmt.Errorf("%d bytes long, %d are allowed", len(value), most)
	}
	return value, nil
}

// String returns the id in the form that ParseTransportID takes, without the
// parts that are not set.
func (t TransportID) String() string {
	var b strings.Builder
	add := func(key, value string) {
		if value == "" {
			return
		}
		if b.Len() != 0 {
			b.WriteByte(' ')
		}
		b.WriteString(key)
		b.WriteByte(':')
		b.WriteString(value)
	}
	if t.Trtype != 0 {
		add("trtype", t.Trtype.String())
	}
	add("adrfam", t.Adrfam.String())
	add("traddr", t.Traddr)
	add("trsvcid", t.Trsvcid)
	add("subnqn", t.Subnqn)
	if t.Priority != 0 {
		add("priority", strconv.Itoa(t.Priority))
	}
	add("hostaddr", t.Hostaddr)
	add("hostsvcid", t.Hostsvcid)
	add("hostnqn", t.HostNQN)
	if t.Ns != 0 {
		add("ns", strconv.FormatUint(uint64(t.Ns), 10))
	}
	add("alt_traddr", t.AltTraddr)
	return b.String()
}

// Equal reports whether both ids name the same controller: the same transport
// type and, for PCIe, the same device, else the same address family, address,
// port and subsystem NQN. Case counts in the NQN alone. Other parts do not
// matter.
func (t TransportID) Equal(o TransportID) bool {
	if t.Trtype != o.Trtype {
		return false
	}
	if t.Trtype == TrtypePCIe {
		a, err1 := NormalizePCIAddress(t.Traddr)
		b, err2 := NormalizePCIAddress(o.Traddr)
		return err1 == nil && err2 == nil && a == b
	}
	return t.Adrfam == o.Adrfam && sameAddress(t.Adrfam, t.Traddr, o.Traddr) &&
		strings.EqualFold(t.Trsvcid, o.Trsvcid) && t.Subnqn == o.Subnqn
}

// sameAddress compares IP addresses by value: "::1" is "0:0:0:0:0:0:0:1".
func sameAddress(f AddressFamily, a, b string) bool {
	if f == AdrfamIPv4 || f == AdrfamIPv6 {
		x, err1 := netip.ParseAddr(a)
		y, err2 := netip.ParseAddr(b)
		if err1 == nil && err2 == nil {
			return x == y
		}
	}
	return strings.EqualFold(a, b)
}
