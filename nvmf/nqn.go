// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
)

// MaxNQN is the length in bytes of the longest NVMe Qualified Name.
const MaxNQN = 223

const uuidPrefix = "nqn.2014-08.org.nvmexpress:uuid:"

// CheckNQN tells what is wrong with an NVMe Qualified Name: "nqn.", the year
// and month in which a domain was registered, the domain reversed, a colon
// and any text; or the form with a UUID (NVMe Base 2.0, 4.7).
func CheckNQN(nqn string) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("nvmf: NQN %q: "+format, append([]any{nqn}, args...)...)
	}
	if len(nqn) > MaxNQN {
		return bad("%d bytes long, at most %d are allowed", len(nqn), MaxNQN)
	}
	if !utf8.ValidString(nqn) {
		return bad("not UTF-8")
	}
	if id, ok := strings.CutPrefix(nqn, uuidPrefix); ok {
		if _, err := uuid.Parse(id); err != nil || len(id) != 36 {
			return bad("%q is no UUID", id)
		}
		return nil
	}
	rest, ok := strings.CutPrefix(nqn, "nqn.")
	if !ok {
		return bad("does not begin with %q", "nqn.")
	}
	date, rest, ok := strings.Cut(rest, ".")
	if !ok || !isYearMonth(date) {
		return bad("%q is no date of the form yyyy-mm", date)
	}
	domain, name, ok := strings.Cut(rest, ":")
	if !ok || name == "" {
		return bad("no colon and name after the domain")
	}
	if !isDomain(domain) {
		return bad("%q is no reversed domain name", domain)
	}
	return nil
}

func isYearMonth(s string) bool {
	if len(s) != 7 || s[4] != '-' {
		return false
	}
	for i := range s {
		if i != 4 && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	month := s[5:]
	return month >= "01" && month <= "12"
}

func isDomain(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			c := label[i]
			if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
				return false
			}
		}
	}
	return s[0] < '0' || s[0] > '9'
}
