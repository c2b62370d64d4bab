// SPDX-License-Identifier: BSD-3-Clause

package sock

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/tls13"
	"github.com/gospdk/gospdk/log"
)

// Kernel TLS: the kernel protects the records of a connection (its
// Documentation/networking/tls.rst). What is read and written is plain data
// then, by the system calls that are used anyway.

// From linux/tls.h.
const (
	solTLS           = 282
	tlsTX, tlsRX     = 1, 2
	tlsSetRecordType = 1
	tlsGetRecordType = 2
	tlsVersion13     = 0x0304
	cipherAESGCM128  = 51
	cipherAESGCM256  = 52
)

// Types of records, and of what they carry.
const (
	recordAlert        = 21
	recordHandshake    = 22
	newSessionTicket   = 4
	alertWarning       = 1
	alertCloseNotify   = 0
	maxRecordOfControl = 1 << 14
)

// ErrNoKernelTLS says that this kernel cannot protect a connection by TLS.
var ErrNoKernelTLS = errors.New("sock: the kernel has no TLS (module tls)")

// KernelTLS has the kernel protect the connection from now on, by the keys of a
// handshake. If the error is ErrNoKernelTLS the connection is as it was;
// otherwise it is of no use any more.
func (c *Conn) KernelTLS(in, out tls13.Keys) error {
	if err := unix.SetsockoptString(c.fd, unix.SOL_TCP, unix.TCP_ULP, "tls"); err != nil {
		return fmt.Errorf("%w: %w", ErrNoKernelTLS, err)
	}
	tx, rx := cryptoInfo(&out), cryptoInfo(&in)
	defer clear(tx)
	defer clear(rx)
	if err := unix.SetsockoptString(c.fd, solTLS, tlsTX, string(tx)); err != nil {
		return fmt.Errorf("%w: sending: %w", ErrNoKernelTLS, err) // without keys the data are passed on as they are
	}
	if err := unix.SetsockoptString(c.fd, solTLS, tlsRX, string(rx)); err != nil {
		return fmt.Errorf("sock: the kernel protects by TLS what is sent, but not what comes: %w", err)
	}
	c.kernelTLS = true
	return nil
}

// cryptoInfo is struct tls12_crypto_info_aes_gcm_128 or _256: version, cipher,
// the last 8 bytes of the IV, key, the first 4 bytes of the IV, and the number
// of the next record.
func cryptoInfo(k *tls13.Keys) []byte {
	ne := binary.NativeEndian
	cipher := uint16(cipherAESGCM128)
	if len(k.Key) == 32 {
		cipher = cipherAESGCM256
	}
	b := ne.AppendUint16(ne.AppendUint16(nil, tlsVersion13), cipher)
	b = append(b, k.IV[4:]...)
	b = append(b, k.Key...)
	b = append(b, k.IV[:4]...)
	return binary.BigEndian.AppendUint64(b, k.Seq)
}

// tellOnce is for what is the same for all connections.
var tellOnce sync.Once

// Protect gives the connection, which TLS protects, to the kernel if it may and
// can, which it tells, and otherwise to Relay. It takes s over.
func (c *Conn) Protect(s *tls13.Conn, kernel bool) (byKernel bool, err error) {
	if kernel {
		in, out, err := s.Handover()
		if err == nil {
			err = c.KernelTLS(in, out)
		}
		if err == nil {
			return true, s.Release()
		}
		switch {
		case errors.Is(err, ErrNoKernelTLS):
			tellOnce.Do(func() { log.Infof("TLS is not the kernel's: %v", err) })
		case !errors.Is(err, tls13.ErrReadAhead):
			return false, errors.Join(err, s.Release())
		}
	}
	return false, c.Relay(s)
}

// controlRecord is called when Readv has met a record that is no data. It
// returns ErrAgain if there is nothing to be done about it.
func (c *Conn) controlRecord() error {
	buf := make([]byte, maxRecordOfControl)
	oob := make([]byte, unix.CmsgSpace(1))
	n, oobn, _, _, err := unix.Recvmsg(c.fd, buf, oob, unix.MSG_DONTWAIT)
	if err != nil {
		if err == unix.EAGAIN || err == unix.EINTR {
			return ErrAgain
		}
		return err
	}
	kind := byte(0)
	if msgs, err := unix.ParseSocketControlMessage(oob[:oobn]); err == nil {
		for _, m := range msgs {
			if m.Header.Level == solTLS && m.Header.Type == tlsGetRecordType && len(m.Data) > 0 {
				kind = m.Data[0]
			}
		}
	}
	return control(kind, buf[:n])
}

// control tells what a record means that is no data.
func control(kind byte, p []byte) error {
	switch {
	case kind == recordAlert && len(p) == 2 && p[1] == alertCloseNotify:
		return io.EOF
	case kind == recordAlert && len(p) == 2:
		return fmt.Errorf("sock: TLS alert %d of the peer", p[1])
	case kind == recordHandshake && len(p) > 0 && p[0] == newSessionTicket:
		return ErrAgain
	case kind == recordHandshake && len(p) > 0:
		return fmt.Errorf("sock: TLS message %d of the peer, which the kernel cannot follow", p[0])
	}
	return fmt.Errorf("sock: TLS record of type %d with %d bytes", kind, len(p))
}

// closeNotify tells the peer that nothing follows.
func (c *Conn) closeNotify() {
	oob := make([]byte, unix.CmsgSpace(1))
	h := (*unix.Cmsghdr)(unsafe.Pointer(&oob[0]))
	h.Level, h.Type = solTLS, tlsSetRecordType
	h.SetLen(unix.CmsgLen(1))
	oob[unix.CmsgLen(0)] = recordAlert
	_, _ = unix.SendmsgN(c.fd, []byte{alertWarning, alertCloseNotify}, oob, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL) // it may be gone
}
