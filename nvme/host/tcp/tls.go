// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/gospdk/gospdk/internal/tls13"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/psk"
)

// tlsKey is what TLS is given for a controller, nil for none.
func tlsKey(trid nvme.TransportID, o *host.Options) (*tls13.PSK, error) {
	if o.TLSKey == "" {
		return nil, nil
	}
	k, err := psk.Parse([]byte(o.TLSKey))
	if err != nil {
		return nil, fmt.Errorf("TLSKey: %w", err)
	}
	defer k.Wipe()
	_, hostNQN := o.Identity(trid)
	key := &tls13.PSK{Suite: tls13.AES128SHA256}
	if k.SHA384() {
		key.Suite = tls13.AES256SHA384
	}
	key.Identity, key.Secret, err = k.TLS(hostNQN, trid.Subnqn, 0)
	return key, err
}

// shake is a TLS handshake, for which a goroutine waits.
type shake struct {
	raw  net.Conn
	tls  *tls13.Conn
	done chan error
}

// maxShake bounds a handshake. The queue's own limit usually comes first.
const maxShake = time.Minute

// beginTLS begins the handshake of a socket that has connected.
func (q *queue) beginTLS() {
	raw, err := q.conn.Blocking()
	if err != nil {
		q.fail(err)
		return
	}
	s := &shake{raw: raw, tls: tls13.Client(raw, *q.link.key), done: make(chan error, 1)}
	q.shake, q.state = s, stateShaking
	go func() {
		err := raw.SetDeadline(time.Now().Add(maxShake))
		if err == nil {
			err = s.tls.Handshake()
		}
		if err == nil {
			err = raw.SetDeadline(time.Time{})
		}
		s.done <- err
	}()
}

// shaking goes on when the handshake has ended.
func (q *queue) shaking() {
	s := q.shake
	select {
	case err := <-s.done:
		if err == nil {
			err = q.protect(s) // to which the socket belongs now
		}
		if err != nil {
			q.fail(fmt.Errorf("TLS: %w", err))
			return
		}
	default:
		return
	}
	q.shake = nil
	if g := q.group(); g != nil {
		if err := errors.Join(g.Add(q.conn, uint32(q.id)), g.Watch(q.conn, uint32(q.id), true, true)); err != nil {
			q.fail(err)
			return
		}
	}
	q.sendICReq()
}

// protect has the kernel protect the connection, or goroutines.
func (q *queue) protect(s *shake) error {
	byKernel, err := q.conn.Protect(s.tls, !q.link.ownTLS)
	if c, ok := s.raw.(*net.TCPConn); ok && err == nil && !byKernel {
		err = c.SetLinger(0) // see Disconnect
	}
	return err
}

// endTLS gives a handshake up.
func (q *queue) endTLS() {
	if q.shake != nil {
		q.shake.raw.Close()
		q.shake = nil
	}
}
