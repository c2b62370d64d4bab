// SPDX-License-Identifier: BSD-3-Clause

package trace

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// Record is what a point has recorded.
type Record struct {
	Time   time.Duration // since the first of the records
	Thread string        // for SPDK's files that of a core
	Lcore  int           // number of the ring
	Point  string
	Owner  string // description, empty if there is none
	Size   uint32
	Object string // a letter for the type and a number, in the order of appearance; empty if there is none
	// Age is how long the object has been there, -1 if that is not known.
	Age  time.Duration
	Args []Arg
}

// Arg is an argument of a record.
type Arg struct {
	Name    string
	Value   uint64
	Text    string // of a string
	Pointer bool
}

// argString is SPDK's type of arguments that are text; ours have none.
const argString = 2

// Read reads a file, of this program or of SPDK's, also while it is recorded
// to: then the oldest records may be missing. Records come in the order of
// their time.
func Read(path string) ([]Record, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	all, err := Parse(b)
	if err != nil {
		return nil, fmt.Errorf("trace: %s: %w", path, err)
	}
	return all, nil
}

var (
	order  = binary.NativeEndian
	errEnd = errors.New("not a trace: something is to be beyond its end")
)

// view is a file's bytes. Its methods answer false beyond the end.
type view []byte

func (v view) at(off, n uint64) ([]byte, bool) {
	if off > uint64(len(v)) || n > uint64(len(v))-off {
		return nil, false
	}
	return v[off : off+n : off+n], true
}

// reader is a file while it is parsed.
type reader struct {
	file     view
	sections [numSections]uint64
	hz       uint64
	cleared  uint64
	letters  []byte // two bytes for each type of object
	found    []found
	points   map[uint16]*definition
}

// found is an entry in its ring.
type found struct {
	tsc   uint64
	ring  int
	name  string
	entry []byte
	args  []byte
	def   *definition
}

// Parse is Read of a file's content.
func Parse(b []byte) ([]Record, error) {
	r := &reader{file: b, points: map[uint16]*definition{}}
	if err := r.header(); err != nil {
		return nil, err
	}
	if err := r.definitions(); err != nil {
		return nil, err
	}
	rings, err := r.list(sectionRings, 8)
	if err != nil {
		return nil, err
	}
	for i := 0; len(rings) >= 8; i, rings = i+1, rings[8:] {
		if off := order.Uint64(rings); off != 0 {
			if err := r.ring(i, off); err != nil {
				return nil, err
			}
		}
	}
	slices.SortStableFunc(r.found, func(a, b found) int { return cmp.Compare(a.tsc, b.tsc) })
	return r.records(), nil
}

func (r *reader) header() error {
	h, ok := r.file.at(0, headerSize)
	if !ok {
		return errEnd
	}
	if n := order.Uint16(h[offNumSections:]); n < numSections {
		return fmt.Errorf("not a trace: it has %d sections, want %d", n, numSections)
	}
	for i := range r.sections {
		r.sections[i] = order.Uint64(h[offSections+8*i:])
	}
	main, ok := r.file.at(r.sections[sectionMain], mainSize)
	if !ok {
		return errEnd
	}
	if r.hz, r.cleared = order.Uint64(main), order.Uint64(main[8:]); r.hz == 0 {
		return errors.New("not a trace: its clock stands still")
	}
	return nil
}

// list returns the elements of a section that begins with their number.
func (r *reader) list(section int, size uint64) ([]byte, error) {
	off := r.sections[section]
	h, ok := r.file.at(off, sectionHead)
	if !ok {
		return nil, errEnd
	}
	b, ok := r.file.at(off+sectionHead, uint64(order.Uint16(h))*size)
	if !ok {
		return nil, errEnd
	}
	return b, nil
}

func text(b []byte) string {
	s, _, _ := bytes.Cut(b, []byte{0})
	return string(s)
}

func (r *reader) definitions() (err error) {
	if r.letters, err = r.list(sectionObjects, 2); err != nil {
		return err
	}
	all, err := r.list(sectionPoints, pointSize)
	if err != nil {
		return err
	}
	for i := 0; len(all) >= pointSize; i, all = i+1, all[pointSize:] {
		p := all[:pointSize]
		if p[0] == 0 {
			continue
		}
		d := &definition{point: Point(i), name: text(p[:offPointID]), owner: p[offPointOwner], object: p[offPointObject], begins: p[offPointBegins] != 0}
		for n := range min(int(p[offPointNumArgs]), maxArgs) {
			a := p[offPointArgs+n*argSize:]
			d.args = append(d.args, argument{text(a[:offArgType]), int(a[offArgSize]), a[offArgType] == argPointer})
			if a[offArgType] == argString {
				d.args[n].size = -d.args[n].size
			}
		}
		r.points[uint16(i)] = d
	}
	return nil
}

// ring finds the entries of a ring, the oldest first.
func (r *reader) ring(number int, off uint64) error {
	head, ok := r.file.at(off, offRingCounts)
	if !ok {
		return errEnd
	}
	entries, points, next := order.Uint64(head[offRingEntries:]), order.Uint64(head[offRingPoints:]), order.Uint64(head[offRingNext:])
	if entries == 0 || entries > uint64(len(r.file))/entrySize || points > 1<<16 {
		return fmt.Errorf("not a trace: ring %d has %d entries and %d points", number, entries, points)
	}
	mem, ok := r.file.at(off+offRingCounts+8*points, entries*entrySize)
	if !ok {
		return errEnd
	}
	name := text(head[offRingName:][:ringNameSize])
	first := uint64(0)
	if next > entries {
		first = next - entries
	}
	at := func(i uint64) []byte { return mem[i%entries*entrySize:][:entrySize] }
	for i := first; i < next; i++ {
		e := at(i)
		stamp := order.Uint64(e)
		d := r.points[order.Uint16(e[offEntryPoint:])]
		if d == nil || stamp == 0 || stamp < r.cleared {
			continue // the rest of one that has been overwritten
		}
		args := slices.Clone(e[offEntryArgs:])
		for j := i + 1; j < next && len(args) < maxArgs<<8 && order.Uint16(at(j)[offEntryPoint:]) == continued; j++ {
			args = append(args, at(j)[offMoreArgs:]...)
		}
		r.found = append(r.found, found{stamp, number, name, e, args, d})
	}
	return nil
}

// object is one that records tell of.
type object struct {
	kind byte
	id   uint64
}

// life is what is known of an object.
type life struct {
	number int
	since  uint64 // 0 if its begin has not been seen
}

func (r *reader) records() []Record {
	lives := map[object]*life{}
	counts := map[byte]int{}
	var all []Record
	for _, f := range r.found {
		rec := Record{
			Time: r.duration(f.tsc - r.found[0].tsc), Thread: f.name, Lcore: f.ring, Point: f.def.name,
			Owner: r.owner(f), Size: order.Uint32(f.entry[offEntrySize:]), Age: -1, Args: f.arguments(),
		}
		if kind := f.def.object; kind != 0 {
			o := object{kind, order.Uint64(f.entry[offEntryObject:])}
			l := lives[o]
			if l == nil || f.def.begins {
				l = &life{number: counts[kind]}
				counts[kind]++
				lives[o] = l
			}
			if f.def.begins {
				l.since = f.tsc
			} else if l.since != 0 {
				rec.Age = r.duration(f.tsc - l.since)
			}
			rec.Object = fmt.Sprintf("%s%d", r.letter(kind), l.number)
		}
		all = append(all, rec)
	}
	return all
}

func (r *reader) letter(kind byte) string {
	if at := 2 * int(kind); at+1 < len(r.letters) && r.letters[at+1] != 0 {
		return string(rune(r.letters[at+1]))
	}
	return "?"
}

func (r *reader) duration(ticks uint64) time.Duration {
	return time.Duration(float64(ticks) / float64(r.hz) * float64(time.Second))
}

// owner returns the description of an entry's owner.
func (r *reader) owner(f found) string {
	id := order.Uint16(f.entry[offEntryOwner:])
	head, ok := r.file.at(r.sections[sectionOwner], sectionHead)
	if id == 0 || !ok || id >= order.Uint16(head) {
		return ""
	}
	size := offOwnerDescription + uint64(order.Uint16(head[2:]))
	o, ok := r.file.at(r.sections[sectionOwner]+sectionHead+uint64(id)*size, size)
	if !ok || order.Uint64(o) > f.tsc {
		return "" // the number has come to another since
	}
	return text(o[offOwnerDescription:])
}

func (f *found) arguments() (all []Arg) {
	rest := f.args
	for _, a := range f.def.args {
		size := max(a.size, -a.size)
		if size > len(rest) {
			return all
		}
		b := rest[:size]
		rest = rest[size:]
		arg := Arg{Name: a.name, Pointer: a.pointer}
		switch a.size {
		case 1:
			arg.Value = uint64(b[0])
		case 2:
			arg.Value = uint64(order.Uint16(b))
		case 4:
			arg.Value = uint64(order.Uint32(b))
		case 8:
			arg.Value = order.Uint64(b)
		default:
			arg.Text = text(b)
		}
		all = append(all, arg)
	}
	return all
}
