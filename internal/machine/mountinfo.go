// SPDX-License-Identifier: BSD-3-Clause

package machine

import (
	"strconv"
	"strings"
)

// mount is one line of /proc/PID/mountinfo (proc_pid_mountinfo(5)).
type mount struct {
	Dev          string // major:minor of the file system
	Root         string // directory in the file system that is mounted
	Dir          string // where, from the process's root
	Options      string // of this mount
	Type         string // file system
	Source       string // device or whatever the file system calls its source
	SuperOptions string
}

// parseMountinfo returns the entries of a mount table; lines that are none
// are left out.
func parseMountinfo(b []byte) []mount {
	var all []mount
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		// Optional fields end with a lone hyphen; six come before them.
		sep := -1
		for i := 6; i < len(f); i++ {
			if f[i] == "-" {
				sep = i
				break
			}
		}
		if sep < 0 || len(f) < sep+3 {
			continue
		}
		e := mount{Dev: f[2], Root: unescape(f[3]), Dir: unescape(f[4]), Options: f[5], Type: unescape(f[sep+1]), Source: unescape(f[sep+2])}
		if len(f) > sep+3 {
			e.SuperOptions = f[sep+3]
		}
		all = append(all, e)
	}
	return all
}

// unescape undoes the octal escapes of the kernel's tables: \040 is a space.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// swap is one line of /proc/swaps.
type swap struct {
	File string
	Type string // "partition" for any block device, or "file"
}

// parseSwaps returns the swap areas in use.
func parseSwaps(b []byte) []swap {
	var all []swap
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] == "Filename" {
			continue
		}
		all = append(all, swap{File: unescape(f[0]), Type: f[1]})
	}
	return all
}

// parseMdstat returns the members of each array of /proc/mdstat, by the
// array's name. Arrays that are not started have members too.
func parseMdstat(b []byte) map[string][]string {
	arrays := make(map[string][]string)
	for line := range strings.Lines(string(b)) {
		name, rest, ok := strings.Cut(line, " : ")
		if !ok || !strings.HasPrefix(name, "md") || strings.ContainsAny(name, " \t") {
			continue
		}
		for _, f := range strings.Fields(rest) {
			// Members are written nvme0n1p1[0](F); words such as
			// "active" and "(auto-read-only)" are none.
			if member, _, ok := strings.Cut(f, "["); ok && member != "" {
				arrays[name] = append(arrays[name], member)
			}
		}
	}
	return arrays
}
