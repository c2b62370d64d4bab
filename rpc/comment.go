// SPDX-License-Identifier: BSD-3-Clause

package rpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// StripComments returns JSON without its comments (// to the end of the line,
// and /* */), which configuration files may have. They become spaces, so that
// positions stay.
func StripComments(file []byte) ([]byte, error) {
	out := bytes.Clone(file)
	for i := 0; i < len(out); i++ {
		switch {
		case out[i] == '"':
			for i++; i < len(out) && out[i] != '"'; i++ {
				if out[i] == '\\' {
					i++
				}
			}
		case bytes.HasPrefix(out[i:], []byte("//")):
			for ; i < len(out) && out[i] != '\n' && out[i] != '\r'; i++ {
				out[i] = ' '
			}
		case bytes.HasPrefix(out[i:], []byte("/*")):
			n := bytes.Index(out[i+2:], []byte("*/"))
			if n < 0 {
				return nil, fmt.Errorf("%s: the comment has no end", position(file, i))
			}
			for end := i + 2 + n + 2; i < end; i++ {
				if out[i] != '\n' {
					out[i] = ' '
				}
			}
			i--
		}
	}
	return out, nil
}

// UnmarshalFile is json.Unmarshal for files: errors say line and column.
func UnmarshalFile(file []byte, v any) error {
	err := json.Unmarshal(file, v)
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("%s: %w", position(file, int(syntax.Offset)-1), err)
	case errors.As(err, &wrong):
		return fmt.Errorf("%s: %s is a %s: it must be %s", position(file, int(wrong.Offset)-1), wrong.Field, wrong.Value, wrong.Type)
	}
	return err
}

// position names a byte of a file for people.
func position(file []byte, at int) string {
	at = max(0, min(at, len(file)))
	line := 1 + bytes.Count(file[:at], []byte("\n"))
	column := at - bytes.LastIndexByte(file[:at], '\n')
	return fmt.Sprintf("line %d, column %d", line, column)
}
