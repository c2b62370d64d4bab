// SPDX-License-Identifier: BSD-3-Clause

package dhchap

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// fromNvmeCLI is the example of nvme gen-dhchap-key's page.
const fromNvmeCLI = "DHHC-1:00:ia6zGodOr4SEG0Zzaw398rpY0wqipUWj4jWjUh4HWUz6aQ2n:"

func TestSecrets(t *testing.T) {
	for text, want := range map[string]string{
		"": "form", "DHHC-2:00:x:": "form", "DHHC-1:00:x": "form", "DHHC-1:00:x:y": "form",
		"DHHC-1:04:x:": "hash", "DHHC-1:0:x:": "hash", "DHHC-1:00:x:": "base64", "DHHC-1:00:AAAA:": "bytes",
		"DHHC-1:00:" + strings.Repeat("A", 48) + ":": "checksum",
		fromNvmeCLI[:20] + "A" + fromNvmeCLI[21:]:    "checksum",
	} {
		if _, err := ParseSecret([]byte(text)); err == nil || !strings.Contains(err.Error(), want) || len(text) > 20 && strings.Contains(err.Error(), text[10:20]) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	// SPDK and Linux take a key of 32 bytes with SHA-512, too.
	for _, text := range []string{fromNvmeCLI + "\n", "DHHC-1:03:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh+KfiaR:"} {
		if _, err := ParseSecret([]byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for h := NoHash; h <= SHA512; h++ {
		if s := secret(t, h, 48); s.hash != h || h != NoHash && len(s.key) != h.Size() {
			t.Errorf("%s: %s", h, s)
		}
	}
	for _, n := range []int{0, 33, 128} {
		if _, err := Generate(NoHash, n); err == nil {
			t.Errorf("a key of %d bytes", n)
		}
	}
}

func TestSecretsHide(t *testing.T) {
	s := &Secret{SHA256, bytes.Repeat([]byte{0xab}, 32)}
	for _, f := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if got := fmt.Sprintf(f, s); strings.Contains(got, "abab") || strings.Contains(got, "171") {
			t.Errorf("%s shows %s", f, got)
		}
	}
	s.Wipe()
	if !zero(s.key) {
		t.Errorf("the key is still there: %x", s.key)
	}
	(*Secret)(nil).Wipe()
}

// TestResponses compares with what Python's hmac makes of the specification's
// formulas (8.13.5.4).
func TestResponses(t *testing.T) {
	key := make([]byte, 32)
	for i := range key {
		key[i] = byte(i)
	}
	for h, want := range map[Hash][3]string{
		SHA256: {"bdc311b6189a84ee30ff4747857b195a9da032bc1889dac17081a6de1df17c58", "2b04dda040a0435c95364653cf9507132a39076130d33dd2e6e42688a108cd88",
			"03ba63f5ff9c6feb8939abe02d0dcc9d86f771f4108793fc91c19c62565b4f68"},
		SHA384: {"a291be736bdeb2f62fcb85d1f1e2702890144f419d1202f1e0ababdf7a992dae79bf872b2414a876681362c735ae7b11",
			"b341c7e7f3cffc76e580adf03c770ae913a6b2ca9be6c078b6c3d8d136a9caf565ca171d5bc536b19cc7b497a73a9995",
			"a78561b070da770fcaf66bbf4b5b377bf41b9e1066b4c136cdffb20b2fb34ff717a4b6b989870aaa5266f33cc322f7a2"},
		SHA512: {"2eecf4db8cdab4263f87db12fe8ac2b8eff5bf9e0b08a21e450da4e401e29a1613f386f1dbd34df4811e566811886985c97330dd38588c22785fab4806803279",
			"b450eb6010ce7d564c4f8986706a135bb9a0355988bffe0d71e9dd9ab287c7648eab5904eb9ce2bd88f776c68c00dbf360fdbdf1de58d6ce617c23bb26f59f00",
			"63939efd20527fbc9da412ef348e7c2b124700ff588e68aa1b00435d04b9b31c8be9d569245467d3df5b77035b977fe634bbd87eeffdf7a3fc6b68cc854f38bc"},
	} {
		value := make([]byte, h.Size())
		for i := range value {
			value[i] = byte(0xa0 + i)
		}
		x := exchange{id: 0x1122, hash: h, host: hostNQN, subsys: subsysNQN}
		plain := x.hostResponse(&Secret{h, key}, value, 0x01020304)
		x.session = bytes.Repeat([]byte{7}, 256)
		bound := x.hostResponse(&Secret{h, key}, value, 0x01020304)
		x.session, x.id = nil, 6
		controller := x.controllerResponse(&Secret{NoHash, key}, value, 5)
		for i, got := range [][]byte{plain, bound, controller} {
			if hex.EncodeToString(got) != want[i] {
				t.Errorf("%s, response %d: %x, want %s", h, i, got, want[i])
			}
		}
	}
}

// TestPrimes compares the primes with those of OpenSSL, by their SHA-256.
func TestPrimes(t *testing.T) {
	for g, want := range primeDigests {
		d := sha256.Sum256(g.prime().Bytes())
		if got := hex.EncodeToString(d[:]); got != want {
			t.Errorf("%s: SHA-256 %s, want %s", g, got, want)
		}
	}
}

func TestWeakPublicValues(t *testing.T) {
	for _, g := range AllGroups[1:] {
		k := newPrivate(g)
		p, n := g.prime(), g.size()
		last := p.FillBytes(make([]byte, n))
		last[n-1]--
		for name, public := range map[string][]byte{
			"0": make([]byte, n), "1": append(make([]byte, n-1), 1), "p-1": last, "p": p.FillBytes(make([]byte, n)),
			"2^b-1": bytes.Repeat([]byte{255}, n), "short": make([]byte, 8), "none": nil,
		} {
			if _, err := k.shared(public); err == nil {
				t.Errorf("%s: %s was taken as a public value", g, name)
			}
		}
		k.wipe()
		if !zero(k.x) {
			t.Errorf("%s: the exponent is still there", g)
		}
	}
}

func TestSequence(t *testing.T) {
	sequence().Store(0xffffffff)
	if a, b := nextSequence(), nextSequence(); a != 1 || b != 2 {
		t.Errorf("after the greatest come %d and %d, want 1 and 2", a, b)
	}
}

func FuzzParseSecret(f *testing.F) {
	f.Add([]byte(fromNvmeCLI))
	f.Add([]byte("DHHC-1:03::"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if s, err := ParseSecret(text); err == nil && (s.hash > SHA512 || len(s.key) < 32 || len(s.key) > 64) {
			t.Errorf("%q: %s, hash %s", text, s, s.hash)
		}
	})
}
