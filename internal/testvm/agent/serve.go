// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/testvm/wire"
)

// server carries out requests, each on a goroutine of its own.
type server struct {
	out *wire.Writer

	mu      sync.Mutex // guards running
	running map[uint64]*os.Process
	reaped  chan struct{} // a program of running has been waited for
}

func newServer(out *wire.Writer) *server {
	return &server{out: out, running: make(map[uint64]*os.Process), reaped: make(chan struct{}, 1)}
}

// serve returns when there is nothing more to read.
func (s *server) serve(in *wire.Reader[wire.Request]) error {
	for {
		r, err := in.Next()
		if err != nil {
			return fmt.Errorf("reading a request: %w", err)
		}
		// Programs are started, and files written, in the order of requests.
		switch r.Op {
		case wire.Run:
			s.run(&r)
		case wire.Write:
			s.end(r.ID, 0, write(&r))
		case wire.Signal:
			s.end(r.ID, 0, s.signal(&r))
		case wire.Read:
			go s.read(&r)
		case wire.Ping:
			s.end(r.ID, 0, nil)
		case wire.Reboot:
			unix.Sync()
			return unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
		default:
			s.end(r.ID, 0, fmt.Errorf("unknown operation %q", r.Op))
		}
	}
}

func (s *server) reply(r wire.Reply) {
	if err := s.out.Write(r); err != nil {
		fmt.Println("agent: writing a reply:", err)
	}
}

func (s *server) end(id uint64, code int, err error) {
	r := wire.Reply{ID: id, Done: true, Code: code}
	if err != nil {
		r.Err = err.Error()
	}
	s.reply(r)
}

// stream turns a program's output into replies.
type stream struct {
	s  *server
	id uint64
	n  int
}

func (w stream) Write(p []byte) (int, error) {
	w.s.reply(wire.Reply{ID: w.id, Stream: w.n, Data: p})
	return len(p), nil
}

func (s *server) run(r *wire.Request) {
	if len(r.Args) == 0 {
		s.end(r.ID, 0, errors.New("no program was named"))
		return
	}
	cmd := exec.Command(r.Args[0], r.Args[1:]...)
	cmd.Stdout, cmd.Stderr = stream{s, r.ID, wire.Stdout}, stream{s, r.ID, wire.Stderr}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// A child that outlives it may keep its output open; that is not waited for.
	cmd.WaitDelay = 5 * time.Second
	if err := s.startProgram(r.ID, cmd); err != nil {
		s.end(r.ID, 0, err)
		return
	}
	go func() {
		err := cmd.Wait()
		s.ended(r.ID)
		var exit *exec.ExitError
		if errors.As(err, &exit) || errors.Is(err, exec.ErrWaitDelay) {
			err = nil
		}
		s.end(r.ID, code(cmd.ProcessState), err)
	}()
}

// code is the exit code as a shell has it.
func code(p *os.ProcessState) int {
	if ws, ok := p.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return p.ExitCode()
}

// signal sends to the program's process group, as a terminal does.
func (s *server) signal(r *wire.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.running[r.Target]
	if p == nil {
		return fmt.Errorf("request %d runs no program", r.Target)
	}
	return unix.Kill(-p.Pid, syscall.Signal(r.Signal))
}

func write(r *wire.Request) error {
	if err := os.MkdirAll(filepath.Dir(r.Path), 0o755); err != nil {
		return err
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if r.Append {
		flags = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	}
	f, err := os.OpenFile(r.Path, flags, os.FileMode(r.Mode))
	if err != nil {
		return err
	}
	_, err = f.Write(r.Data)
	return errors.Join(err, f.Close())
}

func (s *server) read(r *wire.Request) {
	f, err := os.Open(r.Path)
	if err == nil {
		_, err = io.Copy(stream{s, r.ID, wire.Stdout}, f)
		f.Close()
	}
	s.end(r.ID, 0, err)
}
