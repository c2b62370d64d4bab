// SPDX-License-Identifier: BSD-3-Clause

package opal

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Link carries the security commands of NVMe to a drive, SPC-4's protocols. A
// host.Controller is one.
type Link interface {
	SecuritySend(ctx context.Context, secp uint8, spsp uint16, nssf uint8, data []byte) error
	SecurityReceive(ctx context.Context, secp uint8, spsp uint16, nssf uint8, data []byte) error
}

// hostSession is the number by which the host knows its only session.
const hostSession = 0x69

// session is a session with an SP.
type session struct {
	d        *Drive
	comID    uint16
	tsn, hsn uint32
}

// open begins a session with an SP as an authority, who proves to be that by a
// password unless it is anybody.
func (d *Drive) open(ctx context.Context, sp, authority uid, password []byte) (*session, error) {
	info, err := d.Discover(ctx)
	if err != nil {
		return nil, err
	}
	s := &session{d: d, comID: info.ComID}
	var t stream
	t.token(tokenCall)
	t.bytes(sessionManager[:])
	t.bytes(startSession[:])
	t.list(func() {
		t.number(hostSession)
		t.bytes(sp[:])
		t.flag(true) // it writes
		if authority != anybody {
			t.name(0, func() { t.bytes(password) }) // HostChallenge
			t.name(3, func() { t.bytes(authority[:]) })
		}
	})
	results, err := s.exchange(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("opening a session: %w", err)
	}
	if err := s.accept(results); err != nil {
		return nil, err
	}
	return s, nil
}

// accept takes the drive's SyncSession: Core 5.2.3.2.
func (s *session) accept(results []item) error {
	ok := len(results) == 4 && results[0].is(tokenCall) && string(results[2].bytes) == string(syncSession[:]) && results[3].kind == itemList
	if ok {
		v := results[3].items
		if ok = len(v) >= 2 && v[0].kind == itemNumber && v[0].num == hostSession && v[1].kind == itemNumber && v[1].num <= 1<<32-1; ok {
			s.hsn, s.tsn = hostSession, uint32(v[1].num)
		}
	}
	if !ok {
		return errors.New("the drive has answered something else than SyncSession to the beginning of a session")
	}
	return nil
}

// end ends the session.
func (s *session) end(ctx context.Context) error {
	_, err := s.roundTrip(ctx, []byte{tokenEndOfSession})
	if err != nil {
		return fmt.Errorf("ending the session: %w", err)
	}
	return nil
}

// call calls a method of an object, with parameters that fn writes, and
// returns its results.
func (s *session) call(ctx context.Context, object, method uid, fn func(*stream)) ([]item, error) {
	var t stream
	t.token(tokenCall)
	t.bytes(object[:])
	t.bytes(method[:])
	t.list(func() {
		if fn != nil {
			fn(&t)
		}
	})
	return s.exchange(ctx, t)
}

// exchange sends a call and returns what comes before its end of data. A status
// other than success is the error.
func (s *session) exchange(ctx context.Context, t stream) ([]item, error) {
	t.token(tokenEndOfData)
	t.list(func() { t.token(0, 0, 0) })
	items, err := s.roundTrip(ctx, t)
	if err != nil {
		return nil, err
	}
	for i := range items {
		if !items[i].is(tokenEndOfData) {
			continue
		}
		if i+1 == len(items) || items[i+1].kind != itemList || len(items[i+1].items) == 0 || items[i+1].items[0].kind != itemNumber {
			return nil, errors.New("the answer of the drive has no status")
		}
		if st := items[i+1].items[0].num; st != 0 {
			return nil, Status(min(st, uint64(StatusFail)))
		}
		return items[:i], nil
	}
	if len(items) == 1 && items[0].is(tokenEndOfSession) {
		return nil, errors.New("the drive has ended the session")
	}
	return nil, errors.New("the answer of the drive has no end of data")
}

const (
	firstWait = time.Millisecond
	lastWait  = 100 * time.Millisecond
)

// roundTrip sends tokens and waits for the answer.
func (s *session) roundTrip(ctx context.Context, tokens []byte) ([]item, error) {
	b, err := frame(s.comID, s.tsn, s.hsn, tokens)
	if err != nil {
		return nil, err
	}
	defer clear(b) // passwords may be in it
	defer clear(tokens)
	if err := s.d.link.SecuritySend(ctx, protocolTCG, s.comID, 0, b); err != nil {
		return nil, err
	}
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		clear(b)
		if err := s.d.link.SecurityReceive(ctx, protocolTCG, s.comID, 0, b); err != nil {
			return nil, err
		}
		tokens, ready, err := unframe(b)
		if err != nil {
			return nil, err
		}
		if ready {
			return parse(append([]byte(nil), tokens...))
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the drive's answer: %w", context.Cause(ctx))
		case <-time.After(wait):
		}
	}
}

// get reads columns of an object.
func (s *session) get(ctx context.Context, object uid, first, last uint64) (row, error) {
	results, err := s.call(ctx, object, methodGet, func(t *stream) {
		t.list(func() {
			t.name(3, func() { t.number(first) }) // startColumn
			t.name(4, func() { t.number(last) })  // endColumn
		})
	})
	if err != nil {
		return nil, err
	}
	r := row{}
	for _, list := range results {
		for _, cells := range list.items {
			for _, cell := range append([]item{cells}, cells.items...) {
				if cell.kind == itemName && cell.items[0].kind == itemNumber {
					r[cell.items[0].num] = cell.items[1]
				}
			}
		}
	}
	for c := first; c <= last; c++ {
		if _, ok := r[c]; !ok {
			return nil, fmt.Errorf("the drive has not answered column %d of object %x", c, object)
		}
	}
	return r, nil
}

// row is columns of an object.
type row map[uint64]item

func (r row) number(column uint64) (uint64, error) {
	if v := r[column]; v.kind == itemNumber {
		return v.num, nil
	}
	return 0, fmt.Errorf("the drive has answered column %d by something else than a number", column)
}

func (r row) bytes(column uint64) ([]byte, error) {
	if v := r[column]; v.kind == itemBytes {
		return v.bytes, nil
	}
	return nil, fmt.Errorf("the drive has answered column %d by something else than bytes", column)
}

// set writes columns of an object, which fn names.
func (s *session) set(ctx context.Context, object uid, fn func(*stream)) error {
	_, err := s.call(ctx, object, methodSet, func(t *stream) {
		t.name(1, func() { t.list(func() { fn(t) }) }) // Values
	})
	return err
}
