// SPDX-License-Identifier: BSD-3-Clause

package tls13

import "fmt"

// alert is an error that one side tells the other (RFC 8446, 6).
type alert struct {
	code     uint8
	received bool
	text     string
}

const (
	alertWarning = 1
	alertFatal   = 2
	closeNotify  = 0
)

// Alerts that are sent.
var (
	alertUnexpected = alert{code: 10}
	alertBadMAC     = alert{code: 20}
	alertOverflow   = alert{code: 22}
	alertHandshake  = alert{code: 40}
	alertIllegal    = alert{code: 47}
	alertDecode     = alert{code: 50}
	alertDecrypt    = alert{code: 51}
	alertVersion    = alert{code: 70}
	alertMissing    = alert{code: 109}
	alertUnknownPSK = alert{code: 115}
)

var alertNames = map[uint8]string{
	10: "unexpected message", 20: "bad record MAC", 22: "record overflow", 40: "handshake failure", 47: "illegal parameter",
	50: "decode error", 51: "decrypt error", 70: "protocol version", 80: "internal error", 109: "missing extension",
	115: "unknown PSK identity",
}

func (a alert) with(format string, args ...any) error {
	a.text = ": " + fmt.Sprintf(format, args...)
	return a
}

// Error implements error.
func (a alert) Error() string {
	name := alertNames[a.code]
	if name == "" {
		name = fmt.Sprintf("alert %d", a.code)
	}
	if a.received {
		return "the peer says: " + name
	}
	return name + a.text
}
