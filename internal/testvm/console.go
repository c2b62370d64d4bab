// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"bytes"
	"io"
	"os"
	"strings"
	"sync"
)

// console keeps what the guest, and QEMU itself, print.
type console struct {
	copy io.Writer // nil, or where it is shown as well

	mu    sync.Mutex // guards what follows
	buf   bytes.Buffer
	panic func() // called when the kernel has given up
}

// newConsole shows the console on standard error if the user asks for that.
func newConsole() *console {
	c := new(console)
	if os.Getenv("GOSPDK_VM_CONSOLE") == "1" {
		c.copy = os.Stderr
	}
	return c
}

// panicEnd is in the last line that a kernel prints.
const panicEnd = "---[ end Kernel panic"

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.copy != nil {
		_, _ = c.copy.Write(p)
	}
	from := max(0, c.buf.Len()-len(panicEnd)+1) // it may come in two pieces
	c.buf.Write(p)
	c.look(from)
	return len(p), nil
}

// look is called with the lock held.
func (c *console) look(from int) {
	if c.panic != nil && bytes.Contains(c.buf.Bytes()[from:], []byte(panicEnd)) {
		go c.panic()
	}
}

// onPanic has f called when the kernel has given up.
func (c *console) onPanic(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.panic = f
	c.look(0)
}

func (c *console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf.String()
}

// tail returns the last lines of s.
func tail(s string, lines int) string {
	all := strings.SplitAfter(s, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "")
}
