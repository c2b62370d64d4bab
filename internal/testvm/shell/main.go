// SPDX-License-Identifier: BSD-3-Clause

// Command shell boots a virtual machine with spare NVMe controllers on this
// terminal: the development environment for those without hardware.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/term"

	"github.com/gospdk/gospdk/internal/testvm"
)

func main() {
	iommu := flag.Bool("iommu", false, "give the machine an IOMMU, so that vfio-pci is used")
	binary := flag.String("binary", "bin/gospdk", "the gospdk `program` to put into it")
	flag.Parse()
	if err := run(*iommu, *binary); err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
		os.Exit(1)
	}
}

func run(iommu bool, binary string) error {
	if _, err := os.Stat(binary); err != nil {
		return fmt.Errorf("%w: make build makes it", err)
	}
	if fd := int(os.Stdin.Fd()); term.IsTerminal(fd) {
		// The guest's shell does the editing.
		old, err := term.MakeRaw(fd)
		if err != nil {
			return err
		}
		defer func() { _ = term.Restore(fd, old) }()
	}
	err := testvm.Interactive(os.Stdin, os.Stdout, os.Stderr, iommu, binary)
	if _, ok := err.(*exec.ExitError); ok {
		return fmt.Errorf("QEMU: %w", err)
	}
	return err
}
