// SPDX-License-Identifier: BSD-3-Clause

package tls13

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

const limit = 20 * time.Second

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func testKey(s Suite) PSK {
	return PSK{Identity: fmt.Sprintf("NVMe0 %s", s), Secret: bytes.Repeat([]byte{byte(s), 7}, 16), Suite: s}
}

var suites = []Suite{AES128SHA256, AES256SHA384}

// findIn finds keys in a list.
func findIn(keys ...PSK) Find {
	return func(id string) (PSK, bool) {
		for _, k := range keys {
			if k.Identity == id {
				return k, true
			}
		}
		return PSK{}, false
	}
}

// pipe is a connection whose ends wait for nobody but at most limit.
func pipe(t testing.TB) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	client, err = net.Dial("tcp", l.Addr().String())
	must(t, err)
	server, err = l.Accept()
	must(t, err)
	for _, c := range []net.Conn{client, server} {
		must(t, c.SetDeadline(time.Now().Add(limit)))
		t.Cleanup(func() { c.Close() })
	}
	return client, server
}

// shake connects both ends and returns how that ended for each.
func shake(c, s *Conn) (client, server error) {
	done := make(chan error, 1)
	go func() {
		err := s.Handshake()
		if err != nil {
			s.raw.Close()
		}
		done <- err
	}()
	client = c.Handshake()
	if client != nil {
		c.raw.Close()
	}
	return client, <-done
}

func TestData(t *testing.T) {
	for _, suite := range suites {
		t.Run(suite.String(), func(t *testing.T) {
			a, b := pipe(t)
			k, other := testKey(suite), PSK{Identity: "unknown", Secret: []byte("x"), Suite: AES128SHA256}
			c, s := Client(a, other, k), Server(b, findIn(k))
			cErr, sErr := shake(c, s)
			must(t, errors.Join(cErr, sErr))
			if c.Key().Identity != k.Identity || s.Key().Identity != k.Identity {
				t.Errorf("keys %q and %q", c.Key().Identity, s.Key().Identity)
			}
			for _, way := range []struct{ from, to *Conn }{{c, s}, {s, c}} {
				data := make([]byte, 100_000)
				_, _ = rand.Read(data)
				var writing sync.WaitGroup
				writing.Go(func() {
					for p := data; len(p) > 0; {
						n := min(len(p), 20_001)
						if _, err := way.from.Write(p[:n]); err != nil {
							t.Error(err)
						}
						p = p[n:]
						if err := way.from.updateOut(); err != nil { // new keys in between
							t.Error(err)
						}
					}
				})
				got := make([]byte, len(data))
				_, err := io.ReadFull(way.to, got)
				must(t, err)
				if !bytes.Equal(got, data) {
					t.Error("the data are others")
				}
				writing.Wait()
			}
			must(t, c.Close())
			if n, err := s.Read(make([]byte, 1)); n != 0 || err != io.EOF {
				t.Errorf("after close_notify: %d, %v", n, err)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	k := testKey(AES128SHA256)
	wrong := k
	wrong.Secret = []byte("something else, and of another length")
	for name, r := range map[string]struct {
		client []PSK
		server []PSK
		words  string
	}{
		"unknown": {[]PSK{k}, nil, "unknown PSK identity"},
		"wrong":   {[]PSK{wrong}, []PSK{k}, "decrypt error"},
		"suite":   {[]PSK{{k.Identity, k.Secret, AES256SHA384}}, []PSK{k}, "unknown PSK identity"},
	} {
		a, b := pipe(t)
		client, server := shake(Client(a, r.client...), Server(b, findIn(r.server...)))
		if server == nil || !strings.Contains(server.Error(), r.words) {
			t.Errorf("%s: the server says %v", name, server)
		}
		if client == nil || !strings.Contains(client.Error(), "the peer says: "+r.words) {
			t.Errorf("%s: the client says %v", name, client)
		}
	}
	a, _ := pipe(t)
	if err := Client(a).Handshake(); err == nil {
		t.Error("a client without a key")
	}
}

// tamper changes one byte of what goes through it.
type tamper struct {
	net.Conn
	at int // byte to change
}

func (c *tamper) Write(p []byte) (int, error) {
	if c.at >= 0 && c.at < len(p) {
		p = bytes.Clone(p)
		p[c.at] ^= 1
	}
	c.at -= len(p)
	return c.Conn.Write(p)
}

// TestTampered changes each byte that either side says: no handshake succeeds
// on both sides with it, but for bytes that mean nothing.
func TestTampered(t *testing.T) {
	k := testKey(AES128SHA256)
	for at := range 700 {
		for _, ofClient := range []bool{true, false} {
			a, b := pipe(t)
			if ofClient {
				a = &tamper{a, at}
			} else {
				b = &tamper{b, at}
			}
			deadline := time.Now().Add(200 * time.Millisecond) // of ends that wait for more
			must(t, errors.Join(a.SetDeadline(deadline), b.SetDeadline(deadline)))
			c, s := Client(a, k), Server(b, findIn(k))
			client, server := shake(c, s)
			if client == nil && server == nil && at > 2 {
				if _, err := c.Write([]byte("x")); err != nil {
					continue
				}
				p := make([]byte, 1)
				if _, err := s.Read(p); err == nil && p[0] != 'x' {
					t.Errorf("byte %d: %q was read", at, p)
				}
			}
			a.Close()
			b.Close()
		}
	}
}

// script is a connection that says what it was made with.
type script struct {
	net.Conn
	*bytes.Reader
}

func (s script) Read(p []byte) (int, error)  { return s.Reader.Read(p) }
func (s script) Write(p []byte) (int, error) { return len(p), nil }

func FuzzServer(f *testing.F) {
	k := testKey(AES128SHA256)
	var hello bytes.Buffer
	c := Client(recorder{&hello}, k)
	_ = c.Handshake()
	f.Add(hello.Bytes())
	f.Fuzz(func(t *testing.T, p []byte) {
		if err := Server(script{Reader: bytes.NewReader(p)}, findIn(k)).Handshake(); err == nil {
			t.Error("a handshake without an answer to ours")
		}
	})
}

func FuzzClient(f *testing.F) {
	h := &serverHello{suite: AES128SHA256, share: share{groupX25519, make([]byte, 32)}}
	f.Add(append([]byte{typeHandshake, 3, 3, 0, byte(len(h.marshal()))}, h.marshal()...))
	f.Fuzz(func(t *testing.T, p []byte) {
		if err := Client(script{Reader: bytes.NewReader(p)}, testKey(AES128SHA256)).Handshake(); err == nil {
			t.Error("a handshake without the key")
		}
	})
}

func FuzzRecords(f *testing.F) {
	f.Add([]byte{msgKeyUpdate, 0, 0, 1, 1}, uint8(typeHandshake))
	f.Fuzz(func(t *testing.T, p []byte, kind uint8) {
		var sent bytes.Buffer
		k := testKey(AES128SHA256)
		out := Client(recorder{&sent}, k)
		out.suite = suiteOf(k.Suite)
		out.out.set(out.suite, k.Secret)
		for len(p) > 0 {
			n := min(len(p), maxPlain)
			must(t, out.writeRecord(kind, p[:n]))
			p = p[n:]
		}
		in := Client(script{Reader: bytes.NewReader(sent.Bytes())}, k)
		in.suite = out.suite
		in.in.set(in.suite, k.Secret)
		_, _ = io.Copy(io.Discard, in)
	})
}

// recorder keeps what is written, and has nothing to read.
type recorder struct{ b *bytes.Buffer }

func (r recorder) Read([]byte) (int, error)         { return 0, io.EOF }
func (r recorder) Write(p []byte) (int, error)      { return r.b.Write(p) }
func (recorder) Close() error                       { return nil }
func (recorder) LocalAddr() net.Addr                { return nil }
func (recorder) RemoteAddr() net.Addr               { return nil }
func (recorder) SetDeadline(time.Time) error        { return nil }
func (recorder) SetReadDeadline(time.Time) error    { return nil }
func (recorder) SetWriteDeadline(t time.Time) error { return nil }

func TestAllocs(t *testing.T) {
	a, b := pipe(t)
	k := testKey(AES128SHA256)
	c, s := Client(a, k), Server(b, findIn(k))
	cErr, sErr := shake(c, s)
	must(t, errors.Join(cErr, sErr))
	p := make([]byte, 4096)
	n := testing.AllocsPerRun(100, func() {
		if _, err := c.Write(p); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(s, p); err != nil {
			t.Fatal(err)
		}
	})
	if n > 0 {
		t.Errorf("%v allocations for 4 KiB", n)
	}
}
