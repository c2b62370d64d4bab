// SPDX-License-Identifier: BSD-3-Clause

package tls13

import (
	"bufio"
	"bytes"
	"context"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// openssl is an independent judge of both roles.
func openssl(t *testing.T, args ...string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatal("this test needs the Debian package openssl")
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, path, args...)
	out, err := cmd.StdoutPipe()
	must(t, err)
	cmd.Stderr = &bytes.Buffer{}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(cmd.Stderr)
		}
	})
	return cmd, bufio.NewReader(out)
}

// session is a file with the key: -psk knows keys for SHA-256 only.
func session(t *testing.T, k PSK) string {
	t.Helper()
	der, err := asn1.Marshal(struct {
		Version, TLS          int
		Cipher, ID, MasterKey []byte
	}{1, version13, []byte{byte(k.Suite >> 8), byte(k.Suite)}, []byte{}, k.Secret})
	must(t, err)
	path := filepath.Join(t.TempDir(), "session")
	must(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "SSL SESSION PARAMETERS", Bytes: der}), 0o600))
	return path
}

func TestOpenSSLServer(t *testing.T) {
	for _, groups := range []string{"X25519", "P-256", "P-384"} { // all but the first ask for another key share
		for _, suite := range suites {
			k := testKey(suite)
			cmd, out := openssl(t, "s_server", "-accept", "127.0.0.1:0", "-nocert", "-tls1_3", "-psk_session", session(t, k),
				"-psk_identity", k.Identity, "-ciphersuites", suite.String(), "-groups", groups, "-rev")
			must(t, cmd.Start())
			var addr string
			for addr == "" {
				line, err := out.ReadString('\n')
				must(t, err)
				_, addr, _ = strings.Cut(strings.TrimSpace(line), "ACCEPT ")
			}
			raw, err := net.Dial("tcp", addr)
			must(t, err)
			c := Client(raw, k)
			must(t, c.Handshake())
			_, err = c.Write([]byte("abc\n"))
			must(t, err)
			got := make([]byte, 4)
			_, err = io.ReadFull(c, got)
			if err != nil || string(got) != "cba\n" {
				t.Errorf("%s, %s: %q, %v", groups, suite, got, err)
			}
			must(t, c.Close())
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // it was killed
		}
	}
}

func TestOpenSSLClient(t *testing.T) {
	for _, groups := range []string{"X25519", "P-256", "P-521:P-384"} { // the last is asked for another key share
		for _, suite := range suites {
			k := testKey(suite)
			way := []string{"-psk_session", session(t, k)}
			if suite == AES128SHA256 { // OpenSSL 3.0 gives its second hello a key of this kind only
				way = []string{"-psk", hex.EncodeToString(k.Secret)}
			}
			if suite != AES128SHA256 && strings.Contains(groups, ":") {
				continue
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			must(t, err)
			cmd, out := openssl(t, "s_client", "-connect", l.Addr().String(), "-tls1_3", way[0], way[1],
				"-psk_identity", k.Identity, "-ciphersuites", suite.String(), "-groups", groups, "-quiet")
			in, err := cmd.StdinPipe()
			must(t, err)
			must(t, cmd.Start())
			raw, err := l.Accept()
			must(t, err)
			s := Server(raw, findIn(k))
			must(t, s.Handshake())
			_, err = io.WriteString(in, "K\n") // which s_client without -quiet would take for KeyUpdate
			must(t, err)
			got := make([]byte, 2)
			if _, err = io.ReadFull(s, got); err != nil || string(got) != "K\n" {
				t.Errorf("%s, %s: %q, %v", groups, suite, got, err)
			}
			must(t, s.updateOut())
			_, err = s.Write([]byte("hello\n"))
			must(t, err)
			if line, err := out.ReadString('\n'); err != nil || line != "hello\n" {
				t.Errorf("%s, %s: the client has %q, %v", groups, suite, line, err)
			}
			must(t, s.Close())
			must(t, in.Close())
			_ = cmd.Wait() // it complains that the server was first
			must(t, l.Close())
		}
	}
}
