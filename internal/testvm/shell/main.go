// SPDX-License-Identifier: BSD-3-Clause

// Command shell boots a virtual machine with spare NVMe controllers on this
// terminal: the development environment for those without hardware.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/gospdk/gospdk/internal/testvm"
)

func main() {
	o := testvm.Interactive{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	flag.BoolVar(&o.IOMMU, "iommu", false, "give the machine an IOMMU, so that vfio-pci is used")
	flag.IntVar(&o.Memory, "memory", 0, "the machine's memory in `MiB`")
	flag.IntVar(&o.CPUs, "cpus", 0, "the machine's processors")
	flag.StringVar(&o.Binary, "binary", "bin/gospdk", "the gospdk `program`")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
		os.Exit(1)
	}
}

func run(o testvm.Interactive) error {
	if _, err := os.Stat(o.Binary); err != nil {
		return fmt.Errorf("%w: make build makes it", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	return o.Run(ctx)
}
