// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/peterh/liner"
)

// historyFile keeps entered lines between runs. Several programs may add to it
// at the same time.
type historyFile struct{ f *os.File }

// historyPath is where the XDG base directories have such files.
func historyPath() (string, error) {
	dir := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(dir) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(dir, "gospdk", "cli_history"), nil
}

// openHistory returns the lines of former runs, and where to add to them.
func openHistory() (*historyFile, []string, error) {
	path, err := historyPath()
	if err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, nil, err
	}
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	lines := strings.FieldsFunc(string(bytes.ToValidUTF8(content, nil)), func(r rune) bool { return r == '\n' })
	flags := os.O_APPEND | os.O_CREATE | os.O_WRONLY
	if excess := len(lines) - liner.HistoryLimit; excess > 0 {
		lines, flags = lines[excess:], flags|os.O_TRUNC
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, lines, err
	}
	h := &historyFile{f}
	if err = f.Chmod(0o600); err == nil && flags&os.O_TRUNC != 0 {
		err = h.add(strings.Join(lines, "\n"))
	}
	if err != nil {
		h.close()
		return nil, lines, err
	}
	return h, lines, nil
}

// add appends a line.
func (h *historyFile) add(line string) error {
	if h == nil || h.f == nil {
		return nil
	}
	_, err := h.f.WriteString(line + "\n")
	return err
}

func (h *historyFile) close() {
	if h != nil && h.f != nil {
		_ = h.f.Close() // what add has written is written
		h.f = nil
	}
}
