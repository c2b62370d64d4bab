// SPDX-License-Identifier: BSD-3-Clause

package sock

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/tls13"
)

// TestCryptoInfo compares with linux/tls.h, on a machine with its byte order.
func TestCryptoInfo(t *testing.T) {
	k := tls13.Keys{Key: bytes.Repeat([]byte{0xaa}, 16), IV: [12]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, Seq: 0x0102}
	want := "0403" + "3300" + "05060708090a0b0c" + strings.Repeat("aa", 16) + "01020304" + "0000000000000102"
	if got := hex.EncodeToString(cryptoInfo(&k)); got != want {
		t.Errorf("AES-128: %s, want %s", got, want)
	}
	k.Key = bytes.Repeat([]byte{0xbb}, 32)
	want = "0403" + "3400" + "05060708090a0b0c" + strings.Repeat("bb", 32) + "01020304" + "0000000000000102"
	if got := hex.EncodeToString(cryptoInfo(&k)); got != want {
		t.Errorf("AES-256: %s, want %s", got, want)
	}
}

func TestControlRecords(t *testing.T) {
	for _, test := range []struct {
		kind byte
		p    []byte
		want string
	}{
		{recordAlert, []byte{1, 0}, io.EOF.Error()},
		{recordAlert, []byte{2, 20}, "TLS alert 20"},
		{recordAlert, []byte{2}, "TLS record of type 21 with 1 bytes"},
		{recordHandshake, []byte{4, 0, 0, 9}, ErrAgain.Error()},
		{recordHandshake, []byte{24, 0, 0, 1, 0}, "TLS message 24"},
		{recordHandshake, nil, "TLS record of type 22 with 0 bytes"},
		{0, nil, "TLS record of type 0"},
	} {
		if err := control(test.kind, test.p); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("type %d %x: %v, want %s", test.kind, test.p, err, test.want)
		}
	}
}

// TestProtect has both ends of a connection be protected by the kernel, where
// it can, or by goroutines; the other end is always this process's.
func TestProtect(t *testing.T) {
	for _, suite := range []tls13.Suite{tls13.AES128SHA256, tls13.AES256SHA384} {
		for _, kernel := range []bool{true, false} {
			c, peer := pair(t)
			key := tls13.PSK{Identity: "id", Secret: bytes.Repeat([]byte{7}, 32), Suite: suite}
			client := tls13.Client(peer, key)
			end := make(chan error, 1)
			go func() { end <- client.Handshake() }()
			raw, err := c.Blocking()
			if err != nil {
				t.Fatal(err)
			}
			server := tls13.Server(raw, func(string) (tls13.PSK, bool) { return key, true })
			if err := errors.Join(server.Handshake(), <-end); err != nil {
				t.Fatal(err)
			}
			byKernel, err := c.Protect(server, kernel)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s: asked for the kernel: %v, protected by it: %v", suite, kernel, byKernel)
			if byKernel && !kernel {
				t.Error("the kernel protects what it was not to")
			}
			exchange(t, c, client)
			c.Close()
			if _, err := client.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("%s, kernel %v: %v at the end", suite, kernel, err)
			}
			client.Close()
		}
	}
}

// exchange sends data both ways.
func exchange(t *testing.T, c *Conn, peer io.ReadWriter) {
	t.Helper()
	var v Vector
	want := bytes.Repeat([]byte("plain"), 100_000)
	go func() { _, _ = peer.Write(want) }()
	var got []byte
	buf := make([]byte, 1<<16)
	for end := time.Now().Add(patience); len(got) < len(want); {
		n, err := c.Readv(&v, [][]byte{buf})
		if err == ErrAgain && time.Now().Before(end) {
			pause(c, unix.POLLIN)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, buf[:n]...)
	}
	if !bytes.Equal(got, want) {
		t.Error("other data came")
	}
	var writer sync.WaitGroup
	writer.Go(func() {
		for rest := want; len(rest) > 0; {
			n, err := c.Writev(&v, [][]byte{rest[:min(len(rest), 1000)], rest[min(len(rest), 1000):]})
			if err == ErrAgain {
				pause(c, unix.POLLOUT)
				continue
			}
			if err != nil {
				return
			}
			rest = rest[n:]
		}
	})
	defer writer.Wait()
	got = make([]byte, len(want))
	if _, err := io.ReadFull(peer, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v, or other data went", err)
	}
}

func pause(c *Conn, events int16) {
	_, _ = unix.Poll([]unix.PollFd{{Fd: int32(c.fd), Events: events}}, 1000)
}
