// SPDX-License-Identifier: BSD-3-Clause

package log

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Component prints lines that belong to a flag. Make one with [Flag].
type Component struct {
	on   atomic.Bool
	name string
}

var (
	flagsMu sync.Mutex
	flags   = map[string]*Component{}
)

// Flag returns the component of that name and registers it when it is new;
// files and packages that use one name share it. Names are SPDK's where
// SPDK has one: "nvme", "vfio_user", "nvmf", "bdev".
func Flag(name string) *Component {
	flagsMu.Lock()
	defer flagsMu.Unlock()
	c := flags[name]
	if c == nil {
		c = &Component{name: name}
		flags[name] = c
	}
	return c
}

// SetFlag turns the lines of a component on; "all" means every component.
// The error for an unknown name lists the known ones.
func SetFlag(name string) error { return setFlag(name, true) }

// ClearFlag turns the lines of a component, or of "all", off.
func ClearFlag(name string) error { return setFlag(name, false) }

func setFlag(name string, on bool) error {
	flagsMu.Lock()
	defer flagsMu.Unlock()
	if strings.EqualFold(name, "all") {
		for _, c := range flags {
			c.on.Store(on)
		}
		return nil
	}
	for n, c := range flags {
		if strings.EqualFold(n, name) {
			c.on.Store(on)
			return nil
		}
	}
	return fmt.Errorf("log: unknown flag %q: want all or one of %s", name, strings.Join(names(), ", "))
}

// FlagEnabled tells whether the component of that name has its lines on.
func FlagEnabled(name string) bool {
	flagsMu.Lock()
	defer flagsMu.Unlock()
	c := flags[name]
	return c != nil && c.Enabled()
}

// Flags returns the names of all components, sorted.
func Flags() []string {
	flagsMu.Lock()
	defer flagsMu.Unlock()
	return names()
}

func names() []string {
	s := make([]string, 0, len(flags))
	for n := range flags {
		s = append(s, n)
	}
	slices.Sort(s)
	return s
}

// Name returns the name of the component's flag.
func (c *Component) Name() string { return c.name }

// Enabled tells whether the component's flag is on. It is one atomic load.
func (c *Component) Enabled() bool { return c.on.Load() }

// Debugf logs a step of the component's work.
func (c *Component) Debugf(format string, args ...any) {
	if c.on.Load() {
		c.flagged(LevelDebug, format, args)
	}
}

// Infof logs a larger step of the component's work.
func (c *Component) Infof(format string, args ...any) {
	if c.on.Load() {
		c.flagged(LevelInfo, format, args)
	}
}

func (c *Component) flagged(level Level, format string, args []any) {
	toOutput := PrintLevel() != LevelDisabled
	toHandler := GetLevel() != LevelDisabled && handler.Load() != nil
	if toOutput || toHandler {
		emit(level, c.name, toOutput, toHandler, format, args)
	}
}
