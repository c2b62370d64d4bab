// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"os"
	"os/exec"
	"os/signal"
	"unsafe"

	"golang.org/x/sys/unix"
)

// reap does the first process's duty for orphans: it waits for them, so that
// they are gone once they have ended. The server's own children are not
// touched: whoever started them waits for them. It goes on until stop is
// closed.
func (s *server) reap(stop <-chan struct{}) {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, unix.SIGCHLD)
	defer signal.Stop(ended)
	for {
		select {
		case <-ended:
		case <-s.reaped:
		case <-stop:
			return
		}
		for s.reapOne() {
		}
	}
}

// reapOne tells whether there may be more.
func (s *server) reapOne() bool {
	// A child that is being started is not in the list yet.
	s.mu.Lock()
	defer s.mu.Unlock()
	var info unix.Siginfo
	if unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil) != nil {
		return false
	}
	// siginfo_t of SIGCHLD: signo, errno, code, padding, pid.
	pid := *(*int32)(unsafe.Add(unsafe.Pointer(&info), 16))
	if pid == 0 {
		return false
	}
	for _, p := range s.running {
		if p.Pid == int(pid) {
			return false // reaped tells when it is gone
		}
	}
	_, err := unix.Wait4(int(pid), nil, unix.WNOHANG, nil)
	return err == nil
}

// startProgram starts a command that the reaper leaves alone.
func (s *server) startProgram(id uint64, cmd *exec.Cmd) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	s.running[id] = cmd.Process
	return nil
}

// ended takes a program off the list, after it was waited for.
func (s *server) ended(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, id)
	select {
	case s.reaped <- struct{}{}:
	default:
	}
}
