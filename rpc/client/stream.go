// SPDX-License-Identifier: BSD-3-Clause

package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// stream carries requests over a Unix or TCP socket. A goroutine reads the
// answers and hands them to whoever waits for their id.
type stream struct {
	c      net.Conn
	writeM sync.Mutex
	done   chan struct{} // closed when the reader has ended

	mu      sync.Mutex
	waiting map[uint64]chan json.RawMessage
	err     error         // why there are no further answers
	failed  chan struct{} // closed with err
}

func newStream(c net.Conn) *stream {
	s := &stream{c: c, waiting: map[uint64]chan json.RawMessage{}, done: make(chan struct{}), failed: make(chan struct{})}
	go s.read()
	return s
}

func (s *stream) read() {
	defer close(s.done)
	dec := json.NewDecoder(s.c)
	for {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = fmt.Errorf("the target has closed the connection: %w", err)
			}
			s.fail(err)
			return
		}
		all, err := parse(raw)
		if err != nil {
			s.fail(err)
			return
		}
		if err := s.deliver(raw, all); err != nil {
			s.fail(err)
			return
		}
	}
}

// deliver hands an answer on. One without an id is about the connection, or
// about something that nobody waits for.
func (s *stream) deliver(raw json.RawMessage, all []*response) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var to chan json.RawMessage
	for _, r := range all {
		if r.ID != nil {
			if ch := s.waiting[*r.ID]; ch != nil {
				to = ch
			}
			delete(s.waiting, *r.ID)
		} else if r.Error != nil && len(s.waiting) > 0 {
			return r.Error
		}
	}
	if to != nil {
		to <- raw // there is room for one answer to each id
	}
	return nil
}

// fail ends all calls.
func (s *stream) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
		close(s.failed)
		_ = s.c.Close()
	}
}

func (s *stream) roundTrip(ctx context.Context, ids []uint64, request []byte) (json.RawMessage, error) {
	answer := make(chan json.RawMessage, len(ids))
	s.mu.Lock()
	if s.err != nil {
		defer s.mu.Unlock()
		return nil, s.err
	}
	for _, id := range ids {
		s.waiting[id] = answer
	}
	s.mu.Unlock()
	defer s.forget(ids)
	if err := s.write(ctx, request); err != nil || len(ids) == 0 {
		return nil, err
	}
	select {
	case raw := <-answer:
		return raw, nil
	case <-s.failed:
		return nil, s.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (s *stream) forget(ids []uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		delete(s.waiting, id)
	}
}

// write sends a request. If it cannot be sent whole, the connection is of no
// further use.
func (s *stream) write(ctx context.Context, request []byte) error {
	s.writeM.Lock()
	defer s.writeM.Unlock()
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = s.c.SetWriteDeadline(time.Unix(1, 0))
		close(ended)
	})
	_, err := s.c.Write(append(request, '\n'))
	if !stop() {
		<-ended
		_ = s.c.SetWriteDeadline(time.Time{})
	}
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		s.fail(err)
	}
	return err
}

func (s *stream) close() error {
	s.fail(net.ErrClosed)
	<-s.done
	return nil
}
