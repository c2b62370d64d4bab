// SPDX-License-Identifier: BSD-3-Clause

// Command gospdk is the whole project in one binary. Called by the name of
// one of SPDK's programs (a symbolic link) it is that program.
package main

import (
	"os"

	"github.com/gospdk/gospdk/internal/cli"
)

// version is set by the linker.
var version = "unknown"

func main() { os.Exit(cli.Main(os.Args, version, modules())) }
