// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gospdk/gospdk/app"
	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/internal/bdevperf"
	"github.com/gospdk/gospdk/log"
)

// stress does things to a daemon at random: it makes and deletes stacks of
// devices, changes their sizes, limits and claims, and has verified IO and
// resets under way all the time.
type stress struct {
	*testing.T
	a    *app.App
	rng  *rand.Rand
	dir  string
	n    int // names given
	mu   sync.Mutex
	busy map[string]bool // devices that a job writes to
	jobs sync.WaitGroup
	done map[string]int // what was done
}

// steps is how many things TestStress does; GOSPDK_STRESS sets it, and
// GOSPDK_SEED the seed, to repeat a run.
const steps = 4000

func TestStress(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("GOSPDK_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 0, 64)
	}
	n := steps
	if s := os.Getenv("GOSPDK_STRESS"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	t.Logf("GOSPDK_SEED=%d", seed)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	log.SetOutput(io.Discard)
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil { // the runtime opens its own descriptors
		l.Close()
	}
	descriptors, memory := openFiles(t), mapped()
	s := &stress{T: t, rng: rand.New(rand.NewPCG(seed, 1)), dir: t.TempDir(), busy: map[string]bool{}, done: map[string]int{}}
	ctx := context.Background()
	var err error
	s.a, err = app.Start(ctx, app.Config{MainCore: -1, NoCPULocks: true, LockDir: t.TempDir()}, target)
	if err != nil {
		t.Fatal(err)
	}
	s.call("accel_crypto_key_create", `{"name":"key","cipher":"AES_XTS","key":"00112233445566778899aabbccddeeff","key2":"ffeeddccbbaa99887766554433221100"}`)
	for range n {
		s.step()
	}
	s.jobs.Wait()
	s.empty()
	if err := s.a.Stop(ctx); err != nil {
		t.Error(err)
	}
	t.Logf("done: %v", s.done)
	// Contexts of AIO end in the background.
	for deadline := time.Now().Add(10 * time.Second); len(openFiles(t)) > len(descriptors); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("open files before: %q\nafter: %q", descriptors, openFiles(t))
			break
		}
	}
	// What was allocated in all is many times more.
	if now := mapped(); now > memory+(512<<20) {
		t.Errorf("DMA memory grew from %d to %d bytes", memory, now)
	}
}

// openFiles lists the descriptors of the process, but for the runtime's own.
func openFiles(t *testing.T) (all []string) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		to, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err == nil && !strings.HasPrefix(to, "/proc/") && !strings.Contains(to, "memfd:") && !strings.Contains(to, "eventpoll") {
			all = append(all, to)
		}
	}
	slices.Sort(all)
	return all
}

func mapped() (n int) {
	runtime.GC()
	for _, r := range dma.Regions() {
		n += len(r.Mem)
	}
	return n
}

// call calls a method; what it answers does not matter, only that it does.
func (s *stress) call(method, params string) (string, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	result, err := s.a.RPC.Call(ctx, method, json.RawMessage(params))
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		buf := make([]byte, 1<<20)
		s.Fatalf("%s %s does not return\n%s", method, params, buf[:runtime.Stack(buf, true)])
	}
	if err != nil {
		if strings.Contains(err.Error(), "-32603") || strings.Contains(err.Error(), "unexpectedly") {
			s.Errorf("%s %s: %v", method, params, err)
		}
		return "", false
	}
	s.done[method]++
	b, _ := json.Marshal(result)
	return string(b), true
}

func (s *stress) name(prefix string) string {
	s.n++
	return prefix + strconv.Itoa(s.n)
}

// pick returns a device that nobody has claimed, "" if there is none.
func (s *stress) pick() string {
	var free []string
	for _, i := range s.a.Bdevs.List() {
		if module, _, err := s.a.Bdevs.Claimed(i.Name); err == nil && module == "" {
			free = append(free, i.Name)
		}
	}
	if len(free) == 0 {
		return ""
	}
	return free[s.rng.IntN(len(free))]
}

func (s *stress) step() {
	actions := []func(){
		s.makeBase, s.makeBase, s.makeUpper, s.makeUpper, s.makeUpper, s.makeUpper,
		s.delete, s.delete, s.write, s.write, s.write, s.write, s.adjust, s.adjust, s.look, s.readOnly,
	}
	actions[s.rng.IntN(len(actions))]()
	if len(s.a.Bdevs.List()) > 40 {
		s.delete()
	}
}

func (s *stress) makeBase() {
	blocks := 512 << s.rng.IntN(5)
	switch s.rng.IntN(4) {
	case 0, 1:
		s.call("bdev_malloc_create", fmt.Sprintf(`{"name":%q,"num_blocks":%d,"block_size":512,"optimal_io_boundary":%d}`, s.name("m"), blocks, s.rng.IntN(3)*8))
	case 2:
		s.call("bdev_malloc_create", fmt.Sprintf(`{"name":%q,"num_blocks":%d,"block_size":4096,"md_size":8,"md_interleave":%v}`, s.name("md"), blocks, s.rng.IntN(2) == 0))
	case 3:
		file := filepath.Join(s.dir, s.name("f"))
		if err := os.WriteFile(file, make([]byte, blocks*512), 0o600); err != nil {
			s.Fatal(err)
		}
		kind := []string{"aio", "uring"}[s.rng.IntN(2)]
		s.call("bdev_"+kind+"_create", fmt.Sprintf(`{"name":%q,"filename":%q,"block_size":512}`, s.name(kind), file))
	}
}

func (s *stress) makeUpper() {
	base, second := s.pick(), s.pick()
	if base == "" || s.isBusy(base) || s.isBusy(second) {
		return
	}
	switch s.rng.IntN(7) {
	case 0:
		s.call("bdev_passthru_create", fmt.Sprintf(`{"name":%q,"base_bdev_name":%q}`, s.name("pt"), base))
	case 1:
		s.call("bdev_delay_create", fmt.Sprintf(`{"name":%q,"base_bdev_name":%q,"avg_read_latency":5,"p99_read_latency":100,"avg_write_latency":5,"p99_write_latency":100}`, s.name("dl"), base))
	case 2:
		s.call("bdev_error_create", fmt.Sprintf(`{"base_name":%q}`, base))
	case 3:
		s.call("bdev_split_create", fmt.Sprintf(`{"base_bdev":%q,"split_count":%d}`, base, 1+s.rng.IntN(4)))
	case 4, 5:
		level := []string{"raid0", "concat"}[s.rng.IntN(2)]
		s.call("bdev_raid_create", fmt.Sprintf(`{"name":%q,"raid_level":%q,"strip_size_kb":4,"base_bdevs":[%q,%q]}`, s.name("r"), level, base, second))
	case 6:
		s.call("bdev_crypto_create", fmt.Sprintf(`{"name":%q,"base_bdev_name":%q,"key_name":"key"}`, s.name("c"), base))
	}
}

// deletions are the methods that delete devices of a module.
var deletions = map[string]string{
	"malloc": "bdev_malloc_delete", "aio": "bdev_aio_delete", "uring": "bdev_uring_delete", "passthru": "bdev_passthru_delete", "delay": "bdev_delay_delete",
	"error": "bdev_error_delete", "raid": "bdev_raid_delete", "crypto": "bdev_crypto_delete",
}

// delete deletes any device, also one that others stand on: they go with it.
func (s *stress) delete() {
	all := s.a.Bdevs.List()
	if len(all) == 0 {
		return
	}
	i := all[s.rng.IntN(len(all))]
	if i.Module == "split" {
		s.call("bdev_split_delete", fmt.Sprintf(`{"base_bdev":%q}`, splitBase(i.Name)))
		return
	}
	if method := deletions[i.Module]; method != "" {
		s.call(method, fmt.Sprintf(`{"name":%q}`, i.Name))
	}
}

// splitBase returns what a part was split from.
func splitBase(part string) string { return part[:strings.LastIndexByte(part, 'p')] }

func (s *stress) isBusy(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy[name]
}

// write starts verified IO on a device that has no other user, in the
// background.
func (s *stress) write() {
	name := s.pick()
	s.mu.Lock()
	defer s.mu.Unlock()
	if name == "" || s.busy[name] || len(s.busy) > 6 {
		return
	}
	info, err := s.a.Bdevs.Get(name)
	if err != nil {
		return
	}
	s.busy[name] = true
	job := bdevperf.Job{
		Device: name, Core: s.a.Reactors.Mask().CPUs()[0], Workload: []string{"verify", "verify", "reset"}[s.rng.IntN(3)],
		Size: int(info.BlockSize) * (1 + s.rng.IntN(12)), Depth: 1 + s.rng.IntN(16),
	}
	cfg := bdevperf.Config{Time: time.Duration(1+s.rng.IntN(30)) * time.Millisecond, Seed: s.rng.Uint64(), ContinueOnError: true}
	s.done["IO"]++
	s.jobs.Go(func() {
		_, err := bdevperf.RunJobs(context.Background(), s.a.Bdevs, s.a.Reactors, []bdevperf.Job{job}, cfg)
		if err != nil && strings.Contains(err.Error(), "the data differ") {
			s.Errorf("%s: %v", name, err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.busy, name)
	})
}

// adjust changes limits, accounts and sizes.
func (s *stress) adjust() {
	name := s.pick()
	switch s.rng.IntN(6) {
	case 0:
		s.call("bdev_set_qos_limit", fmt.Sprintf(`{"name":%q,"rw_ios_per_sec":%d}`, name, s.rng.IntN(3)*100000))
	case 1:
		s.call("bdev_enable_histogram", fmt.Sprintf(`{"name":%q,"enable":%v}`, name, s.rng.IntN(2) == 0))
	case 2:
		s.call("bdev_set_qd_sampling_period", fmt.Sprintf(`{"name":%q,"period":%d}`, name, s.rng.IntN(2)*100))
	case 3:
		s.call("bdev_error_inject_error", fmt.Sprintf(`{"name":%q,"io_type":"all","error_type":%q,"num":%d}`, name,
			[]string{"failure", "nomem"}[s.rng.IntN(2)], s.rng.IntN(5)))
	case 4:
		s.call("bdev_delay_update_latency", fmt.Sprintf(`{"delay_bdev_name":%q,"latency_type":"avg_read","latency_us":%d}`, name, s.rng.IntN(50)))
	case 5:
		for _, i := range s.a.Bdevs.List() {
			if i.Module == "aio" || i.Module == "uring" {
				s.grow(i)
				return
			}
		}
	}
}

// grow makes the file of a device larger and has it looked at.
func (s *stress) grow(i bdev.Info) {
	var info []struct {
		Specific map[string]struct {
			Filename string `json:"filename"`
		} `json:"driver_specific"`
	}
	out, ok := s.call("bdev_get_bdevs", fmt.Sprintf(`{"name":%q}`, i.Name))
	if !ok || json.Unmarshal([]byte(out), &info) != nil || len(info) == 0 {
		return
	}
	if file := info[0].Specific[i.Module].Filename; file != "" && os.Truncate(file, int64(i.Size())+1<<16) == nil {
		s.call("bdev_"+i.Module+"_rescan", fmt.Sprintf(`{"name":%q}`, i.Name))
	}
}

// look asks for what operators ask for.
func (s *stress) look() {
	for _, method := range []string{"bdev_get_bdevs", "bdev_get_iostat", "thread_get_io_channels", "iobuf_get_stats", "bdev_wait_for_examine"} {
		if _, ok := s.call(method, "{}"); !ok {
			s.Errorf("%s fails", method)
		}
	}
	for _, sub := range s.a.SaveConfig() {
		if sub.Subsystem == "" {
			s.Error("a section has no name")
		}
	}
}

// readOnly claims a device for a moment, so that nobody writes there.
func (s *stress) readOnly() {
	name := s.pick()
	if name == "" {
		return
	}
	desc, err := s.a.Bdevs.Open(context.Background(), name, bdev.Read, nil)
	if err != nil {
		return
	}
	if desc.Claim(bdev.ClaimWriteNone, "stress", 0) == nil {
		s.done["claim"]++
	}
	if err := desc.Close(); err != nil {
		s.Error(err)
	}
}

// empty deletes everything, and looks whether anything is left.
func (s *stress) empty() {
	for range 100 {
		all := s.a.Bdevs.List()
		if len(all) == 0 {
			break
		}
		for _, i := range all {
			if i.Module == "split" {
				s.call("bdev_split_delete", fmt.Sprintf(`{"base_bdev":%q}`, splitBase(i.Name)))
			} else {
				s.call(deletions[i.Module], fmt.Sprintf(`{"name":%q}`, i.Name))
			}
		}
	}
	if left := s.a.Bdevs.List(); len(left) > 0 {
		s.Errorf("%d devices cannot be deleted: %+v", len(left), left)
	}
	out, _ := s.call("thread_get_io_channels", "{}")
	if strings.Contains(out, "bdev_") {
		s.Errorf("channels are left: %s", out)
	}
}
