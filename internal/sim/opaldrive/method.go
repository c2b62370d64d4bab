// SPDX-License-Identifier: BSD-3-Clause

package opaldrive

import (
	"encoding/binary"
	"strings"
)

// Identifiers of objects, as the specification writes them.
const (
	smUID      = "\x00\x00\x00\x00\x00\x00\x00\xff"
	thisAdmin  = "\x00\x00\x02\x05\x00\x00\x00\x01"
	thisLock   = "\x00\x00\x02\x05\x00\x00\x00\x02"
	anyAuth    = "\x00\x00\x00\x09\x00\x00\x00\x01"
	adminsAuth = "\x00\x00\x00\x09\x00\x00\x00\x02"
	sidAuth    = "\x00\x00\x00\x09\x00\x00\x00\x06"
	adminAuth  = "\x00\x00\x00\x09\x00\x01\x00\x01"
	userAuth   = "\x00\x00\x00\x09\x00\x03\x00" // and a number
	msidPIN    = "\x00\x00\x00\x0b\x00\x00\x84\x02"
	sidPIN     = "\x00\x00\x00\x0b\x00\x00\x00\x01"
	adminPIN   = "\x00\x00\x00\x0b\x00\x01\x00\x01"
	userPIN    = "\x00\x00\x00\x0b\x00\x03\x00" // and a number
	lockInfo   = "\x00\x00\x08\x01\x00\x00\x00\x01"
	globalRng  = "\x00\x00\x08\x02\x00\x00\x00\x01"
	anyRange   = "\x00\x00\x08\x02\x00\x03\x00" // and a number
	aceRead    = "\x00\x00\x00\x08\x00\x03\xe0" // and a number
	aceWrite   = "\x00\x00\x00\x08\x00\x03\xe8" // and a number
	keyObject  = "\x00\x00\x08\x06\x00\x03\x00" // and a number

	startSession = "\x00\x00\x00\x00\x00\x00\xff\x02"
	syncSession  = "\x00\x00\x00\x00\x00\x00\xff\x03"
	genKey       = "\x00\x00\x00\x06\x00\x00\x00\x10"
	get          = "\x00\x00\x00\x06\x00\x00\x00\x16"
	set          = "\x00\x00\x00\x06\x00\x00\x00\x17"
	revert       = "\x00\x00\x00\x06\x00\x00\x02\x02"
	activate     = "\x00\x00\x00\x06\x00\x00\x02\x03"
)

// Statuses.
const (
	success       = 0
	notAuthorized = 1
	spBusy        = 3
	invalid       = 0x0c
)

// method carries out a call.
func (d *Drive) method(in list) (results list, status int) {
	if len(in) != 6 || in[0] != call || in[4] != endOfData {
		return nil, invalid
	}
	object, ok1 := in[1].([]byte)
	method, ok2 := in[2].([]byte)
	args, ok3 := in[3].(list)
	if end, ok := in[5].(list); !ok1 || !ok2 || !ok3 || !ok || len(end) != 3 {
		return nil, invalid
	}
	if string(object) == smUID {
		if string(method) == startSession && d.tsn == 0 {
			return d.start(args)
		}
		return nil, invalid
	}
	if d.tsn == 0 {
		return nil, notAuthorized
	}
	switch o := string(object); string(method) {
	case get:
		return d.get(o, args)
	case set:
		return list{list{}}, d.set(o, args)
	case activate:
		return list{list{}}, d.activate(o, args)
	case genKey:
		return list{list{}}, d.genKey(o, args)
	case revert:
		if o != thisAdmin || d.authority != sidAuth || len(args) != 0 {
			return nil, notAuthorized
		}
		d.reset()
		d.tsn = 0
		return list{list{}}, success
	}
	return nil, invalid
}

// start opens a session.
func (d *Drive) start(args list) (list, int) {
	if d.Busy {
		return nil, spBusy
	}
	if len(args) < 3 {
		return nil, invalid
	}
	hsn, ok := args[0].(uint64)
	sp, ok2 := args[1].([]byte)
	if !ok || !ok2 || args[2] != uint64(1) || string(sp) != thisAdmin && string(sp) != thisLock || string(sp) == thisLock && !d.active {
		return nil, invalid
	}
	password, authority := "", anyAuth
	for _, a := range args[3:] {
		n, ok := a.(name)
		v, ok2 := n.value.([]byte)
		if !ok || !ok2 {
			return nil, invalid
		}
		switch n.key {
		case uint64(0):
			password = string(v)
		case uint64(3):
			authority = string(v)
		default:
			return nil, invalid
		}
	}
	if pin, ok := d.pins[authority]; authority != anyAuth && (!ok || pin != password) || !d.may(string(sp), authority) {
		return nil, notAuthorized
	}
	d.lastTSN++
	d.tsn, d.hsn, d.sp, d.authority = 0x1000+d.lastTSN, uint32(hsn), string(sp), authority
	return list{call, []byte(smUID), []byte(syncSession), list{hsn, uint64(d.tsn)}}, success
}

// may tells whether an authority belongs to an SP and is enabled.
func (d *Drive) may(sp, authority string) bool {
	if sp == thisAdmin {
		return authority == anyAuth || authority == sidAuth
	}
	return authority == adminAuth || strings.HasPrefix(authority, userAuth) && d.enabled[authority]
}

// rangeOf returns the range of an object named by a prefix and its number.
func (d *Drive) rangeOf(object, prefix string) *lockingRange {
	if object == globalRng && prefix == anyRange {
		return &d.ranges[0]
	}
	if !strings.HasPrefix(object, prefix) || object[7] == 0 || int(object[7]) >= len(d.ranges) {
		return nil
	}
	return &d.ranges[object[7]]
}

// get answers columns.
func (d *Drive) get(object string, args list) (list, int) {
	if len(args) != 1 {
		return nil, invalid
	}
	cells, ok := args[0].(list)
	if !ok || len(cells) != 2 {
		return nil, invalid
	}
	from, ok1 := cells[0].(name)
	to, ok2 := cells[1].(name)
	first, ok3 := from.value.(uint64)
	last, ok4 := to.value.(uint64)
	if !ok1 || !ok2 || !ok3 || !ok4 || from.key != uint64(3) || to.key != uint64(4) || first > last {
		return nil, invalid
	}
	var row list
	for c := first; c <= last; c++ {
		v, status := d.cell(object, c)
		if status != success {
			return nil, status
		}
		row = append(row, name{c, v})
	}
	return list{list{row}}, success
}

func (d *Drive) cell(object string, c uint64) (any, int) {
	r := d.rangeOf(object, anyRange)
	switch {
	case d.sp == thisAdmin && object == msidPIN && c == 3:
		return []byte(MSID), success
	case d.sp == thisAdmin && object == thisLock && c == 6 && d.authority == sidAuth:
		if d.active {
			return uint64(9), success
		}
		return uint64(8), success
	case d.sp == thisLock && object == lockInfo && c == 4:
		return uint64(Ranges), success
	case d.sp == thisLock && r != nil && c >= 3 && c <= 8:
		return r.columns[c], success
	case d.sp == thisLock && r != nil && c == 10 && d.authority == adminAuth:
		id := byte(0)
		for i := range d.ranges {
			if r == &d.ranges[i] {
				id = byte(i)
			}
		}
		return []byte(keyObject + string(id)), success
	}
	return nil, notAuthorized
}

// set writes columns.
func (d *Drive) set(object string, args list) int {
	if len(args) != 1 {
		return invalid
	}
	n, ok := args[0].(name)
	values, ok2 := n.value.(list)
	if !ok || !ok2 || n.key != uint64(1) {
		return invalid
	}
	old := d.ranges
	for _, v := range values {
		c, ok := v.(name)
		column, ok2 := c.key.(uint64)
		if !ok || !ok2 {
			return invalid
		}
		if status := d.setCell(object, column, c.value); status != success {
			d.ranges = old
			return status
		}
	}
	return success
}

func (d *Drive) setCell(object string, column uint64, value any) int {
	pin, isPIN := value.([]byte)
	isPIN = isPIN && column == 3
	number, isNumber := value.(uint64)
	admin := d.sp == thisLock && d.authority == adminAuth
	switch r := d.rangeOf(object, anyRange); {
	case isPIN && object == sidPIN && d.sp == thisAdmin && d.authority == sidAuth:
		d.pins[sidAuth] = string(pin)
	case isPIN && object == adminPIN && admin:
		d.pins[adminAuth] = string(pin)
	case isPIN && strings.HasPrefix(object, userPIN) && admin:
		d.pins[userAuth+object[7:]] = string(pin)
	case strings.HasPrefix(object, userAuth) && admin && column == 5 && isNumber && object[7] >= 1 && object[7] <= 9:
		d.enabled[object] = number != 0
	case column == 3 && admin && (d.rangeOf(object, aceRead) != nil || d.rangeOf(object, aceWrite) != nil):
		return d.setACE(object, value)
	case r != nil && d.sp == thisLock && isNumber && column >= 3 && column <= 8:
		return d.setRange(r, column, number)
	default:
		return notAuthorized
	}
	return success
}

// setRange writes a column of a range.
func (d *Drive) setRange(r *lockingRange, column, v uint64) int {
	switch admin := d.authority == adminAuth; {
	case column >= 7 && !admin && string(r.allowed[column-7]) != d.authority,
		column < 7 && !admin:
		return notAuthorized
	case column >= 5 && v > 1, column <= 4 && r == &d.ranges[0], column == 3 && v%8 != 0, column <= 4 && v > d.blocks:
		return invalid
	}
	r.columns[column] = v
	if r.columns[3]+r.columns[4] > d.blocks {
		return invalid
	}
	return success
}

// setACE takes the expression "Admins or a user".
func (d *Drive) setACE(object string, value any) int {
	expr, ok := value.(list)
	if !ok || len(expr) != 3 {
		return invalid
	}
	var parts [3]name
	for i := range parts {
		if parts[i], ok = expr[i].(name); !ok {
			return invalid
		}
		key, ok := parts[i].key.([]byte)
		if want := []uint32{0xc05, 0xc05, 0x40e}[i]; !ok || len(key) != 4 || binary.BigEndian.Uint32(key) != want {
			return invalid
		}
	}
	a, ok1 := parts[0].value.([]byte)
	b, ok2 := parts[1].value.([]byte)
	if !ok1 || !ok2 || string(a) != adminsAuth || !strings.HasPrefix(string(b), userAuth) || parts[2].value != uint64(1) {
		return invalid
	}
	if r := d.rangeOf(object, aceRead); r != nil {
		r.allowed[0] = append([]byte(nil), b...)
	} else {
		d.rangeOf(object, aceWrite).allowed[1] = append([]byte(nil), b...)
	}
	return success
}

// activate activates the Locking SP.
func (d *Drive) activate(object string, args list) int {
	if object != thisLock || d.sp != thisAdmin || d.authority != sidAuth || len(args) != 0 || d.active {
		return notAuthorized
	}
	d.active = true
	d.pins[adminAuth] = d.pins[sidAuth]
	return success
}

// genKey gives a range a new key.
func (d *Drive) genKey(object string, args list) int {
	if d.sp != thisLock || d.authority != adminAuth || len(args) != 0 || !strings.HasPrefix(object, keyObject) || int(object[7]) >= len(d.ranges) {
		return notAuthorized
	}
	d.nextKey++
	d.ranges[object[7]].key = d.nextKey
	return success
}
