// SPDX-License-Identifier: BSD-3-Clause

package machine

import (
	"slices"
	"strings"
)

// Distro is what /etc/os-release says (os-release(5)).
type Distro struct {
	ID      string   `json:"id"`   // such as debian
	Like    []string `json:"like"` // those it descends from
	Version string   `json:"version"`
	Name    string   `json:"name"` // for people
}

// Distro returns the distribution; all its fields are empty where none says
// its name.
func (m *Machine) Distro() Distro {
	for _, file := range []string{"etc/os-release", "usr/lib/os-release"} {
		if b, err := m.read(file); err == nil {
			return parseOSRelease(b)
		}
	}
	return Distro{}
}

func parseOSRelease(b []byte) Distro {
	var d Distro
	for line := range strings.Lines(string(b)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || strings.HasPrefix(key, "#") {
			continue
		}
		value = unquote(value)
		switch key {
		case "ID":
			d.ID = strings.ToLower(value)
		case "ID_LIKE":
			d.Like = strings.Fields(strings.ToLower(value))
		case "VERSION_ID":
			d.Version = value
		case "PRETTY_NAME":
			d.Name = value
		}
	}
	return d
}

// unquote undoes the shell quoting of one value.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' && s[0] != '\'' || s[len(s)-1] != s[0] {
		return s
	}
	quote := s[0]
	s = s[1 : len(s)-1]
	if quote == '\'' || !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// Is tells whether the distribution is one of these or descends from one.
func (d Distro) Is(ids ...string) bool {
	return slices.ContainsFunc(ids, func(id string) bool { return d.ID == id || slices.Contains(d.Like, id) })
}

// ModulePackage returns the command that installs the package with the
// kernel's modules for user-space drivers, "" where it is not known.
func (d Distro) ModulePackage(release string) string {
	switch {
	case d.Is("ubuntu"):
		// vfio-pci is in the kernel's base package, uio_pci_generic is not.
		return "apt-get install linux-modules-extra-" + release
	case d.Is("debian"):
		return "apt-get install linux-image-" + release
	case d.Is("fedora", "rhel", "centos"):
		// kernel-modules has vfio-pci, kernel-modules-extra uio_pci_generic
		// in the releases that split it off.
		return "dnf install kernel-modules-" + release + " kernel-modules-extra-" + release
	case d.Is("arch"):
		return "pacman -S linux"
	case d.Is("suse", "opensuse"):
		return "zypper install kernel-default"
	case d.Is("alpine"):
		return "apk add linux-lts"
	}
	return ""
}
