// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// modules is a directory of kernel modules (modules.dep, as depmod makes it).
type modules struct {
	dir     string              // …/lib/modules/VERSION
	needs   map[string][]string // file of a module: files of those that it needs, all of them
	file    map[string]string   // module's name: its file
	builtin map[string]bool
}

// soft is what modules ask for by themselves when they are used, by an alias
// that modules.dep does not show.
var soft = map[string][]string{
	"ext4":  {"crc32c_generic"},
	"raid1": {"crc32c_generic"},
}

// moduleName is what modprobe knows a file as.
func moduleName(file string) string {
	name, _, _ := strings.Cut(filepath.Base(file), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}

func readModules(dir string) (*modules, error) {
	dep, err := os.ReadFile(filepath.Join(dir, "modules.dep"))
	if err != nil {
		return nil, err
	}
	builtin, err := os.ReadFile(filepath.Join(dir, "modules.builtin"))
	if err != nil {
		return nil, err
	}
	m, err := parseModules(string(dep), string(builtin))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	m.dir = dir
	return m, nil
}

// parseModules reads modules.dep, whose lines are "file: file…", and
// modules.builtin, whose lines are files.
func parseModules(dep, builtin string) (*modules, error) {
	m := &modules{needs: make(map[string][]string), file: make(map[string]string), builtin: make(map[string]bool)}
	for line := range strings.Lines(dep) {
		file, needs, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			return nil, fmt.Errorf("modules.dep: line %q has no colon", strings.TrimSpace(line))
		}
		m.needs[file] = strings.Fields(needs)
		m.file[moduleName(file)] = file
	}
	for _, file := range strings.Fields(builtin) {
		m.builtin[moduleName(file)] = true
	}
	return m, nil
}

// order returns the files of the modules and of all that they need, each
// after what it needs itself.
func (m *modules) order(names ...string) ([]string, error) {
	var files []string
	seen := make(map[string]bool)
	var add func(file string)
	add = func(file string) {
		if seen[file] {
			return
		}
		seen[file] = true
		for _, need := range m.needs[file] {
			add(need)
		}
		for _, name := range soft[moduleName(file)] {
			if need := m.file[name]; need != "" {
				add(need)
			}
		}
		files = append(files, file)
	}
	for _, name := range names {
		name, _, _ = strings.Cut(name, " ")
		plain := strings.ReplaceAll(name, "-", "_")
		if m.builtin[plain] {
			continue
		}
		file, ok := m.file[plain]
		if !ok {
			return nil, fmt.Errorf("the guest's kernel has no module %s", name)
		}
		add(file)
	}
	return files, nil
}

// pack puts the modules into the archive, with the lists that modprobe
// needs, and those of boot into the list that the agent loads.
func (m *modules) pack(a *archive, boot, onDemand []string) error {
	all, err := m.order(append(slices.Clone(boot), onDemand...)...)
	if err != nil {
		return err
	}
	base := "/lib/modules/" + filepath.Base(m.dir)
	var dep strings.Builder
	for _, file := range all {
		a.file(base+"/"+file, filepath.Join(m.dir, file))
		fmt.Fprintf(&dep, "%s: %s\n", file, strings.Join(m.needs[file], " "))
	}
	a.bytes(base+"/modules.dep", 0o644, []byte(dep.String()))
	if err := m.packAliases(a, base, all); err != nil {
		return err
	}
	a.file(base+"/modules.builtin", filepath.Join(m.dir, "modules.builtin"))
	first, err := m.order(boot...)
	if err != nil {
		return err
	}
	var load strings.Builder
	for _, file := range first {
		fmt.Fprintf(&load, "%s/%s%s\n", base, file, parameters(boot, file))
	}
	a.bytes("/etc/modules", 0o644, []byte(load.String()))
	return nil
}

// packAliases keeps those names of the modules that lead to one of files:
// modprobe reads the list from its beginning, each time.
func (m *modules) packAliases(a *archive, base string, files []string) error {
	all, err := os.ReadFile(filepath.Join(m.dir, "modules.alias"))
	if err != nil {
		return err
	}
	packed := make(map[string]bool)
	for _, file := range files {
		packed[moduleName(file)] = true
	}
	var list strings.Builder
	for line := range strings.Lines(string(all)) {
		// alias PATTERN MODULE
		if f := strings.Fields(line); len(f) == 3 && packed[strings.ReplaceAll(f[2], "-", "_")] {
			list.WriteString(line)
		}
	}
	a.bytes(base+"/modules.alias", 0o644, []byte(list.String()))
	return nil
}

// parameters returns what follows the module's name in the list, with the
// space.
func parameters(list []string, file string) string {
	for _, entry := range list {
		name, params, ok := strings.Cut(entry, " ")
		if ok && strings.ReplaceAll(name, "-", "_") == moduleName(file) {
			return " " + params
		}
	}
	return ""
}
