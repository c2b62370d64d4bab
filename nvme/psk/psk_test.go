// SPDX-License-Identifier: BSD-3-Clause

package psk

import (
	"bytes"
	"strings"
	"testing"
)

const (
	// fromSPDK is a key that SPDK's tests use.
	fromSPDK = "NVMeTLSkey-1:01:VRLbtnN9AQb2WXW3c9+wEf/DRLz0QuLdbYvEhwtdWwNf9LrZ:"
)

func TestParse(t *testing.T) {
	for text, words := range map[string]string{
		"": "form", "NVMeTLSkey-1:01:x": "form", "NVMeTLSkey-2:01:x:": "form", "NVMeTLSkey-1:03:x:": "hash",
		"NVMeTLSkey-1:1:x:": "form", "NVMeTLSkey-1:zz:x:": "hash", "NVMeTLSkey-1:01:x:": "base64", "NVMeTLSkey-1:01:AAAA:": "bytes",
		strings.Replace(fromSPDK, ":01:", ":02:", 1): "48 for hash 02",
		strings.Replace(fromSPDK, "VRL", "VRM", 1):   "checksum",
		fromSPDK + strings.Repeat("A", maxText):      "characters",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%q: %v", text, err)
		}
	}
	k, err := Parse([]byte(" " + fromSPDK + "\n"))
	if err != nil || k.String() != fromSPDK || k.Hash() != SHA256 {
		t.Errorf("%v, %v", k, err)
	}
	for _, h := range []Hash{None, SHA256, SHA384} {
		k := Generate(h)
		back, err := Parse([]byte(k.String()))
		if err != nil || !bytes.Equal(back.secret, k.secret) || back.SHA384() != (h == SHA384) {
			t.Errorf("%s: %v", h, err)
		}
	}
}

// The digests are those of libnvme's tests.
func TestTLS(t *testing.T) {
	const host, sub = "nqn.psk-test-host", "nqn.psk-test-subsys"
	for text, digest := range map[string]string{
		fromSPDK: "iSbjiStwJ/1TrTvDlt2fjFmzvsytOJelidNnA+X5lEU=",
		"NVMeTLSkey-1:02:VRLbtnN9AQb2WXW3c9+wEf/DRLz0QuLdbYvEhwtdWwP/w0S89ELi3W2LxIcLXVsDn8kXZQ==:": "QhW2+Rp6RzHlNtCslyRxMnwJ11tKKhz8JCAQpQ+XUD8f9td1VeH5h53yz2wKJG1a",
	} {
		k, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		r := "R01 "
		if k.SHA384() {
			r = "R02 "
		}
		id0, secret0, err := k.TLS(host, sub, 0)
		if err != nil || id0 != "NVMe0"+r+host+" "+sub {
			t.Errorf("version 0: %q, %v", id0, err)
		}
		id1, secret1, err := k.TLS(host, sub, 1)
		if err != nil || id1 != "NVMe1"+r+host+" "+sub+" "+digest || bytes.Equal(secret0, secret1) {
			t.Errorf("version 1: %q, %v", id1, err)
		}
		for _, id := range []string{id0, id1} {
			got, err := ParseIdentity(id)
			if err != nil || got.HostNQN != host || got.SubNQN != sub || got.SHA384 != k.SHA384() {
				t.Errorf("%q: %+v, %v", id, got, err)
			}
		}
		if _, _, err := k.TLS(host, strings.Repeat("x", 300), 0); err == nil {
			t.Error("an identity of more than 255 bytes")
		}
		if _, _, err := k.TLS(host, sub, 2); err == nil {
			t.Error("version 2")
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(fromSPDK)
	f.Add("NVMe0R01 a b")
	f.Fuzz(func(t *testing.T, text string) {
		if k, err := Parse([]byte(text)); err == nil {
			if again, err := Parse([]byte(k.String())); err != nil || !bytes.Equal(again.secret, k.secret) {
				t.Errorf("%q: %v", text, err)
			}
		}
		if id, err := ParseIdentity(text); err == nil && !strings.Contains(text, id.HostNQN) {
			t.Errorf("%q: %+v", text, id)
		}
	})
}
