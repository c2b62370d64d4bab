// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// stopOnBrokenOutput calls stop when whoever reads the standard output or
// error has gone away, so that files do not stay behind. SIGPIPE alone does
// not say that: it comes for every connection, too, that the other end has
// closed, and no client may end a daemon. What it returns ends that; until then
// a write to a broken output is an error and not the end of the process.
func stopOnBrokenOutput(stop func()) (end func()) {
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	go func() {
		for range broken {
			if outputBroken() {
				stop()
			}
		}
	}()
	return func() {
		signal.Stop(broken)
		close(broken)
	}
}

// outputBroken tells whether the reader of the standard output or error has
// gone.
func outputBroken() bool {
	fds := []unix.PollFd{{Fd: 1}, {Fd: 2}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0
}
