// SPDX-License-Identifier: BSD-3-Clause

package host_test

import (
	"testing"

	"github.com/gospdk/gospdk/internal/sim/nvmectrlr"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// echoRig is a driver on a controller that costs next to nothing.
func echoRig(tb testing.TB, cfg nvmectrlr.Config, o host.QPairOptions) (*host.QPair, *host.Namespace, *nvmectrlr.Echo) {
	cfg.Manual = true
	cfg.Namespaces = []nvme.IdentifyNamespace{nvmectrlr.Namespace(1<<20, 9, 8)}
	t, ok := tb.(*testing.T)
	if !ok {
		t = &testing.T{}
	}
	r, err := connect(t, cfg, host.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	r.dev.Record = false
	qp, err := r.ctrlr.AllocIOQPair(o)
	if err != nil {
		tb.Fatal(err)
	}
	return qp, r.ctrlr.Namespace(1), r.dev.Echo(1)
}

func TestDataPathDoesNotAllocate(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  nvmectrlr.Config
	}{
		{"doorbells", nvmectrlr.Config{}},
		{"shadow doorbells", nvmectrlr.Config{Shadow: true}},
		{"MDTS 8 KiB", nvmectrlr.Config{MDTS: 1}},
		{"SGL", nvmectrlr.Config{Identify: func(id *nvme.IdentifyController) { id.SGLS = nvme.SGLSSupported }}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			qp, ns, echo := echoRig(t, tt.cfg, host.QPairOptions{})
			buf, meta := dmaBuffer(t, 64<<10), dmaBuffer(t, 4096)
			iov := [][]byte{buf[:4096], buf[8192:16384], buf[4096:8192]}
			i := newIO()
			run := func(name string, submit func() error) {
				t.Helper()
				n := testing.AllocsPerRun(100, func() {
					if err := submit(); err != nil {
						t.Fatal(err)
					}
					for i.n == 0 {
						echo.Step()
						if _, err := qp.ProcessCompletions(0); err != nil {
							t.Fatal(err)
						}
					}
					i.n = 0
				})
				if n != 0 {
					t.Errorf("%s: %v allocations", name, n)
				}
			}
			run("read", func() error { return qp.Read(ns, &i.Request, buf[:4096], 8, 8, 0) })
			run("large write", func() error { return qp.Write(ns, &i.Request, buf, 8, 128, host.FlagFUA) })
			run("readv", func() error { return qp.ReadV(ns, &i.Request, iov, 8, 32, 0) })
			run("write with metadata", func() error {
				return qp.WriteExt(ns, &i.Request, &host.Transfer{Buf: buf, Meta: meta, LBA: 3, Count: 16})
			})
			run("flush", func() error { return qp.Flush(ns, &i.Request) })
			run("write zeroes", func() error { return qp.WriteZeroes(ns, &i.Request, 0, 100, 0) })
		})
	}
}

func benchmarkEcho(b *testing.B, cfg nvmectrlr.Config, depth int, o host.QPairOptions) {
	qp, ns, echo := echoRig(b, cfg, o)
	buf := dmaBuffer(b, 4096)
	reqs := make([]io, depth)
	for i := range reqs {
		reqs[i].Done = &reqs[i]
	}
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += depth {
		for i := range reqs {
			if err := qp.Read(ns, &reqs[i].Request, buf, uint64(i)*8, 8, 0); err != nil {
				b.Fatal(err)
			}
		}
		for left := depth; left > 0; {
			echo.Step()
			k, err := qp.ProcessCompletions(0)
			if err != nil {
				b.Fatal(err)
			}
			left -= k
		}
	}
}

func BenchmarkDriver(b *testing.B) {
	b.Run("depth128", func(b *testing.B) { benchmarkEcho(b, nvmectrlr.Config{}, 128, host.QPairOptions{}) })
	b.Run("depth128shadow", func(b *testing.B) { benchmarkEcho(b, nvmectrlr.Config{Shadow: true}, 128, host.QPairOptions{}) })
	b.Run("depth128delayed", func(b *testing.B) {
		benchmarkEcho(b, nvmectrlr.Config{Shadow: true}, 128, host.QPairOptions{DelayCmdSubmit: true})
	})
	b.Run("depth1shadow", func(b *testing.B) { benchmarkEcho(b, nvmectrlr.Config{Shadow: true}, 1, host.QPairOptions{}) })
}
