// SPDX-License-Identifier: BSD-3-Clause

package sock

import (
	"fmt"
	"math"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Wait sleeps until there is an event, or until limit has passed (never, if it
// is negative), and tells which. It takes no event: Poll does.
func (g *Group) Wait(limit time.Duration) (bool, error) {
	ms := -1
	if limit >= 0 {
		ms = int(min((limit+time.Millisecond-1)/time.Millisecond, math.MaxInt32))
	}
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(g.FD()), Events: unix.POLLIN}}, ms)
	if err != nil && err != unix.EINTR {
		return false, fmt.Errorf("sock: %w", os.NewSyscallError("poll", err))
	}
	return n > 0, nil
}
