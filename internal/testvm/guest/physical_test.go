// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// physical is an SR-IOV physical function: our driver has it, or, since
// vfio-pci takes none that has virtual functions, the kernel's.
type physical struct {
	*testing.T
	addr string
	rig  *rig     // nil if it is the kernel's
	dev  *os.File // the kernel's controller
}

func openPhysical(t *testing.T, serial string) *physical {
	t.Helper()
	p := &physical{T: t, addr: need(t, serial)}
	if *driver != driverVFIO {
		p.rig = connect(t, serial, host.Options{})
		return p
	}
	if err := bind(p.addr, driverNVMe); err != nil {
		t.Fatal(err)
	}
	var err error
	if p.dev, err = os.Open(filepath.Join("/dev", filepath.Base(kernelController(p.addr)))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	return p
}

func (p *physical) close() {
	if p.rig != nil {
		p.rig.close()
	} else if p.dev != nil {
		p.dev.Close()
		p.dev = nil
	}
}

// passthru is struct nvme_passthru_cmd of linux/nvme_ioctl.h.
type passthru struct {
	opcode, flags      uint8
	_                  uint16
	nsid, cdw2, cdw3   uint32
	metadata, addr     uint64
	metadataLen, len   uint32
	cdw10, cdw11       uint32
	cdw12, cdw13       uint32
	cdw14, cdw15       uint32
	timeoutMS, results uint32
}

const ioctlAdmin = 0xc0484e41 // NVME_IOCTL_ADMIN_CMD

// admin sends an admin command; data is what it returns.
func (p *physical) admin(cmd nvme.Command, data []byte) error {
	if p.rig != nil {
		_, err := p.rig.ctrlr.Admin(p.rig.ctx, cmd, data)
		return err
	}
	c := passthru{opcode: uint8(cmd.Opcode), nsid: cmd.NSID, cdw10: cmd.CDW10, cdw11: cmd.CDW11, cdw12: cmd.CDW12}
	if len(data) > 0 {
		c.addr, c.len = uint64(uintptr(unsafe.Pointer(&data[0]))), uint32(len(data))
	}
	status, _, errno := unix.Syscall(unix.SYS_IOCTL, p.dev.Fd(), ioctlAdmin, uintptr(unsafe.Pointer(&c)))
	if errno != 0 {
		return errno
	}
	if status != 0 {
		return &host.StatusError{Opcode: cmd.Opcode, Status: nvme.Status(status)}
	}
	return nil
}

func (p *physical) identify(cns nvme.CNS) []byte {
	p.Helper()
	page := make([]byte, nvme.IdentifySize)
	if err := p.admin(nvme.Identify{CNS: cns}.Command(), page); err != nil {
		p.Fatal(err)
	}
	return page
}

func (p *physical) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

func (p *physical) refused(what string, err error, want nvme.Status) {
	p.Helper()
	var s *host.StatusError
	if !errors.As(err, &s) || s.Status.Code() != want {
		p.Errorf("%s: %v, want status %v", what, err, want)
	}
}

// write and read move the whole namespace through the function.
func (p *physical) write(seed uint64) { p.move(writing, seed) }

func (p *physical) read(seed uint64) { p.move(reading, seed) }

func (p *physical) move(d direction, seed uint64) {
	p.Helper()
	switch {
	case p.rig != nil:
		q := p.rig.queue(host.QPairOptions{})
		q.sweep(p.rig.namespace(1), d, contiguous, seed)
		q.free()
	case d == writing:
		kernelWrites(p.T, p.addr, 1, 512, seed)
	default:
		kernelReads(p.T, p.addr, 1, 512, seed)
	}
}
