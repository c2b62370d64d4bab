// SPDX-License-Identifier: BSD-3-Clause

package opal

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Control tokens: Core 3.2.2.4.
const (
	tokenStartList    = 0xf0
	tokenEndList      = 0xf1
	tokenStartName    = 0xf2
	tokenEndName      = 0xf3
	tokenCall         = 0xf8
	tokenEndOfData    = 0xf9
	tokenEndOfSession = 0xfa
	tokenEmpty        = 0xff
)

// Headers of atoms: Core 3.2.2.3.1. A tiny atom is a number below 64.
const (
	atomShort  = 0x80
	atomMedium = 0xc0
	atomLong   = 0xe0

	shortBytes, shortSign   = 0x20, 0x10
	mediumBytes, mediumSign = 0x10, 0x08
	longBytes, longSign     = 0x02, 0x01
)

// stream is tokens that are being written.
type stream []byte

func (s *stream) token(t ...byte) { *s = append(*s, t...) }

// number writes an unsigned number.
func (s *stream) number(n uint64) {
	if n < 0x40 {
		s.token(byte(n))
		return
	}
	size := 1
	for size < 8 && n>>(8*size) != 0 {
		size *= 2
	}
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	s.token(atomShort | byte(size))
	s.token(b[8-size:]...)
}

func (s *stream) flag(on bool) {
	if on {
		s.number(1)
	} else {
		s.number(0)
	}
}

// bytes writes a string of at most 2047 bytes.
func (s *stream) bytes(b []byte) {
	if len(b) < 16 {
		s.token(atomShort | shortBytes | byte(len(b)))
	} else {
		s.token(atomMedium|mediumBytes|byte(len(b)>>8), byte(len(b)))
	}
	s.token(b...)
}

// list writes a list of what fn writes.
func (s *stream) list(fn func()) {
	s.token(tokenStartList)
	if fn != nil {
		fn()
	}
	s.token(tokenEndList)
}

// name writes a named value.
func (s *stream) name(name uint64, value func()) {
	s.token(tokenStartName)
	s.number(name)
	value()
	s.token(tokenEndName)
}

// itemKind tells items apart.
type itemKind uint8

const (
	itemNumber itemKind = iota
	itemBytes
	itemList
	itemName    // of two items, a name and its value
	itemControl // num is a token
)

// item is a piece of an answer.
type item struct {
	kind  itemKind
	num   uint64
	bytes []byte
	items []item
}

func (i *item) is(token byte) bool { return i.kind == itemControl && i.num == uint64(token) }

// maxDepth is how deep lists may be within one another.
const maxDepth = 16

// parser takes tokens apart. What it answers refers to its bytes.
type parser struct {
	b []byte
}

var errShort = errors.New("the answer of the drive ends within a token")

// parse returns the items of b.
func parse(b []byte) ([]item, error) {
	p := parser{b}
	items, err := p.until(0, maxDepth)
	if err != nil {
		return nil, err
	}
	return items, nil
}

// until returns the items before an end token, or before the end if that is 0.
func (p *parser) until(end byte, depth int) (items []item, err error) {
	if depth == 0 {
		return nil, fmt.Errorf("the answer of the drive has lists more than %d deep", maxDepth)
	}
	for len(p.b) > 0 {
		if p.b[0] == end && end != 0 {
			p.b = p.b[1:]
			return items, nil
		}
		i, ok, err := p.next(depth)
		if err != nil {
			return nil, err
		}
		if ok {
			items = append(items, i)
		}
	}
	if end != 0 {
		return nil, errShort
	}
	return items, nil
}

// next takes one item; ok is false for an empty atom.
func (p *parser) next(depth int) (i item, ok bool, err error) {
	t := p.b[0]
	switch {
	case t < atomLong+4:
		i, err = p.atom()
		return i, true, err
	case t == tokenEmpty:
		p.b = p.b[1:]
		return i, false, nil
	}
	p.b = p.b[1:]
	switch t {
	case tokenStartList:
		i.kind = itemList
		i.items, err = p.until(tokenEndList, depth-1)
	case tokenStartName:
		i.kind = itemName
		if i.items, err = p.until(tokenEndName, depth-1); err == nil && len(i.items) != 2 {
			err = fmt.Errorf("the answer of the drive has a name of %d values", len(i.items))
		}
	case tokenCall, tokenEndOfData, tokenEndOfSession:
		i.kind, i.num = itemControl, uint64(t)
	default:
		err = fmt.Errorf("the answer of the drive has token 0x%02x in a place where it does not belong", t)
	}
	return i, true, err
}

// atom takes a number or bytes.
func (p *parser) atom() (i item, err error) {
	t := p.b[0]
	head, size, bytes, sign := 1, 0, false, false
	switch {
	case t < atomShort: // the value is in the token
		p.b = p.b[1:]
		if t&0x40 != 0 {
			return i, errSigned
		}
		return item{num: uint64(t)}, nil
	case t < atomMedium:
		size, bytes, sign = int(t&0xf), t&shortBytes != 0, t&shortSign != 0
	case t < atomLong:
		if len(p.b) < 2 {
			return i, errShort
		}
		head, size, bytes, sign = 2, int(t&7)<<8|int(p.b[1]), t&mediumBytes != 0, t&mediumSign != 0
	default:
		if len(p.b) < 4 {
			return i, errShort
		}
		head, size, bytes, sign = 4, int(p.b[1])<<16|int(p.b[2])<<8|int(p.b[3]), t&longBytes != 0, t&longSign != 0
	}
	if len(p.b) < head+size {
		return i, errShort
	}
	data := p.b[head : head+size]
	p.b = p.b[head+size:]
	switch {
	case bytes:
		return item{kind: itemBytes, bytes: data}, nil
	case sign:
		return i, errSigned
	case size > 8:
		return i, fmt.Errorf("the answer of the drive has a number of %d bytes", size)
	}
	for _, b := range data {
		i.num = i.num<<8 | uint64(b)
	}
	return i, nil
}

var errSigned = errors.New("the answer of the drive has a number with a sign, which nothing has that it was asked for")
