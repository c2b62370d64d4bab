// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"bytes"
	"encoding/binary"
	"syscall"
	"testing"

	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/internal/cuse"
	spec "github.com/gospdk/gospdk/nvme"
)

// program is a process that makes ioctls, with its memory.
type program struct {
	t      *testing.T
	memory [1 << 20]byte
}

// ioctl makes a call as the kernel does: again with what was asked for.
func (p *program) ioctl(h cuse.Handler, cmd uint32, arg uint64) (int32, syscall.Errno) {
	p.t.Helper()
	var a cuse.Answer
	for range 4 {
		call := &cuse.Call{Cmd: cmd, Arg: arg}
		write := a.Write
		for _, r := range a.Read {
			call.In = append(call.In, p.memory[r.Addr:r.Addr+r.Len]...)
		}
		for _, w := range write {
			call.Out += uint32(w.Len)
		}
		if a = h(call); len(a.Read)+len(a.Write) > 0 {
			continue
		}
		if a.Errno != 0 {
			return 0, a.Errno
		}
		for _, w := range write {
			a.Out = a.Out[copy(p.memory[w.Addr:w.Addr+w.Len], a.Out):]
		}
		return a.Result, 0
	}
	p.t.Fatal("asked for memory again and again")
	return 0, 0
}

const (
	atCmd  = 0x1000
	atData = 0x2000
)

// passthru fills a struct nvme_passthru_cmd.
func (p *program) passthru(op spec.Opcode, nsid, length uint32, cdw10, cdw12 uint32) {
	b := p.memory[atCmd:][:passthruSize]
	clear(b)
	ne := binary.NativeEndian
	b[0] = byte(op)
	ne.PutUint32(b[4:], nsid)
	ne.PutUint64(b[24:], atData)
	ne.PutUint32(b[36:], length)
	ne.PutUint32(b[40:], cdw10)
	ne.PutUint32(b[48:], cdw12)
}

// userIO fills a struct nvme_user_io.
func (p *program) userIO(op spec.Opcode, slba uint64, blocks uint16) {
	b := p.memory[atCmd:][:userIOSize]
	clear(b)
	b[0] = byte(op)
	binary.NativeEndian.PutUint16(b[4:], blocks-1)
	binary.NativeEndian.PutUint64(b[16:], atData)
	binary.NativeEndian.PutUint64(b[24:], slba)
}

// TestIoctls makes the ioctls of nvme-cli.
func TestIoctls(t *testing.T) {
	eachKind(t, func(t *testing.T, kind spec.TransportType) {
		g := newRig(t, kind, malloc.Config{Name: "d", NumBlocks: 4096, BlockSize: blockSize})
		m := newModule(t)
		_, err := m.Attach(t.Context(), CtrlrConfig{Name: "N", Trid: g.trid()})
		must(t, err)
		paths, err := m.lookup("N")
		must(t, err)
		c := paths[0]
		n := c.listed()[0]
		p := &program{t: t}
		ends := func(what string, h cuse.Handler, cmd uint32, result int32, errno syscall.Errno) {
			t.Helper()
			if r, e := p.ioctl(h, cmd, atCmd); r != result || e != errno {
				t.Errorf("%s = %#x, %v, want %#x, %v", what, r, e, result, errno)
			}
		}
		data := p.memory[atData:]

		p.passthru(spec.AdminIdentify, 0, 4096, uint32(spec.CNSController), 0)
		ends("identify", c.cuseCall, ioctlAdminCmd, 0, 0)
		if id, _ := spec.View[spec.IdentifyController](data[:4096]); *id != *c.last.Load().Identify() {
			t.Error("another controller was identified")
		}
		p.passthru(spec.AdminGetFeatures, 0, 0, uint32(spec.FeatureNumberOfQueues), 0)
		ends("get features", n.cuseCall, ioctlAdminCmd, 0, 0)
		if v := binary.NativeEndian.Uint32(p.memory[atCmd+passthruResult:]); v == 0 {
			t.Error("there is no result of Get Features")
		}
		p.passthru(spec.AdminIdentify, 9, 4096, uint32(spec.CNSNamespace), 0)
		p.memory[atCmd+40] = 0xee // no such CNS
		ends("identify something else", c.cuseCall, ioctlAdminCmd, int32(spec.StatusInvalidField.WithDNR().WithMore()), 0)
		p.passthru(spec.AdminGetLogPage, 0, 1<<20, 0, 0)
		ends("too much", c.cuseCall, ioctlAdminCmd, 0, syscall.EINVAL)

		want := bytes.Repeat([]byte("ioctl!!!"), 8*blockSize/8)
		copy(data, want)
		p.passthru(spec.CmdWrite, 1, 8*blockSize, 16, 7)
		ends("write", n.cuseCall, ioctlIOCmd, 0, 0)
		clear(data[:len(want)])
		p.userIO(spec.CmdRead, 16, 8)
		ends("read", n.cuseCall, ioctlSubmitIO, 0, 0)
		if !bytes.Equal(data[:len(want)], want) {
			t.Error("other data were read than written")
		}
		data[5]++
		p.userIO(spec.CmdWrite, 20, 4)
		ends("write", n.cuseCall, ioctlSubmitIO, 0, 0)
		p.passthru(spec.CmdRead, 1, 4*blockSize, 20, 3)
		clear(data[:len(want)])
		ends("read", n.cuseCall, ioctlIOCmd, 0, 0)
		if data[5] != want[5]+1 || data[6] != want[6] {
			t.Errorf("read %q", data[:8])
		}
		p.userIO(spec.CmdRead, 4090, 8)
		ends("read beyond the end", n.cuseCall, ioctlSubmitIO, int32(spec.StatusLBAOutOfRange.WithDNR().WithMore()), 0)
		p.userIO(spec.CmdFlush, 0, 1)
		ends("flush as user I/O", n.cuseCall, ioctlSubmitIO, 0, syscall.EINVAL)

		ends("the namespace's number", n.cuseCall, ioctlID, 1, 0)
		ends("that of a controller", c.cuseCall, ioctlID, 0, syscall.ENOTTY)
		ends("sector size", n.cuseCall, ioctlSectorSize, 0, 0)
		if v := binary.NativeEndian.Uint32(p.memory[atCmd:]); v != blockSize {
			t.Errorf("sectors of %d bytes", v)
		}
		for cmd, want := range map[uint32]uint64{ioctlSectors: 4096 * blockSize / 512, ioctlSize64: 4096 * blockSize} {
			ends("size", n.cuseCall, cmd, 0, 0)
			if v := binary.NativeEndian.Uint64(p.memory[atCmd:]); v != want {
				t.Errorf("ioctl %#x: %d, want %d", cmd, v, want)
			}
		}
		ends("rescan", c.cuseCall, ioctlRescan, 0, 0)
		ends("reset", c.cuseCall, ioctlReset, 0, 0)
		ends("nonsense", c.cuseCall, 1, 0, syscall.ENOTTY)
		ends("nonsense", n.cuseCall, 1, 0, syscall.ENOTTY)
		p.passthru(spec.AdminIdentify, 0, 4096, uint32(spec.CNSController), 0)
		ends("identify after a reset", c.cuseCall, ioctlAdminCmd, 0, 0)
	})
}
