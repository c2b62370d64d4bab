// SPDX-License-Identifier: BSD-3-Clause

package setup

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// ^C goes to a process group; a tool is told by its context.
func TestToolIsInAGroupOfItsOwn(t *testing.T) {
	out, err := tool(context.Background(), "sh", "-c", "exec cat /proc/self/stat")
	if err != nil {
		t.Fatal(err)
	}
	if f := strings.Fields(out); len(f) < 5 || f[0] != f[4] {
		t.Errorf("process, name, state, parent and group: %s", out)
	}
}

// What a tool has started ends with it.
func TestToolIsInterrupted(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "began")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		if _, err := os.ReadFile(fifo); err != nil {
			t.Error(err)
		}
		cancel()
	}()
	if _, err := tool(ctx, "sh", "-c", "(echo >"+fifo+"; sleep 1000); true"); err == nil || ctx.Err() == nil {
		t.Errorf("%v, context %v", err, ctx.Err())
	}
}
