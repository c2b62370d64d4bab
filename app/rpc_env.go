// SPDX-License-Identifier: BSD-3-Clause

package app

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/pci/open"
	"github.com/gospdk/gospdk/rpc"
)

// CompatibleWith is the version of SPDK whose interfaces the daemon speaks.
var CompatibleWith = VersionFields{Major: 26, Minor: 9, Patch: 0, Suffix: "-pre"}

// VersionFields are the parts of a version.
type VersionFields struct {
	Major  int    `json:"major"`
	Minor  int    `json:"minor"`
	Patch  int    `json:"patch"`
	Suffix string `json:"suffix"`
	Commit string `json:"commit,omitempty"`
}

// String returns the version as SPDK writes it.
func (v VersionFields) String() string {
	s := fmt.Sprintf("SPDK v%02d.%02d", v.Major, v.Minor)
	if v.Patch > 0 {
		s += fmt.Sprintf(".%d", v.Patch)
	}
	return s + v.Suffix
}

type versionInfo struct {
	Version string        `json:"version"`
	Fields  VersionFields `json:"fields"`
	Gospdk  string        `json:"gospdk"`
}

type killParams struct {
	Signal killSignal `json:"sig_name" rpc:"required" doc:"SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGKILL or SIGUSR1, or its number"`
}

type memStats struct {
	Filename string `json:"filename"`
}

func (a *App) registerEnv() {
	rpc.Register(a.RPC, "spdk_get_version", func(context.Context, none) (versionInfo, error) {
		v := CompatibleWith
		return versionInfo{v.String() + " (gospdk " + a.cfg.Version + ")", v, a.cfg.Version}, nil
	}, rpc.Always(), rpc.Doc("Returns the version of SPDK that this target is compatible with, and its own."))
	rpc.Register(a.RPC, "spdk_kill_instance", func(_ context.Context, p killParams) (rpc.True, error) {
		return true, syscall.Kill(os.Getpid(), syscall.Signal(p.Signal))
	}, rpc.Doc("Sends a signal to the target: SIGINT and SIGTERM stop it in order."))
	rpc.Register(a.RPC, "env_dpdk_get_mem_stats", func(context.Context, none) (memStats, error) {
		f, err := os.CreateTemp("", "spdk_mem_dump.*.txt")
		if err != nil {
			return memStats{}, err
		}
		defer f.Close()
		return memStats{f.Name()}, dumpMemory(f)
	}, rpc.Doc("Writes what is known about the target's memory to a file and returns its name."))
	rpc.Register(a.RPC, "framework_get_pci_devices", func(context.Context, none) ([]pciDevice, error) {
		return pciDevices()
	}, rpc.Doc("Lists the PCI functions that the target drives."))
}

// pciDevice is a function that the target drives.
type pciDevice struct {
	Address     string `json:"address"`
	Type        string `json:"type"`
	NUMA        int    `json:"numa_id"`
	ConfigSpace string `json:"config_space"`
}

// configSizes are those of a function's configuration space, conventional and
// extended (PCI Express Base 7.2), in bytes.
const (
	configSize   = 256
	extendedSize = 4096
)

func pciDevices() ([]pciDevice, error) {
	all := []pciDevice{}
	for _, d := range open.InUse() {
		config := make([]byte, extendedSize)
		if err := d.ConfigRead(0, config[:configSize]); err != nil {
			return nil, fmt.Errorf("configuration space of %s: %w", d.Address(), err)
		}
		extended := config[configSize:]
		if err := d.ConfigRead(configSize, extended); err != nil || !slices.ContainsFunc(extended, func(b byte) bool { return b != 0 }) {
			config = config[:configSize]
		}
		all = append(all, pciDevice{d.Address(), "pci", d.Function.NUMA, hex.EncodeToString(config)})
	}
	return all, nil
}

// dumpMemory writes an account of DMA memory, of Go's heap and of the process.
func dumpMemory(f *os.File) error {
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "DMA memory:")
	var total int
	for _, r := range dma.Regions() {
		fmt.Fprintf(w, "  address 0x%x size %d\n", r.Addr, len(r.Mem))
		total += len(r.Mem)
	}
	fmt.Fprintf(w, "  reserved addresses: %d bytes (pages are taken as they are written)\n", total)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Fprintf(w, "Go heap:\n  in use %d bytes, from the system %d bytes, %d objects, %d collections\n",
		m.HeapInuse, m.HeapSys, m.HeapObjects, m.NumGC)
	fmt.Fprintf(w, "  goroutines %d, limit %s\n", runtime.NumGoroutine(), strconv.FormatInt(debug.SetMemoryLimit(-1), 10))
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		fmt.Fprintln(w, "Process:")
		for line := range strings.Lines(string(status)) {
			if strings.HasPrefix(line, "Vm") || strings.HasPrefix(line, "Rss") || strings.HasPrefix(line, "Huge") {
				fmt.Fprintf(w, "  %s", line)
			}
		}
	}
	return w.Flush()
}
