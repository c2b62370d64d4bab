// SPDX-License-Identifier: BSD-3-Clause

package spdkcli

import (
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/tree.txt anew")

// TestTree compares the tree of everything that spdkcli knows with a file,
// whose lines are those of SPDK's own tests of spdkcli.
func TestTree(t *testing.T) {
	for _, knows := range []bool{true, false} {
		got := newFake(t).user(knows).must("ls")
		if *update {
			if err := os.WriteFile("testdata/tree.txt", []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile("testdata/tree.txt")
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("the tree is\n%s\nnot\n%s", got, want)
		}
	}
}
