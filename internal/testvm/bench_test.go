// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// BenchmarkGuest measures one emulated controller through the guest kernel's
// driver (fio with io_uring, by interrupt and polled) and through ours, in
// turn. Emulation slows all of them; the ratio is what counts.
//
//	go test ./internal/testvm -run '^$' -bench Guest -benchtime 1x
func BenchmarkGuest(b *testing.B) {
	vm := Start(b, Config{
		CPUs: 1, Memory: 2048,
		Args: []string{
			"-blockdev", "driver=null-co,node-name=null,size=1073741824,read-zeroes=on",
			"-device", "nvme,serial=bench,drive=null,addr=5.0",
		},
		Modules: []string{"nvme poll_queues=1", "uio_pci_generic"}, Programs: []string{"fio"},
		Files: map[string]string{"/bin/gospdk": Binary(b)},
	})
	fmt.Printf("%-9s %-22s %10s %9s %9s %9s\n", "depth", "path", "IOPS", "p50 µs", "p99 µs", "p99.9 µs")
	for _, depth := range []int{1, 8, 32, 128} {
		var best [3]rates
		for range 3 {
			best[0] = best[0].better(kernelPath(b, vm, depth, "--hipri=0"))
			best[1] = best[1].better(kernelPath(b, vm, depth, "--hipri=1 --fixedbufs --registerfiles"))
			best[2] = best[2].better(ourPath(b, vm, depth))
		}
		for i, name := range []string{"kernel, interrupts", "kernel, polled", "gospdk"} {
			fmt.Printf("%-9d %-22s %10.0f %9.1f %9.1f %9.1f\n", depth, name, best[i].iops, best[i].p50, best[i].p99, best[i].p999)
		}
		b.ReportMetric(best[2].iops/max(best[0].iops, best[1].iops), fmt.Sprintf("ratio/qd%d", depth))
	}
}

// rates are I/Os a second and latencies in microseconds.
type rates struct{ iops, p50, p99, p999 float64 }

func (r rates) better(o rates) rates {
	if o.iops > r.iops {
		return o
	}
	return r
}

// benchSeconds is how long each measurement takes.
const benchSeconds = 3

func rebind(t testing.TB, vm *VM, driver string) {
	t.Helper()
	vm.MustShell(t, fmt.Sprintf(`cd /sys/bus/pci/devices/0000:00:05.0
		echo 0000:00:05.0 > driver/unbind; echo %s > driver_override; echo 0000:00:05.0 > /sys/bus/pci/drivers_probe`, driver))
}

func kernelPath(t testing.TB, vm *VM, depth int, options string) (r rates) {
	t.Helper()
	rebind(t, vm, "nvme")
	vm.Until(t, "test -b /dev/nvme0n1")
	out := vm.MustShell(t, fmt.Sprintf("fio --name=b --filename=/dev/nvme0n1 --direct=1 --ioengine=io_uring --rw=randread --bs=4k --iodepth=%d "+
		"--norandommap --time_based --runtime=%d --ramp_time=1 --thread --output-format=json %s", depth, benchSeconds, options))
	var res struct {
		Jobs []struct {
			Read struct {
				IOPS float64
				Clat struct{ Percentile map[string]float64 } `json:"clat_ns"`
			}
		}
	}
	if err := json.Unmarshal([]byte(out[strings.Index(out, "{"):]), &res); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p := res.Jobs[0].Read.Clat.Percentile
	return rates{res.Jobs[0].Read.IOPS, p["50.000000"] / 1e3, p["99.000000"] / 1e3, p["99.900000"] / 1e3}
}

func ourPath(t testing.TB, vm *VM, depth int) (r rates) {
	t.Helper()
	rebind(t, vm, "uio_pci_generic")
	vm.MustShell(t, "echo 256 > /proc/sys/vm/nr_hugepages")
	out := vm.MustRun(t, "gospdk", "perf", "-q", fmt.Sprint(depth), "-o", "4096", "-w", "randread", "-t", fmt.Sprint(benchSeconds), "-a", "1", "-L", "--json")
	var res struct {
		Lanes []struct {
			IOPS        float64
			Percentiles []struct{ Percent, US float64 }
		}
	}
	if err := json.Unmarshal([]byte(out), &res); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	r.iops = res.Lanes[0].IOPS
	for _, p := range res.Lanes[0].Percentiles {
		switch p.Percent {
		case 50:
			r.p50 = p.US
		case 99:
			r.p99 = p.US
		case 99.9:
			r.p999 = p.US
		}
	}
	return r
}
