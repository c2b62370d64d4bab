// SPDX-License-Identifier: BSD-3-Clause

package setup

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gospdk/gospdk/internal/machine/machinetest"
)

const (
	mounted = "0000:03:00.0"
	spare1  = "0000:0b:00.0"
	spare2  = "0000:13:00.0"
)

// bench is a machine under test and what setup prints.
type bench struct {
	*fakeKernel
	host      *Host
	out, errs strings.Builder
}

// newBench makes the machine of the mission: three controllers, the first of
// which has a mounted partition. All are in the IOMMU groups given.
func newBench(t *testing.T, groups ...int) *bench {
	b := &bench{fakeKernel: newFake(t)}
	b.Mkdir("sys/module/nvme")
	for i, bdf := range []string{mounted, spare1, spare2} {
		f := machinetest.Function{Vendor: 0x15ad, Device: 0x07f0, Class: 0x010802, Driver: "nvme"}
		if i < len(groups) {
			f.Group = groups[i]
		}
		b.Tree.Add(bdf, f)
		name := fmt.Sprintf("nvme%d", i)
		b.Controller(bdf, name)
		b.Namespace(name, name+"n1", fmt.Sprintf("259:%d", 2*i))
		b.aliases[b.read("sys/bus/pci/devices/"+bdf+"/modalias")] = "nvme"
	}
	b.Partition("nvme0n1", "nvme0n1p1", "259:9")
	b.Mount("self", "259:9", "/dev/nvme0n1p1", "/data", "ext4")
	b.host = New(b.Root, b, &b.out, &b.errs)
	b.host.Patience = 20 * time.Millisecond
	return b
}

// tree returns the links and files that setup may change, to compare.
func (b *bench) tree() map[string]string {
	found := map[string]string{}
	err := filepath.WalkDir(b.Root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name := strings.TrimPrefix(path, b.Root)
		if link, err := os.Readlink(path); err == nil {
			found[name] = link
		} else if st, err := d.Info(); err == nil && st.Size() < 1<<16 {
			text, _ := os.ReadFile(path)
			found[name] = strings.TrimSpace(string(text))
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	// A driver that no function is bound to, and an override that is empty,
	// are the same as none.
	maps.DeleteFunc(found, func(name, text string) bool { return strings.HasSuffix(name, "/driver_override") && text == "" })
	return found
}

// same fails the test if the machine differs from what it was.
func (b *bench) same(before map[string]string) {
	b.t.Helper()
	now := b.tree()
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if text, ok := now[name]; !ok || text != before[name] {
			b.t.Errorf("%s was %q, is %q (there: %v)", name, before[name], text, ok)
		}
	}
	for name, text := range now {
		if _, ok := before[name]; !ok {
			b.t.Errorf("%s was made (%q)", name, text)
		}
	}
}

// golden compares what was printed.
func (b *bench) golden(want string) {
	b.t.Helper()
	if got := b.out.String(); got != want {
		b.t.Errorf("printed:\n%s\nwant:\n%s", got, want)
	}
	b.out.Reset()
}

func (b *bench) config(o Options) {
	b.t.Helper()
	if err := b.host.Config(context.Background(), o); err != nil {
		b.t.Fatalf("config: %v\n%s%s", err, &b.out, &b.errs)
	}
}

func (b *bench) reset(o Options) {
	b.t.Helper()
	if err := b.host.Reset(context.Background(), o); err != nil {
		b.t.Fatalf("reset: %v\n%s%s", err, &b.out, &b.errs)
	}
}

func (b *bench) drivers(want ...string) {
	b.t.Helper()
	for i, bdf := range []string{mounted, spare1, spare2} {
		if got := b.driver(bdf); got != want[i] {
			b.t.Errorf("%s is bound to %q, want %q", bdf, got, want[i])
		}
	}
}

// did tells whether a change was made.
func (b *bench) did(what string) bool {
	return slices.ContainsFunc(b.log, func(l string) bool { return strings.HasPrefix(l, what) })
}

// parse makes options of variables: "HUGEMEM=64 PCI_ALLOWED=none".
func parse(t *testing.T, variables string) Options {
	t.Helper()
	env := map[string]string{}
	for _, v := range strings.Split(variables, ";") {
		name, value, _ := strings.Cut(v, "=")
		env[strings.TrimSpace(name)] = value
	}
	o, err := Parse(func(name string) string { return env[name] }, nil)
	if err != nil {
		t.Fatal(err)
	}
	return o
}
