// SPDX-License-Identifier: BSD-3-Clause

package log

import (
	"fmt"
	"strings"
)

// Level says how important a line is; the smaller the more.
type Level int32

// Levels, by SPDK's names and values.
const (
	LevelDisabled Level = iota - 1
	LevelError
	LevelWarning
	LevelNotice
	LevelInfo
	LevelDebug
)

var levelNames = [...]string{"DISABLED", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"}

// String returns SPDK's name of the level: "WARNING".
func (l Level) String() string {
	if l < LevelDisabled || l > LevelDebug {
		return fmt.Sprintf("Level(%d)", int32(l))
	}
	return levelNames[l+1]
}

// ParseLevel returns the level of that name, in any case.
func ParseLevel(name string) (Level, error) {
	for i, n := range levelNames {
		if strings.EqualFold(n, name) {
			return Level(i - 1), nil
		}
	}
	return 0, fmt.Errorf("log: unknown level %q: want one of %s", name, strings.Join(levelNames[:], ", "))
}

// UnmarshalText implements encoding.TextUnmarshaler with ParseLevel.
func (l *Level) UnmarshalText(b []byte) (err error) {
	*l, err = ParseLevel(string(b))
	return err
}

// MarshalText implements encoding.TextMarshaler.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }
