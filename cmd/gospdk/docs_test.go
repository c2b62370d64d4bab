// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/gospdk/gospdk/app"
	"github.com/gospdk/gospdk/internal/rpcdoc"
)

// client_test.go uses what is generated, so it stays out.
//go:generate go test . -tags rpcdoc -run ^TestGenerated$ -count=1 -update

var update = flag.Bool("update", false, "write the generated files anew")

const root = "../.."

// TestGenerated tells when what follows from the registered methods does not
// follow from them any more, and with -update writes it.
func TestGenerated(t *testing.T) {
	r, err := app.Methods(target)
	if err != nil {
		t.Fatal(err)
	}
	files, err := rpcdoc.Generate(r)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range files {
		path = filepath.Join(root, path)
		if got, err := os.ReadFile(path); err == nil && bytes.Equal(got, want) {
			continue
		}
		if !*update {
			t.Errorf("%s is stale: run make docs", path)
		} else if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Error(err)
		}
	}
	there, err := filepath.Glob(filepath.Join(root, rpcdoc.ClientDir, rpcdoc.ClientFile+"*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range there {
		if rel, err := filepath.Rel(root, path); err != nil || files[filepath.ToSlash(rel)] != nil {
			continue
		}
		if !*update {
			t.Errorf("%s is not generated any more: run make docs", path)
		} else if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}
