// SPDX-License-Identifier: BSD-3-Clause

package bdevperf

import (
	"bufio"
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/gospdk/gospdk/internal/perf"
	"github.com/gospdk/gospdk/reactor"
)

// Section is a job of a job file: what is not said there is as the command
// line or its [global] section says.
type Section struct {
	Job
	Files []string     // devices; the job runs on each
	Mask  reactor.Mask // cores, a job each; empty for one
}

// ParseJobFile reads a job file as SPDK's bdevperf and fio have them: sections
// of key=value lines, of which [global] holds for those that follow. Keys are
// filename (devices, with colons between), cpumask, bs, iodepth, rwmixread, rw,
// and offset and length in IOs. defaults is what holds before the first
// section; what was given on the command line, as given tells by key, holds in
// spite of a [global].
func ParseJobFile(file []byte, defaults Section, given map[string]bool) (all []Section, err error) {
	global, current := defaults, (*Section)(nil)
	inGlobal := false
	lines := bufio.NewScanner(bytes.NewReader(file))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if name, ok := strings.CutPrefix(line, "["); ok {
			name, ok = strings.CutSuffix(name, "]")
			if !ok || name == "" {
				return nil, fmt.Errorf("line %d: %q is no section: it must be [name]", n, line)
			}
			if inGlobal = name == "global"; inGlobal {
				global = defaults
				current = &global
				continue
			}
			all = append(all, global)
			current = &all[len(all)-1]
			current.Name = name
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		switch {
		case !ok:
			return nil, fmt.Errorf("line %d: %q is not key=value", n, line)
		case current == nil:
			return nil, fmt.Errorf("line %d: %s stands before the first section", n, key)
		case inGlobal && given[key]:
			continue
		}
		if err := current.set(key, value); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	for i := range all {
		s := &all[i]
		switch {
		case len(s.Files) == 0:
			return nil, fmt.Errorf("job '%s' expects 'filename' parameter", s.Name)
		case s.Workload == "":
			return nil, fmt.Errorf("job '%s' has no 'rw' assigned", s.Name)
		}
		if err := s.check(); err != nil {
			return nil, fmt.Errorf("job '%s': %w", s.Name, err)
		}
	}
	return all, lines.Err()
}

func (s *Section) set(key, value string) (err error) {
	number := func() (n uint64) {
		if n, err = strconv.ParseUint(value, 10, 62); err != nil {
			err = fmt.Errorf("%s %q is not a number", key, value)
		}
		return n
	}
	switch key {
	case "filename":
		s.Files = strings.FieldsFunc(value, func(r rune) bool { return r == ':' })
	case "cpumask":
		if s.Mask, err = reactor.ParseMask(value); err != nil {
			err = fmt.Errorf("cpumask %q: %w", value, err)
		}
	case "bs":
		var n uint64
		if n, err = perf.ParseSize(value); n > MaxSize {
			err = fmt.Errorf("bs %q: it must be at most %d bytes", value, MaxSize)
		}
		s.Size = int(n)
	case "iodepth":
		s.Depth = int(number())
	case "rwmixread":
		s.ReadShare = int(number())
	case "rw":
		s.Workload = value
	case "offset":
		s.Offset = number()
	case "length":
		s.Length = number()
	default:
		err = fmt.Errorf("key %q is none of filename, cpumask, bs, iodepth, rwmixread, rw, offset, length", key)
	}
	return err
}

// PlanSections makes jobs from a job file: each device of a section on each
// core of its mask, or without one on the next core in turn.
func PlanSections(sections []Section, cores reactor.Mask) (jobs []Job, err error) {
	all, turn := cores.CPUs(), 0
	for _, s := range sections {
		mask := s.Mask.And(cores)
		if !s.Mask.Empty() && mask.Empty() {
			return nil, fmt.Errorf("job '%s': cpumask %v has none of the cores %s", s.Name, s.Mask, cores.List())
		}
		for _, file := range s.Files {
			on := mask.CPUs()
			if mask.Empty() {
				on = []int{all[turn%len(all)]}
				turn++
			}
			for lane, cpu := range on {
				j := s.Job
				j.Device, j.Core, j.lane, j.lanes = file, cpu, uint64(lane), uint64(len(on))
				jobs = append(jobs, j)
			}
		}
	}
	return jobs, nil
}
