// SPDX-License-Identifier: BSD-3-Clause

package opal

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gospdk/gospdk/internal/sim/opaldrive"
)

var (
	owner  = []byte("owner")
	secret = []byte("user's secret of 27 bytes..")
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wants fails the test unless err is of a status.
func wants(t *testing.T, err error, s Status) {
	t.Helper()
	if !errors.Is(err, s) {
		t.Errorf("got %v, want %v", err, s)
	}
}

func TestLifeOfADrive(t *testing.T) {
	ctx := t.Context()
	sim := opaldrive.NewDrive(1 << 20)
	sim.Slow = 2
	d := New(sim)
	info, err := d.Discover(ctx)
	must(t, err)
	if want := (Info{ComID: 0x7fe, MediaEncryption: true, Align: true, Granularity: 8, Users: 9}); *info != want {
		t.Errorf("discovered %+v, want %+v", *info, want)
	}
	wants(t, d.SetLock(ctx, 0, owner, 1, RWLock), StatusInvalidParameter) // there is no Locking SP yet
	wants(t, d.Activate(ctx, owner), StatusNotAuthorized)
	must(t, d.TakeOwnership(ctx, owner))
	wants(t, d.TakeOwnership(ctx, []byte("another")), StatusNotAuthorized)
	must(t, d.Activate(ctx, owner))
	if err := d.Activate(ctx, owner); err == nil || !strings.Contains(err.Error(), "active already") {
		t.Errorf("activated twice: %v", err)
	}
	n, err := d.MaxRanges(ctx, owner)
	must(t, err)
	if n != opaldrive.Ranges {
		t.Errorf("%d ranges", n)
	}
	must(t, d.SetRange(ctx, owner, 1, 8, 1<<16+8))
	wants(t, d.SetRange(ctx, owner, 2, 3, 8), StatusInvalidParameter) // not aligned
	must(t, d.SetLock(ctx, 0, owner, 1, RWLock))
	want := Range{Start: 8, Length: 1<<16 + 8, ReadLockEnabled: true, WriteLockEnabled: true, ReadLocked: true, WriteLocked: true}
	if r, err := d.Range(ctx, 0, owner, 1); err != nil || r != want {
		t.Errorf("range %+v, %v", r, err)
	}
	if info, err := d.Discover(ctx); err != nil || !info.LockingEnabled || !info.Locked {
		t.Errorf("discovered %+v, %v of a locked drive", info, err)
	}

	wants(t, d.SetLock(ctx, 1, secret, 1, ReadWrite), StatusNotAuthorized)
	must(t, d.EnableUser(ctx, owner, 1))
	must(t, d.SetPassword(ctx, owner, 1, secret))
	wants(t, d.SetLock(ctx, 1, secret, 1, ReadWrite), StatusNotAuthorized) // not its range
	must(t, d.AllowUser(ctx, owner, 1, 1))
	must(t, d.SetLock(ctx, 1, secret, 1, ReadOnly))
	want.ReadLocked = false
	if r, err := d.Range(ctx, 1, secret, 1); err != nil || r != want {
		t.Errorf("range %+v, %v", r, err)
	}
	wants(t, d.SetLock(ctx, 1, owner, 1, ReadWrite), StatusNotAuthorized) // not its password
	wants(t, d.SetRange(ctx, secret, 1, 8, 8), StatusNotAuthorized)
	must(t, d.SetLock(ctx, 0, owner, 1, ReadWrite)) // the admin still may
	must(t, d.NewKey(ctx, owner, 1))
	must(t, d.SetRange(ctx, owner, 0, 0, 0)) // the global range has no place

	sim.Busy = true
	wants(t, d.SetLock(ctx, 0, owner, 1, RWLock), StatusSPBusy)
	sim.Busy = false
	wants(t, d.Revert(ctx, secret), StatusNotAuthorized)
	must(t, d.Revert(ctx, owner))
	wants(t, d.SetLock(ctx, 0, owner, 1, RWLock), StatusInvalidParameter)
	must(t, d.TakeOwnership(ctx, owner)) // as in the beginning
}

func TestPasswordsThatCannotBe(t *testing.T) {
	d := New(opaldrive.NewDrive(100))
	for _, p := range []string{"", strings.Repeat("x", MaxPassword+1)} {
		for what, err := range map[string]error{
			"own": d.TakeOwnership(t.Context(), []byte(p)), "revert": d.Revert(t.Context(), []byte(p)),
			"set": d.SetPassword(t.Context(), owner, 1, []byte(p)), "lock": d.SetLock(t.Context(), 1, []byte(p), 1, RWLock),
		} {
			if !errors.Is(err, ErrPassword) || p != "" && strings.Contains(err.Error(), p) {
				t.Errorf("%s with %q: %v", what, p, err)
			}
		}
	}
}

func TestDriveThatDoesNotAnswer(t *testing.T) {
	sim := opaldrive.NewDrive(100)
	sim.Slow = 1 << 30
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := New(sim).TakeOwnership(ctx, owner); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// TestStartSessionBytes compares a call with what the specification has: Core
// 5.2.3.1, framed as 3.2.3 says.
func TestStartSessionBytes(t *testing.T) {
	link := &recorder{Link: opaldrive.NewDrive(100)}
	must(t, New(link).TakeOwnership(t.Context(), owner))
	tokens := "f8a800000000000000ffa8000000000000ff02f08169a8000002050000000101f1f9f0000000f1"
	want := "0000000007fe0000" + "0000000000000000" + "0000004c" + // ComPacket
		"0000000000000000" + "00000000" + "0000" + "0000" + "00000000" + "00000034" + // Packet
		"000000000000" + "0000" + "00000027" + tokens + "00"
	if got := hex.EncodeToString(link.first[:len(want)/2]); got != want {
		t.Errorf("sent\n%s, want\n%s", got, want)
	}
}

type recorder struct {
	Link
	first []byte
}

func (r *recorder) SecuritySend(ctx context.Context, secp uint8, spsp uint16, nssf uint8, b []byte) error {
	if r.first == nil {
		r.first = bytes.Clone(b)
	}
	return r.Link.SecuritySend(ctx, secp, spsp, nssf, b)
}

func TestDiscoveryOfOthers(t *testing.T) {
	header := func(n int, features string) []byte {
		b := make([]byte, 48)
		b[3] = byte(n - 4)
		f, err := hex.DecodeString(features)
		if err != nil {
			t.Fatal(err)
		}
		return append(append(b, f...), make([]byte, 100)...)
	}
	for _, test := range []struct {
		name string
		b    []byte
		want string
	}{
		{"none", header(48, ""), ErrNotOpal.Error()},
		{"pyrite", header(48+20, "03020010"+strings.Repeat("00", 16)), ErrNotOpal.Error()},
		{"beyond", header(200, ""), "say that they have 200 bytes"},
		{"too few", header(40, ""), "say that they have 40 bytes"},
		{"half a header", header(50, ""), "within the feature at byte 48"},
		{"half a feature", header(60, "02030010"+strings.Repeat("00", 16)), "within the feature at byte 48"},
		{"short feature", header(48+8, "0203000400000000"), "feature 0x0203 with 4 bytes, of 9"},
		{"opal 1", header(48+20, "02000010"+"07fe0001"+strings.Repeat("00", 12)), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			info, err := parseDiscovery(test.b)
			if test.want == "" {
				if err != nil || info.ComID != 0x7fe {
					t.Errorf("%+v, %v", info, err)
				}
			} else if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
	if _, err := parseProtocols([]byte{0, 0, 0, 0, 0, 0, 0, 9, 1}); err == nil {
		t.Error("a list of 9 protocols in 9 bytes was taken")
	}
}

func TestTokens(t *testing.T) {
	var s stream
	for _, n := range []uint64{0, 63, 64, 255, 256, 1 << 16, 1 << 32, 1<<64 - 1} {
		s.number(n)
	}
	s.bytes(bytes.Repeat([]byte{7}, 15))
	s.bytes(bytes.Repeat([]byte{8}, 300))
	s.list(func() { s.name(5, func() { s.list(nil) }) })
	s.token(tokenEmpty)
	items, err := parse(s)
	must(t, err)
	if len(items) != 11 || items[0].num != 0 || items[2].num != 64 || items[6].num != 1<<32 || items[7].num != 1<<64-1 ||
		len(items[8].bytes) != 15 || len(items[9].bytes) != 300 || items[10].items[0].items[0].num != 5 {
		t.Errorf("%+v", items)
	}
	if want := "003f814081ff820100840001000088000000010000000088ffffffffffffffffaf0707"; !strings.HasPrefix(hex.EncodeToString(s), want) {
		t.Errorf("wrote %x, want %s", []byte(s), want)
	}
	for _, bad := range []string{"81", "8901020304050607080a", "d2", "d005", "e2000001", "e200", "90", "40", "f0", "f001", "f1", "f201f3", "f5", "f7", strings.Repeat("f0", 40)} {
		b, _ := hex.DecodeString(bad)
		if items, err := parse(b); err == nil {
			t.Errorf("%s was taken for %+v", bad, items)
		}
	}
	if items, err := parse([]byte{0xe2, 0, 0, 2, 1, 2}); err != nil || len(items) != 1 || len(items[0].bytes) != 2 {
		t.Errorf("a long atom: %+v, %v", items, err)
	}
}

func FuzzAnswer(f *testing.F) {
	sim := opaldrive.NewDrive(100)
	link := &answers{Link: sim, each: func(b []byte) { f.Add(bytes.Clone(b)) }}
	if err := New(link).TakeOwnership(context.Background(), owner); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > bufferSize {
			return
		}
		full := make([]byte, bufferSize)
		copy(full, b)
		if info, err := parseDiscovery(full); err == nil && info == nil {
			t.Error("neither an error nor a result")
		}
		_, _ = parseProtocols(full)
		fixed := &answers{Link: sim, fixed: full}
		s := &session{d: New(fixed), comID: 1}
		results, err := s.exchange(t.Context(), nil)
		if err == nil {
			_ = s.accept(results)
		}
		_, _ = s.get(t.Context(), pinMSID, 3, 8)
	})
}

// answers looks at what a drive answers, or answers for it.
type answers struct {
	Link
	each  func([]byte)
	fixed []byte
}

func (a *answers) SecuritySend(ctx context.Context, secp uint8, spsp uint16, nssf uint8, b []byte) error {
	if a.fixed != nil {
		return nil
	}
	return a.Link.SecuritySend(ctx, secp, spsp, nssf, b)
}

func (a *answers) SecurityReceive(ctx context.Context, secp uint8, spsp uint16, nssf uint8, b []byte) error {
	if a.fixed != nil {
		copy(b, a.fixed)
		clear(b[8:16]) // there is no more to wait for
		return nil
	}
	err := a.Link.SecurityReceive(ctx, secp, spsp, nssf, b)
	if a.each != nil {
		a.each(b)
	}
	return err
}
