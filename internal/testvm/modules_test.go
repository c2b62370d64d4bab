// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	dependencies = `kernel/drivers/nvme/host/nvme.ko: kernel/drivers/nvme/host/nvme-core.ko kernel/drivers/nvme/common/nvme-auth.ko kernel/lib/crc.ko
kernel/drivers/nvme/host/nvme-core.ko: kernel/drivers/nvme/common/nvme-auth.ko kernel/lib/crc.ko
kernel/drivers/nvme/common/nvme-auth.ko: kernel/lib/crc.ko
kernel/lib/crc.ko:
kernel/drivers/uio/uio.ko:
kernel/drivers/uio/uio_pci_generic.ko: kernel/drivers/uio/uio.ko
kernel/a.ko: kernel/b.ko
kernel/b.ko: kernel/a.ko
`
	builtins = "kernel/drivers/virtio/virtio.ko\nkernel/drivers/virtio/virtio-pci.ko\n"
)

func TestModuleOrder(t *testing.T) {
	m, err := parseModules(dependencies, builtins)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ names, want []string }{
		{[]string{"nvme"}, []string{"crc", "nvme_auth", "nvme_core", "nvme"}},
		{[]string{"nvme-core", "nvme poll_queues=2"}, []string{"crc", "nvme_auth", "nvme_core", "nvme"}},
		{[]string{"virtio_pci", "uio-pci-generic", "uio"}, []string{"uio", "uio_pci_generic"}},
		{[]string{"a"}, []string{"b", "a"}}, // they need each other: it ends
	}
	for _, tt := range tests {
		files, err := m.order(tt.names...)
		var got []string
		for _, f := range files {
			got = append(got, moduleName(f))
		}
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("order%q = %q, %v, want %q", tt.names, got, err, tt.want)
		}
	}
	if _, err := m.order("nvme", "floppy"); err == nil || !strings.Contains(err.Error(), "floppy") {
		t.Errorf("a module that there is not: %v", err)
	}
	if _, err := parseModules("kernel/x.ko\n", ""); err == nil {
		t.Error("a line without a colon was accepted")
	}
}

// moduleTree makes lib/modules/6.0 in which each module holds its name.
func moduleTree(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "6.0")
	m, err := parseModules(dependencies, builtins)
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range m.file {
		writeTree(t, dir, file, name)
	}
	writeTree(t, dir, "modules.dep", dependencies)
	writeTree(t, dir, "modules.builtin", builtins)
	writeTree(t, dir, "modules.alias", "# comment\nalias pci:v*bc01sc08i02* nvme\nalias nvme-x nvme_core\nalias pci:* a\nalias broken\n")
	return dir
}

func writeTree(t *testing.T, root, path, text string) {
	t.Helper()
	path = filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestPackModules(t *testing.T) {
	m, err := readModules(moduleTree(t))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	a := &archive{w: &b}
	if err := m.pack(a, []string{"virtio_pci", "nvme-core multipath=N", "uio_pci_generic"}, []string{"nvme"}); err != nil {
		t.Fatal(err)
	}
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	files := unpack(t, b.Bytes())
	const base = "lib/modules/6.0/"
	want := map[string]string{
		"etc/modules": "/" + base + "kernel/lib/crc.ko\n/" + base + "kernel/drivers/nvme/common/nvme-auth.ko\n/" +
			base + "kernel/drivers/nvme/host/nvme-core.ko multipath=N\n/" + base + "kernel/drivers/uio/uio.ko\n/" + base + "kernel/drivers/uio/uio_pci_generic.ko\n",
		base + "modules.alias":                    "alias pci:v*bc01sc08i02* nvme\nalias nvme-x nvme_core\n",
		base + "modules.builtin":                  builtins,
		base + "kernel/drivers/nvme/host/nvme.ko": "nvme",
		base + "kernel/lib/crc.ko":                "crc",
	}
	for name, text := range want {
		if got := string(files[name].data); got != text {
			t.Errorf("%s holds\n%s\nwant\n%s", name, got, text)
		}
	}
	dep, err := parseModules(string(files[base+"modules.dep"].data), "")
	if err != nil || len(dep.file) != 6 || dep.file["a"] != "" || len(dep.needs[dep.file["nvme"]]) != 3 {
		t.Errorf("modules.dep has %v, %v", dep, err)
	}
	if _, ok := files[base+"kernel/a.ko"]; ok {
		t.Error("a module was packed that nobody asked for")
	}
}

func TestPackModulesWithoutFiles(t *testing.T) {
	dir := moduleTree(t)
	if err := os.Remove(filepath.Join(dir, "kernel/lib/crc.ko")); err != nil {
		t.Fatal(err)
	}
	m, err := readModules(dir)
	if err != nil {
		t.Fatal(err)
	}
	a := &archive{w: new(bytes.Buffer)}
	if err := m.pack(a, []string{"nvme"}, nil); err == nil && a.close() == nil {
		t.Error("the missing file of a module was not noticed")
	}
}

// FuzzModules orders what any modules.dep lists: each file once, after what
// it needs unless they need each other.
func FuzzModules(f *testing.F) {
	f.Add(dependencies, builtins)
	f.Add(":\n::\n a b: c\n", "/\n")
	f.Fuzz(func(t *testing.T, dep, builtin string) {
		m, err := parseModules(dep, builtin)
		if err != nil {
			return
		}
		for name, file := range m.file {
			files, err := m.order(name)
			switch {
			case m.builtin[name] || strings.Contains(name, " "): // names end at a space
			case err != nil:
				t.Fatalf("%q: %v", name, err)
			case !slices.Contains(files, file):
				t.Fatalf("%q needs %q but not itself", name, files)
			}
			slices.Sort(files)
			if len(slices.Compact(files)) != len(files) {
				t.Fatalf("%q: a file is there twice", name)
			}
		}
	})
}
