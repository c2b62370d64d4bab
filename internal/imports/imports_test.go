// SPDX-License-Identifier: BSD-3-Clause

package imports

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/gospdk/gospdk"

// layers lists folders from the bottom up: a package imports its own layer
// and those below. The longest prefix of a package's folder decides.
var layers = [][]string{
	{"internal", "log", "trace", "notify", "metrics", "rpc", "keyring"},
	{"nvme", "dif", "scsi", "virtio", "vfiouser", "nbd"},
	{"dma", "pci", "vfiouser/server", "internal/vfiosock", "internal/pcibar"},
	{"thread", "reactor", "sock", "pci/open"},
	{"nvme/host", "virtio/host", "iscsi/initiator", "accel"},
	{"bdev", "internal/vbdev"},
	{"blob", "lvol", "blobfs"},
	{"nvmf", "iscsi", "vhost", "nbd/server", "ublk"},
	{"app", "web"},
	{"internal/accelperf", "internal/bdevio", "internal/bdevperf", "internal/dd", "internal/embedded", "internal/identify", "internal/nvmecli", "internal/perf", "internal/cli", "internal/sim", "internal/testvm", "internal/vfiotest", "internal/machine", "internal/setup", "internal/doctor"},
	{"cmd", "examples"},
}

// specifications import nothing but the standard library, one another, and
// arithmetic.
var (
	specifications = []string{"nvme", "nvme/pdu", "nvme/dhchap", "scsi", "virtio", "vfiouser", "nbd"}
	arithmetic     = []string{"internal/crc32c"}
	// bigmod computes with secret exponents, which the standard library
	// offers to its own packages only.
	foreignArithmetic = []string{"filippo.io/bigmod"}
)

// specMayImport tells whether a specification package may import what.
func specMayImport(what string) bool {
	if first, _, _ := strings.Cut(what, "/"); !strings.Contains(first, ".") {
		return true
	}
	if slices.Contains(foreignArithmetic, what) {
		return true
	}
	folder, ours := strings.CutPrefix(what, module+"/")
	return ours && (slices.Contains(specifications, folder) || slices.Contains(arithmetic, folder))
}

// cores have plug-ins in the folders below them. A core does not import
// them, and they do not import one another.
var cores = []string{"accel", "bdev", "nvmf", "nvme/host", "pci"}

// joiners lie in a core's folder but stand above its plug-ins: they choose
// among them.
var joiners = []string{"pci/open"}

// rawAllowed may import unsafe and x/sys/unix in every file; others only in
// files named *_unsafe.go.
var rawAllowed = []string{"internal", "dma", "pci", "sock", "reactor"}

// rpcUsers are about JSON-RPC itself, or make daemons and commands. Elsewhere
// only files named rpc.go and rpc_*.go import rpc.
var rpcUsers = []string{"rpc", "app", "web", "cmd", "examples", "internal/cli", "internal/rpcdoc", "internal/rpcfuzz", "internal/spdkcli"}

func mayImportRPC(folder, file string) bool {
	return file == "rpc.go" || strings.HasPrefix(file, "rpc_") ||
		slices.ContainsFunc(rpcUsers, func(f string) bool { return within(folder, f) })
}

type pkg struct {
	ImportPath  string
	Dir         string
	GoFiles     []string
	Imports     []string
	folder      string // import path without the module's
	importsHere []string
}

func load(t *testing.T) []*pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,Imports", module+"/...")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var pkgs []*pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		p := new(pkg)
		if err := dec.Decode(p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		p.folder = strings.TrimPrefix(p.ImportPath, module+"/")
		for _, i := range p.Imports {
			if f, ok := strings.CutPrefix(i, module+"/"); ok {
				p.importsHere = append(p.importsHere, f)
			}
		}
		pkgs = append(pkgs, p)
	}
}

// within tells whether folder is parent or lies below it.
func within(folder, parent string) bool {
	return folder == parent || strings.HasPrefix(folder, parent+"/")
}

// layer returns the index in layers, -1 for a folder that no layer names.
func layer(folder string) int {
	found, length := -1, 0
	for i, folders := range layers {
		for _, f := range folders {
			if within(folder, f) && len(f) > length {
				found, length = i, len(f)
			}
		}
	}
	return found
}

// plugin returns the core whose plug-in folder is, and the plug-in's own
// folder; ok is false for anything else.
func plugin(folder string) (core, own string, ok bool) {
	if slices.Contains(joiners, folder) {
		return "", "", false
	}
	for _, c := range cores {
		if rest, found := strings.CutPrefix(folder, c+"/"); found && len(c) > len(core) {
			name, _, _ := strings.Cut(rest, "/")
			core, own, ok = c, c+"/"+name, true
		}
	}
	return core, own, ok
}

// broken returns the rule that folder breaks by importing target, "" if none.
func broken(folder, target string) string {
	from, to := layer(folder), layer(target)
	switch {
	case from < 0:
		return "is in a folder that no layer names; add it to layers"
	case to > from:
		return "imports point down the layers"
	case within(folder, "nvme/host") && within(target, "nvmf"):
		return "host and target share nvme, never each other"
	case within(folder, "nvmf") && within(target, "nvme/host"):
		return "host and target share nvme, never each other"
	case within(folder, "examples") && within(target, "internal"):
		return "examples use the public packages only"
	}
	if core, own, ok := plugin(target); ok {
		if folder == core {
			return "a core does not import its plug-ins"
		}
		if c, mine, ok := plugin(folder); ok && c == core && mine != own {
			return "modules meet by name, they do not import one another"
		}
	}
	return ""
}

func TestImportRules(t *testing.T) {
	for _, p := range load(t) {
		if layer(p.folder) < 0 {
			t.Errorf("%s %s", p.folder, broken(p.folder, "log"))
			continue
		}
		for _, target := range p.importsHere {
			if rule := broken(p.folder, target); rule != "" {
				t.Errorf("%s imports %s: %s", p.folder, target, rule)
			}
		}
		if slices.Contains(specifications, p.folder) {
			for _, i := range p.Imports {
				if !specMayImport(i) {
					t.Errorf("%s imports %s: specification packages import the standard library and one another only", p.folder, i)
				}
			}
		}
	}
}

func TestRawImports(t *testing.T) {
	for _, p := range load(t) {
		free := slices.ContainsFunc(rawAllowed, func(f string) bool { return within(p.folder, f) })
		for _, name := range p.GoFiles {
			if err := checkFile(p, name, free || strings.HasSuffix(name, "_unsafe.go")); err != nil {
				t.Error(err)
			}
		}
	}
}

func checkFile(p *pkg, name string, rawOK bool) error {
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.ImportsOnly)
	if err != nil {
		return err
	}
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		switch {
		case !rawOK && (imported == "unsafe" || imported == "golang.org/x/sys/unix"):
			return fmt.Errorf("%s/%s imports %s: it stays in %s and files named *_unsafe.go",
				p.folder, name, imported, strings.Join(rawAllowed, ", "))
		case imported == module+"/rpc" && !mayImportRPC(p.folder, name):
			return fmt.Errorf("%s/%s imports rpc: only rpc.go and rpc_*.go do, so that the rest is a library without a daemon", p.folder, name)
		}
	}
	return nil
}

// TestRules shows that the rules catch what they are for.
func TestRules(t *testing.T) {
	tests := []struct {
		from, to string
		bad      bool
	}{
		{"bdev", "thread", false},
		{"thread", "bdev", true},
		{"bdev", "bdev/malloc", true},
		{"bdev/malloc", "bdev", false},
		{"bdev/raid", "bdev/malloc", true},
		{"nvmf", "nvmf/vfiouser", true},
		{"nvmf/vfiouser", "vfiouser/server", false},
		{"vfiouser", "vfiouser/server", true},
		{"nvme/host", "nvmf", true},
		{"nvmf", "nvme/host", true},
		{"nvme/host/pcie", "pci", false},
		{"nvme/host/pcie", "nvme/host/tcp", true},
		{"internal/mmio", "dma", true},
		{"dma", "internal/mmio", false},
		{"examples/hello_world", "internal/cli", true},
		{"examples/hello_world", "nvme/host/pcie", false},
		{"cmd/gospdk", "internal/cli", false},
	}
	for _, test := range tests {
		if rule := broken(test.from, test.to); (rule != "") != test.bad {
			t.Errorf("%s imports %s: got %q", test.from, test.to, rule)
		}
	}
	if !mayImportRPC("bdev/malloc", "rpc.go") || mayImportRPC("bdev/malloc", "malloc.go") || !mayImportRPC("bdev", "rpc_get.go") || !mayImportRPC("app", "app.go") {
		t.Error("the rule about imports of rpc is wrong")
	}
	if !specMayImport("hash/crc32") || !specMayImport(module+"/nvme") || specMayImport(module+"/dma") || specMayImport("golang.org/x/sys/unix") {
		t.Error("the rule about imports of specification packages is wrong")
	}
	if layer(path.Join("unheard", "of")) != -1 {
		t.Error("a folder without a layer was accepted")
	}
}
