// SPDX-License-Identifier: BSD-3-Clause

package setup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/gospdk/gospdk/pci"
)

// stateFile keeps what config changed; see the package's documentation. /run
// ends with the boot, and so do the changes.
const stateFile = "/run/gospdk/setup.json"

const stateVersion = 1

// state is the content of stateFile.
type state struct {
	Version   int               `json:"version"`
	Hugepages []pool            `json:"hugepages"`
	Mounts    []string          `json:"mounts"`
	Drivers   map[string]string `json:"drivers"`
}

// pool is a pool of hugepages: those of one size, on one NUMA node where
// there are several.
type pool struct {
	File   string `json:"file"`   // of the kernel, that holds the number
	Before int    `json:"before"` // pages before the first config
	Set    int    `json:"set"`    // pages after the last one
}

// changed notes that config changed a pool. Where nobody else did since the
// last config, what was there before that one stays noted.
func (s *state) changed(p pool) {
	i := slices.IndexFunc(s.Hugepages, func(q pool) bool { return q.File == p.File })
	switch {
	case i < 0:
		s.Hugepages = append(s.Hugepages, p)
	case s.Hugepages[i].Set == p.Before:
		s.Hugepages[i].Set = p.Set
	default:
		s.Hugepages[i] = p
	}
}

// loadState returns what is remembered; nothing if there is no such file.
func (h *Host) loadState() (state, error) {
	empty := state{Version: stateVersion, Drivers: map[string]string{}}
	b, err := os.ReadFile(h.path(stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return empty, nil
	}
	if err != nil {
		return empty, err
	}
	s, err := parseState(b)
	if err != nil {
		return empty, fmt.Errorf("%s: %w", stateFile, err)
	}
	return s, nil
}

func parseState(b []byte) (state, error) {
	var s state
	if err := json.Unmarshal(b, &s); err != nil {
		return state{}, err
	}
	if s.Version != stateVersion {
		return state{}, fmt.Errorf("it has version %d, this program knows version %d", s.Version, stateVersion)
	}
	s.check()
	return s, nil
}

// poolFile matches the files that hold numbers of hugepages.
var poolFile = regexp.MustCompile(`^(/proc/sys/vm|/sys/(kernel/mm|devices/system/node/node[0-9]+)/hugepages/hugepages-[0-9]+kB)/nr_hugepages$`)

// check drops what config cannot have written: reset acts on what is here
// with the rights of root.
func (s *state) check() {
	if s.Drivers == nil {
		s.Drivers = map[string]string{}
	}
	maps.DeleteFunc(s.Drivers, func(address, driver string) bool {
		_, err := pci.ParseAddress(address)
		return err != nil || !driverName.MatchString(driver)
	})
	s.Hugepages = slices.DeleteFunc(s.Hugepages, func(p pool) bool {
		return !poolFile.MatchString(p.File) || p.Before < 0 || p.Set < 0
	})
	s.Mounts = slices.DeleteFunc(s.Mounts, func(dir string) bool { return dir != hugeMount })
}

// saveState replaces the file, or removes it if there is nothing to remember.
func (h *Host) saveState(s state) error {
	file := h.path(stateFile)
	if len(s.Hugepages) == 0 && len(s.Mounts) == 0 && len(s.Drivers) == 0 {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", append(b, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// remember changes what is remembered. That it cannot be written keeps
// nobody from working: only reset will know less.
func (h *Host) remember(change func(*state)) {
	h.stateLock.Lock()
	defer h.stateLock.Unlock()
	s, err := h.loadState()
	change(&s)
	if err := errors.Join(err, h.saveState(s)); err != nil {
		fmt.Fprintf(h.Err, "WARNING: reset will not know of this change: %v\n", err)
	}
}
