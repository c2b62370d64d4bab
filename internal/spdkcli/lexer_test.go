// SPDX-License-Identifier: BSD-3-Clause

package spdkcli

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// form writes a statement for comparison.
func (s statement) form() string {
	b := s.path + "|" + s.command
	for _, a := range s.args {
		if a.named {
			b += fmt.Sprintf("|%s=>%s", a.name, a.value())
		} else {
			b += "|" + a.value()
		}
	}
	return b
}

func TestParse(t *testing.T) {
	for line, want := range map[string]string{
		"":                                   "|",
		"  # a comment /x ls":                "|",
		"ls":                                 "|ls",
		"/bdevs/malloc create 32 512 name=M": "/bdevs/malloc|create|32|512|name=>M",
		"vhost/block create a b":             "vhost/block|create|a|b",
		"..":                                 "|cd|..",
		"/bdevs":                             "|cd|/bdevs",
		". ls":                               ".|ls",
		`create r 0 "A B" 4`:                 "|create|r|0|A B|4",
		`create base_bdevs="A B" x='c "d"'`:  `|create|base_bdevs=>A B|x=>c "d"`,
		`create "a=b" \a=b a\=b =c`:          `|create|a=b|a=b|a=b|=c`,
		"create filename=/tmp/x a=b=c e=":    "|create|filename=>/tmp/x|a=>b=c|e=>",
		`"/iscsi/target nodes" ls`:           "/iscsi/target nodes|ls",
		"/a/* show_details":                  "/a/*|show_details",
		"* show_details":                     "*|show_details",
		"x  \t y\r\n":                        "|x|y",
		`x "a\"b\\c\d"`:                      `|x|a"b\c\d`,
	} {
		st, err := parse(line)
		if err != nil || st.form() != want {
			t.Errorf("%q: %s, %v; want %s", line, st.form(), err, want)
		}
	}
	for _, line := range []string{`a "b`, `a 'b`, `a \`} {
		if _, err := parse(line); err == nil {
			t.Errorf("%q is taken", line)
		}
	}
}

func TestJoin(t *testing.T) {
	for want, args := range map[string][]string{
		"/bdevs/malloc|create|32|512":        {"/bdevs/malloc create 32 512"},
		"/bdevs/malloc|create|32|512|M":      {"/bdevs/malloc create", "32", "512", "M"},
		"|create|A B|4":                      {"create", "A B", "4"},
		"|create|A B|5":                      {"create", `"A B"`, "5"}, // as spdkcli.py must have it
		"|create|base_bdevs=>A B":            {"create", "base_bdevs=A B"},
		"|create|base_bdevs=>C D":            {"create", `base_bdevs="C D"`},
		`|create||a\b`:                       {"create", "", `a\b`},
		"/iscsi/portal_groups|create|1|a b":  {"/iscsi/portal_groups", "create", "1", "a b"},
		"/iscsi/target_nodes|add|lun 1=x, y": {"/iscsi/target_nodes", "add", "lun 1=x, y"},
	} {
		st, err := parse(Join(args))
		if err != nil || st.form() != want {
			t.Errorf("%q: %s, %v; want %s", args, st.form(), err, want)
		}
	}
}

// FuzzParse also checks that what quoted writes is read as it was, and that
// words lie in the line where they are said to.
func FuzzParse(f *testing.F) {
	f.Add(`/bdevs/raid_volume create r 0 "Malloc1 Malloc2" strip_size_kb=4 'a' \b`)
	f.Add("\xff=\\\"' \x00")
	f.Fuzz(func(t *testing.T, line string) {
		words, err := split(line)
		at := -1
		for _, w := range words {
			if w.start <= at || w.start >= len(line) || len(w.text) > len(line)-w.start || len(w.value()) > len(w.text) {
				t.Fatalf("%q has %+v after %d", line, words, at)
			}
			at = w.start
		}
		if err != nil {
			return
		}
		var again []string
		for _, w := range words {
			again = append(again, quoted(w.text))
		}
		second, err := split(strings.Join(again, " "))
		same := func(a, b word) bool { return a.text == b.text }
		if err != nil || !slices.EqualFunc(words, second, same) {
			t.Fatalf("%q: %+v became %+v, %v", line, words, second, err)
		}
		if _, err := parse(line); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
	})
}
