// SPDX-License-Identifier: BSD-3-Clause

package machine

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Unlimited is the value of a limit that does not limit.
const Unlimited = math.MaxUint64

// Limit is a resource limit.
type Limit struct {
	Soft uint64 `json:"soft"` // bytes; Unlimited if there is none
	Hard uint64 `json:"hard"` // bytes; what an unprivileged process may raise Soft to
}

// Memlock returns how much memory this process may lock. VFIO counts the
// memory that a device reaches against it.
func (m *Machine) Memlock() (Limit, error) {
	b, err := m.read("proc/self/limits")
	if err != nil {
		return Limit{}, err
	}
	return parseMemlock(b)
}

func parseMemlock(b []byte) (Limit, error) {
	for line := range strings.Lines(string(b)) {
		rest, ok := strings.CutPrefix(line, "Max locked memory ")
		if !ok {
			continue
		}
		f := strings.Fields(rest)
		if len(f) < 2 {
			break
		}
		soft, err := parseLimit(f[0])
		if err != nil {
			return Limit{}, err
		}
		hard, err := parseLimit(f[1])
		return Limit{soft, hard}, err
	}
	return Limit{}, fmt.Errorf("/proc/self/limits shows no limit of locked memory")
}

func parseLimit(s string) (uint64, error) {
	if s == "unlimited" {
		return Unlimited, nil
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("/proc/self/limits: %q is neither a number of bytes nor \"unlimited\"", s)
	}
	return n, nil
}

// Capability is a bit of a process's capability set (capabilities(7)).
type Capability uint

// The capabilities that devices need.
const (
	CapIPCLock   Capability = 14
	CapSysRawIO  Capability = 17
	CapSysPtrace Capability = 19
	CapSysAdmin  Capability = 21
	CapMknod     Capability = 27
)

// User is who this process runs as.
type User struct {
	UID          int    `json:"uid"`  // effective
	Name         string `json:"name"` // "" if /etc/passwd has none
	Groups       []int  `json:"groups"`
	Capabilities uint64 `json:"capabilities"` // effective
	Seccomp      int    `json:"seccomp"`      // 0: no filter, 1: strict, 2: a filter
}

// Has tells whether the process has a capability.
func (u User) Has(c Capability) bool { return u.Capabilities>>c&1 != 0 }

// User returns who this process runs as.
func (m *Machine) User() (User, error) {
	b, err := m.read("proc/self/status")
	if err != nil {
		return User{}, err
	}
	u, err := parseStatus(b)
	if err != nil {
		return User{}, err
	}
	u.Name = m.userName(u.UID)
	return u, nil
}

func parseStatus(b []byte) (User, error) {
	u := User{UID: -1}
	for line := range strings.Lines(string(b)) {
		key, value, _ := strings.Cut(line, ":")
		f := strings.Fields(value)
		var err error
		switch {
		case key == "Uid" && len(f) == 4:
			u.UID, err = strconv.Atoi(f[1])
		case key == "Gid" && len(f) == 4:
			err = u.addGroup(f[1])
		case key == "Groups":
			for _, g := range f {
				if err = u.addGroup(g); err != nil {
					break
				}
			}
		case key == "CapEff" && len(f) == 1:
			u.Capabilities, err = strconv.ParseUint(f[0], 16, 64)
		case key == "Seccomp" && len(f) == 1:
			u.Seccomp, err = strconv.Atoi(f[0])
		}
		if err != nil {
			return User{}, fmt.Errorf("/proc/self/status: %q: %w", strings.TrimSpace(line), err)
		}
	}
	if u.UID < 0 {
		return User{}, fmt.Errorf("/proc/self/status shows no user")
	}
	return u, nil
}

func (u *User) addGroup(s string) error {
	g, err := strconv.Atoi(s)
	if err == nil && !slices.Contains(u.Groups, g) {
		u.Groups = append(u.Groups, g)
	}
	return err
}

// userName returns the name of a user, "" if it has none here.
func (m *Machine) userName(uid int) string {
	b, err := m.read("etc/passwd")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Split(line, ":"); len(f) > 2 && f[2] == strconv.Itoa(uid) {
			return f[0]
		}
	}
	return ""
}
