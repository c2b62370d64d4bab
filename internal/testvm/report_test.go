// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// guestTest is a test that ran in a guest.
type guestTest struct {
	name    string
	verdict string // PASS, FAIL or SKIP; empty if it did not end
	output  []string
	parts   []*guestTest
}

var (
	guestRun     = regexp.MustCompile(`^=== (?:RUN|NAME|CONT|PAUSE) +(\S*)$`)
	guestVerdict = regexp.MustCompile(`^ *--- (PASS|FAIL|SKIP): (\S+) \(.*\)$`)
)

// parseGuestTests reads what a test program prints with -test.v=test2json,
// which marks the lines of the testing package itself.
func parseGuestTests(out string) (all []*guestTest) {
	const marker = "\x16"
	byName := make(map[string]*guestTest)
	find := func(name string) *guestTest {
		x := byName[name]
		if x != nil {
			return x
		}
		x = &guestTest{name: name}
		byName[name] = x
		// The longest test whose name this one begins with is the one that it
		// is part of: names of parts may have slashes.
		for parent := name; ; {
			i := strings.LastIndexByte(parent, '/')
			if i < 0 {
				all = append(all, x)
				return x
			}
			parent = parent[:i]
			if p := byName[parent]; p != nil {
				p.parts = append(p.parts, x)
				return x
			}
		}
	}
	var current *guestTest
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, "\r\n")
		if i := strings.Index(line, marker); i >= 0 {
			framed := line[i+len(marker):]
			if m := guestRun.FindStringSubmatch(framed); m != nil {
				if current = nil; m[1] != "" {
					current = find(m[1])
				}
				continue
			}
			if m := guestVerdict.FindStringSubmatch(framed); m != nil {
				find(m[2]).verdict = m[1]
				continue
			}
		}
		if current != nil {
			current.output = append(current.output, line)
		}
	}
	return all
}

// reportGuestTests makes each test that ran in the guest one of t's.
func reportGuestTests(t *testing.T, r Result) {
	t.Helper()
	all := parseGuestTests(r.Stdout)
	if len(all) == 0 {
		t.Fatalf("no test ran, exit code %d:\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	for _, x := range all {
		x.report(t)
	}
	if r.Code != 0 && !t.Failed() {
		t.Errorf("exit code %d:\n%s%s", r.Code, tail(r.Stdout, 40), tail(r.Stderr, 40))
	}
	if r.Code != 0 {
		t.Logf("standard error ends:\n%s", tail(r.Stderr, 60))
	}
}

func (x *guestTest) report(t *testing.T) {
	name := x.name
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		name = name[i+1:]
	}
	t.Run(name, func(t *testing.T) {
		for _, p := range x.parts {
			p.report(t)
		}
		text := strings.Join(x.output, "\n")
		switch x.verdict {
		case "PASS":
		case "SKIP":
			t.Skip(text)
		case "FAIL":
			if !slices.ContainsFunc(x.parts, func(p *guestTest) bool { return p.verdict == "FAIL" }) || text != "" {
				t.Error(text)
			}
			t.Fail()
		default:
			t.Errorf("it did not end:\n%s", text)
		}
	})
}

func TestParseGuestTests(t *testing.T) {
	const out = "\x16=== RUN   TestA\nfree text\n\x16=== RUN   TestA/one\n    a_test.go:1: bad\n" +
		"\x16=== RUN   TestA/two/deep\n\x16--- FAIL: TestA (0.10s)\n\x16    --- FAIL: TestA/one (0.01s)\n\x16    --- PASS: TestA/two/deep (0.01s)\n" +
		"\x16=== RUN   TestB\n    b_test.go:2: why\n\x16--- SKIP: TestB (0.00s)\nunfinished\x16=== RUN   TestC\npanic: oh\n"
	all := parseGuestTests(out)
	var got []string
	var list func(xs []*guestTest, depth string)
	list = func(xs []*guestTest, depth string) {
		for _, x := range xs {
			got = append(got, depth+x.name+" "+x.verdict+" "+strings.Join(x.output, "|"))
			list(x.parts, depth+">")
		}
	}
	list(all, "")
	want := []string{
		"TestA FAIL free text", ">TestA/one FAIL     a_test.go:1: bad", ">TestA/two/deep PASS ",
		"TestB SKIP     b_test.go:2: why", "TestC  panic: oh",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
