// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// doctorReport is what this test reads of doctor --json.
type doctorReport struct {
	Level    string
	Findings []struct {
		Level, What, Why string
		Fix              []string
	}
	Controllers []struct {
		Address, Driver, Name, Error string
		Blocks                       []string
		Holders                      []struct{ Kind, Block, What, Detail string }
		Ready                        bool
	}
}

// held prints the holders of the controller at an address as setup does.
func (r *doctorReport) held(bdf string) string {
	for _, c := range r.Controllers {
		if c.Address != bdf {
			continue
		}
		if c.Error != "" {
			return "error: " + c.Error
		}
		var all []string
		for _, h := range c.Holders {
			s := h.Kind + "@" + h.Block
			if h.What != "" {
				s += ":" + h.What
			}
			all = append(all, s)
		}
		return strings.Join(all, ",")
	}
	return "no such controller"
}

// find returns the level and the fix of the finding about something.
func (r *doctorReport) find(what string) (level, fix string) {
	for _, f := range r.Findings {
		if f.What == what {
			return f.Level, strings.Join(f.Fix, "\n")
		}
	}
	return "", ""
}

func (vm *VM) doctor(t *testing.T, as string) (r doctorReport) {
	t.Helper()
	out := vm.Shell(t, strings.TrimSpace("cd /; "+strings.Replace(as, "CMD", "gospdk doctor --json", 1)))
	if err := json.Unmarshal([]byte(out.Stdout), &r); err != nil {
		t.Fatalf("doctor --json: %v\n%s%s", err, out.Stdout, out.Stderr)
	}
	if want := map[bool]int{true: 1, false: 0}[r.Level == "problem"]; out.Code != want {
		t.Errorf("exit code %d at level %s", out.Code, r.Level)
	}
	return r
}

// The controllers of the guest, by what holds them. Those from 0x0a on are of
// one subsystem, and reach the same namespace.
const (
	doctorMount   = "0000:00:03.0"
	doctorPrivate = "0000:00:04.0" // mounted where only one process sees it
	doctorSwap    = "0000:00:05.0"
	doctorDM      = "0000:00:06.0"
	doctorLoop    = "0000:00:07.0"
	doctorOpen    = "0000:00:08.0"
	doctorSpare   = "0000:00:09.0"
	doctorPath1   = "0000:00:0a.0"
	doctorPath2   = "0000:00:0b.0"
	doctorGone    = "0000:00:0c.0" // no node in /dev
	doctorData    = "0000:00:0d.0"
)

func doctorArgs(t *testing.T) []string {
	args := []string{
		"-device", "nvme-subsys,id=subsys0,nqn=shared",
		"-device", "nvme,id=path1,serial=path1,subsys=subsys0,addr=a", "-device", "nvme,serial=path1,subsys=subsys0,addr=b",
		"-blockdev", "driver=file,node-name=shared,filename=" + Disk(t, 1<<30),
		"-device", "nvme-ns,drive=shared,bus=path1,nsid=1,shared=on",
	}
	for _, addr := range []int{3, 4, 5, 6, 7, 8, 9, 0xc, 0xd} {
		disk := Disk(t, 1<<30)
		if addr <= 5 {
			partition(t, disk)
		}
		args = append(args, "-blockdev", fmt.Sprintf("driver=file,node-name=disk%d,filename=%s", addr, disk),
			"-device", fmt.Sprintf("nvme,serial=disk%d,drive=disk%d,addr=%x", addr, addr, addr))
	}
	return args
}

// blockOf returns the disk that the kernel shows for a controller, by what
// doctor itself must get right: sysfs below the function, or the subsystem's.
func (vm *VM) blockOf(t *testing.T, bdf string) string {
	t.Helper()
	if bdf == doctorPath1 || bdf == doctorPath2 {
		return strings.TrimSpace(vm.Until(t, `cd /sys/class/nvme-subsystem; for s in nvme-subsys*; do grep -q shared $s/subsysnqn && ls $s | grep '^nvme[0-9]*n[0-9]*$'; done | grep .`))
	}
	return vm.disk(t, bdf)
}

func TestDoctor(t *testing.T) {
	vm := Start(t, Config{
		Args: doctorArgs(t), Modules: []string{"nvme", "crc32c_generic", "ext4", "dm-mod", "loop"},
		Programs: []string{"mkfs.ext4", "dmsetup"}, Files: map[string]string{"/bin/gospdk": Binary(t)},
	})
	disks := make(map[string]string)
	for i := 3; i <= 0xd; i++ {
		bdf := fmt.Sprintf("0000:00:%02x.0", i)
		disks[bdf] = vm.blockOf(t, bdf)
	}
	for _, bdf := range []string{doctorMount, doctorPrivate, doctorSwap} {
		vm.Until(t, "test -b /dev/"+disks[bdf]+"p1")
	}
	script := `mkfs.ext4 -q /dev/MOUNTp1 16m; mkdir -p /data /private /shared; mount /dev/MOUNTp1 /data
		mkfs.ext4 -q /dev/PRIVATEp1 16m
		mkswap /dev/SWAPp1; swapon /dev/SWAPp1
		dmsetup create top --table '0 2048 linear /dev/DM 0'
		losetup /dev/loop0 /dev/LOOP
		mkfs.ext4 -q /dev/SHARED 16m; mount /dev/SHARED /shared
		rm /dev/GONE
		mkfs.ext4 -q /dev/DATA 16m`
	vm.MustShell(t, strings.NewReplacer("MOUNT", disks[doctorMount], "PRIVATE", disks[doctorPrivate], "SWAP", disks[doctorSwap], "DM", disks[doctorDM],
		"LOOP", disks[doctorLoop], "SHARED", disks[doctorPath1], "GONE", disks[doctorGone], "DATA", disks[doctorData]).Replace(script))
	private := vm.Go(t, "/bin/sh", "-c", fmt.Sprintf("exec unshare -m sh -c 'mount /dev/%sp1 /private && echo mounted && exec sleep 1000'", disks[doctorPrivate]))
	private.WaitOutput(t, "mounted", replyTime)
	opener := vm.Go(t, "/bin/sh", "-c", fmt.Sprintf("exec 3</dev/%s; echo open; exec sleep 1000", disks[doctorOpen]))
	opener.WaitOutput(t, "open", replyTime)

	t.Run("holders", func(t *testing.T) { doctorHolders(t, vm, disks) })
	t.Run("unprivileged", func(t *testing.T) {
		r := vm.doctor(t, "su alice -c 'CMD'")
		if got := r.held(doctorSpare); !strings.HasPrefix(got, "error: ") {
			t.Errorf("without rights the spare controller is said to have %q", got)
		}
		if level, fix := r.find(doctorSpare); level != "warn" || fix != "sudo gospdk doctor" {
			t.Errorf("finding %s, %q", level, fix)
		}
	})
	t.Run("lspci", func(t *testing.T) { doctorLspci(t, vm) })
	// The namespace of that process keeps what this one unmounts.
	private.Signal(unix.SIGKILL)
	private.Wait()
	opener.Signal(unix.SIGKILL)
	opener.Wait()
	t.Run("mended", func(t *testing.T) { doctorMended(t, vm, disks) })
}

func doctorHolders(t *testing.T, vm *VM, disks map[string]string) {
	r := vm.doctor(t, "CMD")
	for bdf, want := range map[string]string{
		doctorMount:   "mount@D:Dp1",
		doctorPrivate: "mount@D:Dp1",
		doctorSwap:    "swap@D:Dp1",
		doctorDM:      "holder@D:dm-0",
		doctorLoop:    "holder@D:loop0",
		doctorSpare:   "",
		doctorPath1:   "mount@D:D",
		doctorPath2:   "mount@D:D",
		doctorGone:    "",
		doctorData:    "data@D",
	} {
		if got := r.held(bdf); got != strings.ReplaceAll(want, "D", disks[bdf]) {
			t.Errorf("%s is held by %q, want %q", bdf, got, strings.ReplaceAll(want, "D", disks[bdf]))
		}
	}
	if got := r.held(doctorOpen); !strings.HasPrefix(got, "open@"+disks[doctorOpen]+":sleep[") {
		t.Errorf("%s is held by %q, want a process", doctorOpen, got)
	}
	for what, want := range map[string][2]string{
		doctorMount: {"warn", "umount /data"},
		doctorSwap:  {"warn", "swapoff /dev/" + disks[doctorSwap] + "p1"},
		doctorDM:    {"warn", "dmsetup remove top"},
		doctorLoop:  {"warn", "losetup --detach /dev/loop0"},
		doctorData:  {"warn", "wipefs --all /dev/" + disks[doctorData]},
		doctorSpare: {"warn", "env PCI_ALLOWED=" + doctorSpare + " gospdk setup"},
		"NVMe":      {"problem", "gospdk setup"},
		"hugepages": {"problem", "gospdk setup"},
		"driver":    {"ok", ""},
		"kernel":    {"ok", ""},
	} {
		if level, fix := r.find(what); level != want[0] || fix != want[1] {
			t.Errorf("about %s: %s, %q; want %s, %q", what, level, fix, want[0], want[1])
		}
	}
	text := vm.Shell(t, "gospdk doctor")
	if text.Code != 1 || !strings.Contains(text.Stdout, "mount@"+disks[doctorMount]) || strings.Contains(text.Stdout, "\x1b") {
		t.Errorf("exit code %d\n%s", text.Code, text.Stdout)
	}
}

func doctorLspci(t *testing.T, vm *VM) {
	var all []struct {
		Address, Class, Kind, Driver string
		ClassName                    string `json:"class_name"`
		BARs                         []struct{ Size int }
		Capabilities                 []struct{ Name, Detail string }
	}
	if err := json.Unmarshal([]byte(vm.MustRun(t, "gospdk", "lspci", "--json", "--class", "nvme")), &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != 11 {
		t.Fatalf("%d NVMe functions, want 11", len(all))
	}
	f := all[0]
	msix := ""
	for _, c := range f.Capabilities {
		if c.Name == "MSI-X" {
			msix = c.Detail
		}
	}
	if f.Address != doctorMount || f.Class != "010802" || f.ClassName != "NVMe controller" || f.Kind != "NVMe" || f.Driver != "nvme" || len(f.BARs) == 0 || !strings.Contains(msix, "65 vectors, enabled") {
		t.Errorf("got %+v", f)
	}
	text := vm.MustShell(t, "gospdk lspci -v "+doctorSpare+"; gospdk lspci; su alice -c 'gospdk lspci -v "+doctorSpare+"'")
	for _, want := range []string{doctorSpare + " NVMe controller: ", "Driver nvme", "MSI-X", "Host bridge", "shown to root only"} {
		if !strings.Contains(text, want) {
			t.Errorf("lspci does not print %q:\n%s", want, text)
		}
	}
}

// doctorMended runs commands that doctor gives, and looks again.
func doctorMended(t *testing.T, vm *VM, disks map[string]string) {
	for _, bdf := range []string{doctorMount, doctorSwap, doctorDM, doctorLoop} {
		r := vm.doctor(t, "CMD")
		_, fix := r.find(bdf)
		vm.MustShell(t, strings.Replace(fix, "losetup --detach", "losetup -d", 1)) // busybox has short options only
	}
	vm.MustShell(t, "dd if=/dev/zero of=/dev/"+disks[doctorLoop]+" bs=4096 count=1 conv=notrunc 2>&1")
	r := vm.doctor(t, "CMD")
	for bdf, want := range map[string]string{doctorMount: "data@D", doctorSwap: "data@D", doctorDM: "", doctorLoop: "", doctorPrivate: "data@D", doctorOpen: ""} {
		if got := r.held(bdf); got != strings.ReplaceAll(want, "D", disks[bdf]) {
			t.Errorf("then %s is held by %q, want %q", bdf, got, want)
		}
	}
	vm.MustShell(t, "HUGEMEM=256 PCI_ALLOWED="+doctorSpare+" gospdk setup")
	r = vm.doctor(t, "CMD")
	if level, _ := r.find(doctorSpare); level != "ok" || r.Level == "problem" {
		t.Errorf("after setup the spare controller is %s, the machine %s: %+v", level, r.Level, r.Findings)
	}
	vm.MustShell(t, "gospdk setup reset")
}
