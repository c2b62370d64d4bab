// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
)

// script carries out standard input, a call in each line, over one
// connection. Lines that begin with # are left out. It ends at the first
// error.
func (s *rpcSession) script(ctx context.Context) error {
	const longest = 1 << 20
	lines := bufio.NewScanner(s.in)
	lines.Buffer(nil, longest)
	for n := 1; lines.Scan(); n++ {
		words, err := splitWords(lines.Text())
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if err := s.line(ctx, words); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return lines.Err()
}

// line carries out one line with the options of the command itself.
func (s *rpcSession) line(ctx context.Context, words []string) error {
	if strings.HasPrefix(words[0], "-") {
		return usagef("%s: a line begins with a method", words[0])
	}
	one := *s
	one.in, one.params = strings.NewReader(""), ""
	root, err := one.tree()
	if err != nil {
		return err
	}
	one.address, one.timeout = s.address, s.timeout
	defer func() { s.c = one.c }()
	root.SetArgs(joinShort(words))
	return root.ExecuteContext(ctx)
}

// splitWords splits a line as a shell does: by spaces, with quotes and
// backslashes.
func splitWords(line string) (words []string, err error) {
	var word strings.Builder
	var quote byte
	in, escaped := false, false
	for _, c := range []byte(line) { // what is no UTF-8 stays as it is
		switch {
		case escaped:
			escaped = false
			if quote == '"' && c != '"' && c != '\\' {
				word.WriteByte('\\')
			}
			word.WriteByte(c)
		case c == '\\' && quote != '\'':
			escaped, in = true, true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(c)
		case c == '"' || c == '\'':
			quote, in = c, true
		case c == ' ' || c == '\t' || c == '\r':
			if in {
				words = append(words, word.String())
				word.Reset()
				in = false
			}
		default:
			word.WriteByte(c)
			in = true
		}
	}
	if quote != 0 || escaped {
		return nil, errors.New("a quotation has no end")
	}
	if in {
		words = append(words, word.String())
	}
	return words, nil
}
