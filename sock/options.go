// SPDX-License-Identifier: BSD-3-Clause

package sock

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Options of a connection. Zero leaves the machine's default.
type Options struct {
	// Priority of the packets sent (SO_PRIORITY).
	Priority uint32
	// AckTimeout is how long data may stay without an acknowledgement
	// before the connection is given up, in milliseconds' precision
	// (TCP_USER_TIMEOUT).
	AckTimeout time.Duration
}

// Set applies options.
func (c *Conn) Set(o Options) error {
	for _, opt := range []struct {
		name       string
		level, opt int
		value      int
	}{
		{"priority", unix.SOL_SOCKET, unix.SO_PRIORITY, int(o.Priority)},
		{"acknowledgement timeout in ms", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(o.AckTimeout.Milliseconds())},
	} {
		if opt.value == 0 {
			continue
		}
		if err := unix.SetsockoptInt(c.fd, opt.level, opt.opt, opt.value); err != nil {
			return fmt.Errorf("sock: %s %d: %w", opt.name, opt.value, err)
		}
	}
	return nil
}
