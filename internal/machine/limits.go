// SPDX-License-Identifier: BSD-3-Clause

package machine

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// limitsRule is a line of /etc/security/limits.conf (limits.conf(5)).
type limitsRule struct {
	domain string // user, @group or *
	kind   string // soft, hard or - for both
	item   string
	value  string
}

// parseLimitsConf returns the rules of a limits.conf.
func parseLimitsConf(b []byte) []limitsRule {
	var all []limitsRule
	for line := range strings.Lines(string(b)) {
		line, _, _ = strings.Cut(line, "#")
		if f := strings.Fields(line); len(f) == 4 {
			all = append(all, limitsRule{f[0], f[1], f[2], f[3]})
		}
	}
	return all
}

// LoginMemlock returns the limit of locked memory that a user gets when
// logging in; ok is false if no rule says. A later session only has it: a
// process keeps the limit it was started with.
func (m *Machine) LoginMemlock(user string, groups []string) (l Limit, ok bool, err error) {
	files, err := filepath.Glob(m.Path("etc/security/limits.d/*.conf"))
	if err != nil {
		return Limit{}, false, err
	}
	slices.Sort(files)
	var rules []limitsRule
	for _, file := range append([]string{m.Path("etc/security/limits.conf")}, files...) {
		b, err := readLimited(file)
		if err != nil {
			continue // a machine without PAM has none
		}
		rules = append(rules, parseLimitsConf(b)...)
	}
	l, ok = memlockOf(rules, user, groups)
	return l, ok, nil
}

// memlockOf applies rules. The user's own win over those of groups, and
// these over those for all; among equals the last one wins.
func memlockOf(rules []limitsRule, user string, groups []string) (l Limit, ok bool) {
	var soft, hard int // how much the rules that were applied weigh
	for _, r := range rules {
		weight := 0
		switch group, isGroup := strings.CutPrefix(r.domain, "@"); {
		case r.domain == "*" && user != "root": // root is not in "all"
			weight = 1
		case isGroup && slices.Contains(groups, group):
			weight = 2
		case r.domain == user:
			weight = 3
		}
		n, valid := limitsValue(r.value)
		if weight == 0 || r.item != "memlock" || !valid {
			continue
		}
		if r.kind != "hard" && weight >= soft {
			l.Soft, soft = n, weight
		}
		if r.kind != "soft" && weight >= hard {
			l.Hard, hard = n, weight
		}
	}
	switch {
	case soft == 0:
		l.Soft = l.Hard
	case hard == 0:
		l.Hard = l.Soft
	}
	return l, soft+hard > 0
}

// limitsValue returns the bytes of a value in KiB.
func limitsValue(s string) (uint64, bool) {
	switch s {
	case "unlimited", "infinity", "-1":
		return Unlimited, true
	}
	n, err := strconv.ParseUint(s, 10, 53)
	return n << 10, err == nil
}
