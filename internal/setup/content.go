// SPDX-License-Identifier: BSD-3-Clause

package setup

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// errLeave is what a contentStep's function returns to leave the file alone.
var errLeave = errors.New("leave the file as it is")

// contentStep gives an ordinary file new content, and undoing gives it what
// it had. No content means no file.
func (h *Host) contentStep(what, file string, content func(out io.Writer) (string, error)) Step {
	var before []byte
	read := errLeave
	return Step{
		What: what,
		Do: func(_ context.Context, out io.Writer) error {
			text, err := content(out)
			if errors.Is(err, errLeave) {
				return nil
			}
			if err != nil {
				return err
			}
			before, read = os.ReadFile(h.path(file))
			if text == "" {
				return h.remove(file)
			}
			if err := os.MkdirAll(filepath.Dir(h.path(file)), 0o755); err != nil {
				return err
			}
			return os.WriteFile(h.path(file), []byte(text), 0o644)
		},
		Undo: func(context.Context, io.Writer) error {
			switch {
			case errors.Is(read, fs.ErrNotExist):
				return h.remove(file)
			case read == nil:
				return os.WriteFile(h.path(file), before, 0o644)
			}
			return nil
		},
	}
}
