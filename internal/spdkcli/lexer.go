// SPDX-License-Identifier: BSD-3-Clause

package spdkcli

import (
	"errors"
	"strings"
)

// word is a part of a line between spaces, without quotes and backslashes.
type word struct {
	text  string
	start int // offset in the line
	// name is what stands before an equals sign outside quotes, if that is a
	// name. named tells "=x" and "x" apart.
	name  string
	named bool
}

// value returns what stands behind the equals sign, or everything.
func (w word) value() string {
	if w.named {
		return w.text[len(w.name)+1:]
	}
	return w.text
}

var errOpenQuote = errors.New("a quotation has no end: add the closing quote, or another backslash")

// lexer divides a line as a shell does: by spaces, with quotes and backslashes.
type lexer struct {
	words   []word
	text    strings.Builder
	current word
	in      bool // a word has begun
	plain   bool // nothing of the word is quoted so far
	quote   byte
	escaped bool
}

// split returns the words of a line. With errOpenQuote it returns them as if
// the line ended with what is missing.
func split(line string) ([]word, error) {
	var l lexer
	for i, c := range []byte(line) {
		l.take(i, c)
	}
	var err error
	if l.quote != 0 || l.escaped {
		err = errOpenQuote
	}
	l.end()
	return l.words, err
}

func (l *lexer) take(at int, c byte) {
	switch {
	case l.escaped:
		if l.escaped = false; l.quote == '"' && c != '"' && c != '\\' {
			l.text.WriteByte('\\')
		}
		l.text.WriteByte(c)
	case l.quote != 0 && c == l.quote:
		l.quote = 0
	case c == '\\' && l.quote != '\'':
		l.begin(at)
		l.escaped, l.plain = true, false
	case l.quote != 0:
		l.text.WriteByte(c)
	case c == '"' || c == '\'':
		l.begin(at)
		l.quote, l.plain = c, false
	case c == ' ' || c == '\t' || c == '\r' || c == '\n':
		l.end()
	default:
		l.begin(at)
		if c == '=' && l.plain && !l.current.named && isName(l.text.String()) {
			l.current.name, l.current.named = l.text.String(), true
		}
		l.text.WriteByte(c)
	}
}

func (l *lexer) begin(at int) {
	if !l.in {
		l.in, l.plain, l.current = true, true, word{start: at}
	}
}

func (l *lexer) end() {
	if !l.in {
		return
	}
	l.current.text = l.text.String()
	l.words = append(l.words, l.current)
	l.text.Reset()
	l.in = false
}

// isName tells whether s can be the name of a parameter. Dots lead to members
// of parameters that are objects.
func isName(s string) bool {
	for _, c := range []byte(s) {
		if !(c == '_' || c == '-' || c == '.' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
			return false
		}
	}
	return s != ""
}

// quoted returns s as a word of a line.
func quoted(s string) string {
	if s == "" {
		return `""`
	}
	return escape(s)
}

// escape puts backslashes before what would end or change a word.
func escape(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if strings.IndexByte(" \t\r\n\"'\\", c) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}

// statement is a line: [PATH] [COMMAND] [VALUE | NAME=VALUE]...
type statement struct {
	path    string // empty: where one is
	command string
	args    []word
}

// parse reads a line. Without a command it goes to the path, like cd.
func parse(line string) (statement, error) {
	if strings.HasPrefix(strings.TrimSpace(line), "#") {
		return statement{}, nil
	}
	words, err := split(line)
	if err != nil {
		return statement{}, err
	}
	return arrange(words), nil
}

// arrange tells path, command and arguments apart.
func arrange(words []word) (s statement) {
	if len(words) > 0 && isPath(words[0]) {
		s.path, words = words[0].text, words[1:]
	}
	switch {
	case len(words) > 0:
		s.command, s.args = words[0].text, words[1:]
	case s.path != "":
		s.command, s.args, s.path = "cd", []word{{text: s.path}}, ""
	}
	return s
}

// isPath tells paths from commands, whose names have no slash.
func isPath(w word) bool {
	return !w.named && (strings.Contains(w.text, "/") || w.text == "." || w.text == ".." || w.text == "*")
}

// Join makes a line of the arguments of a program. The first is read as it
// stands; in others, spaces are part of a value unless it has quotes itself, as
// it must have for spdkcli.
func Join(args []string) string {
	words := make([]string, len(args))
	for i, a := range args {
		switch {
		case i == 0 || strings.ContainsAny(a, `"'`):
			words[i] = a
		case strings.ContainsAny(a, " \t\r\n\\") || a == "":
			if name, value, ok := strings.Cut(a, "="); ok && isName(name) {
				words[i] = name + "=" + quoted(value)
			} else {
				words[i] = quoted(a)
			}
		default:
			words[i] = a
		}
	}
	return strings.Join(words, " ")
}
