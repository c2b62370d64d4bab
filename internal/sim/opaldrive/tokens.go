// SPDX-License-Identifier: BSD-3-Clause

package opaldrive

import (
	"encoding/binary"
	"errors"
)

// This end of the protocol has an encoding of its own: tokens become any, which
// is uint64, []byte, list, name, or control.

type (
	list    []any
	name    struct{ key, value any }
	control byte
)

const (
	call         control = 0xf8
	endOfData    control = 0xf9
	endOfSession control = 0xfa
)

var errTokens = errors.New("malformed tokens")

// decode takes what a host has sent apart.
func decode(b []byte) (list, error) {
	out, rest, err := decodeUntil(b, 0)
	if err == nil && len(rest) != 0 {
		err = errTokens
	}
	return out, err
}

func decodeUntil(b []byte, end byte) (out list, rest []byte, err error) {
	for len(b) > 0 {
		t := b[0]
		switch {
		case end != 0 && t == end:
			return out, b[1:], nil
		case t < 0x40:
			out, b = append(out, uint64(t)), b[1:]
		case t >= 0x80 && t < 0x90: // a short number
			n := int(t & 0xf)
			if len(b) <= n || n > 8 {
				return nil, nil, errTokens
			}
			var v [8]byte
			copy(v[8-n:], b[1:1+n])
			out, b = append(out, binary.BigEndian.Uint64(v[:])), b[1+n:]
		case t >= 0xa0 && t < 0xb0: // short bytes
			n := int(t & 0xf)
			if len(b) <= n {
				return nil, nil, errTokens
			}
			out, b = append(out, b[1:1+n]), b[1+n:]
		case t >= 0xd0 && t < 0xd8: // medium bytes
			if len(b) < 2 || len(b) < 2+int(t&7)<<8+int(b[1]) {
				return nil, nil, errTokens
			}
			n := int(t&7)<<8 + int(b[1])
			out, b = append(out, b[2:2+n]), b[2+n:]
		case t == 0xf0:
			var l list
			if l, b, err = decodeUntil(b[1:], 0xf1); err != nil {
				return nil, nil, err
			}
			out = append(out, l)
		case t == 0xf2:
			var l list
			if l, b, err = decodeUntil(b[1:], 0xf3); err != nil || len(l) != 2 {
				return nil, nil, errTokens
			}
			out = append(out, name{l[0], l[1]})
		case t >= 0xf8 && t <= 0xfa:
			out, b = append(out, control(t)), b[1:]
		default:
			return nil, nil, errTokens
		}
	}
	if end != 0 {
		return nil, nil, errTokens
	}
	return out, nil, nil
}

// encode writes tokens.
func encode(b []byte, v any) []byte {
	switch v := v.(type) {
	case uint64:
		if v < 0x40 {
			return append(b, byte(v))
		}
		return binary.BigEndian.AppendUint64(append(b, 0x88), v)
	case []byte:
		return append(append(b, 0xd0|byte(len(v)>>8), byte(len(v))), v...)
	case list:
		b = append(b, 0xf0)
		for _, e := range v {
			b = encode(b, e)
		}
		return append(b, 0xf1)
	case name:
		return append(encode(encode(append(b, 0xf2), v.key), v.value), 0xf3)
	case control:
		return append(b, byte(v))
	}
	panic("opaldrive: nothing that has tokens")
}
