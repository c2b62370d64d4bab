// SPDX-License-Identifier: BSD-3-Clause

// Package nvmectrlr is an NVMe controller in memory, for tests of the driver.
// It implements pci.Device. It has no goroutine: it works when the driver
// stores to a register, or when the test calls Step, and it can misbehave in
// every way that a controller might.
package nvmectrlr

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/pci"
)

var le = binary.LittleEndian

// Config says what the controller is.
type Config struct {
	ID         pci.ID
	Entries    int // CAP.MQES + 1; default 1024
	TO         uint8
	VS         nvme.VS
	MPSMIN     uint8
	DSTRD      uint8
	AMS        uint8
	MDTS       uint8
	IOQueues   uint32 // default 8
	Shadow     bool   // Doorbell Buffer Config
	Namespaces []nvme.IdentifyNamespace
	NN         uint32
	CMB        int // bytes; 0 is none
	CMBDecoded bool
	// Identify may change what Identify Controller returns.
	Identify func(*nvme.IdentifyController)

	// Ways to misbehave.
	NeverReady   bool
	NeverDisable bool
	FatalOnStart bool // CSTS.CFS instead of CSTS.RDY
	NeverShut    bool
	AllOnes      bool // every register reads as all ones
	// Manual leaves doorbells to Step, as a controller that polls them.
	Manual bool
	// Hold keeps I/O commands until Release.
	Hold bool
	// Handler may answer a command instead of the model; ok false leaves it
	// to the model, drop true leaves it unanswered.
	Handler func(sqid uint16, cmd *nvme.Command) (cpl nvme.Completion, ok, drop bool)
}

// Controller is the model. Its methods must not run at the same time as the
// driver's, except Remove.
type Controller struct {
	Cfg Config

	cap   nvme.CAP
	cc    nvme.CC
	csts  nvme.CSTS
	aqa   nvme.AQA
	asq   uint64
	acq   uint64
	msc   nvme.CMBMSC
	sqs   map[uint16]*submission
	cqs   map[uint16]*completion
	regs  []byte // doorbell page
	cmb   []byte
	dbs   uint64 // Doorbell Buffer Config
	evs   uint64
	held  []Held
	aers  []Held
	disks map[uint32][]byte

	gone   atomic.Bool
	Closed bool
	// Fetched are the commands that the controller has seen, per queue.
	Fetched map[uint16][]nvme.Command
	// DoorbellWrites counts stores to doorbell registers.
	DoorbellWrites int
	// Record turns Fetched on; it is on at the start.
	Record bool
	quit   int // remove after so many more commands; 0 is never
}

type submission struct {
	addr             uint64
	size, head, tail uint32
	cqid             uint16
}

type completion struct {
	addr       uint64
	size, tail uint32
	head       uint32 // as the host says
	phase      uint16
}

// Held is a command that the controller has fetched and not completed.
type Held struct {
	SQID uint16
	Cmd  nvme.Command
}

// New makes a controller with the given properties.
func New(cfg Config) *Controller {
	if cfg.Entries == 0 {
		cfg.Entries = 1024
	}
	if cfg.IOQueues == 0 {
		cfg.IOQueues = 8
	}
	if cfg.VS == 0 {
		cfg.VS = nvme.NewVS(1, 4, 0)
	}
	if cfg.NN == 0 {
		cfg.NN = uint32(len(cfg.Namespaces))
	}
	c := &Controller{Cfg: cfg, regs: doorbellMemory(), Fetched: map[uint16][]nvme.Command{}, disks: map[uint32][]byte{}, Record: true}
	c.cap = nvme.CAP(0).WithMQES(uint16(cfg.Entries - 1)).WithCQR(true).WithTO(cfg.TO).WithMPSMIN(cfg.MPSMIN).WithMPSMAX(15).
		WithDSTRD(cfg.DSTRD).WithAMS(cfg.AMS).WithCSS(nvme.CAPCSSNVM).WithCMBS(cfg.CMBDecoded)
	c.cmb = cmbMemory(cfg.CMB)
	c.reset()
	return c
}

func (c *Controller) reset() {
	c.sqs = map[uint16]*submission{}
	c.cqs = map[uint16]*completion{}
	c.held, c.aers = nil, nil
	c.dbs, c.evs = 0, 0
	clear(c.regs)
}

// Namespace returns Identify data of a namespace.
func Namespace(blocks uint64, lbads uint8, metadata uint16) nvme.IdentifyNamespace {
	ns := nvme.IdentifyNamespace{NSZE: blocks, NCAP: blocks, NUSE: blocks}
	ns.LBAF[0] = nvme.LBAFormat{LBADS: lbads, MS: metadata}
	return ns
}

// Disk returns the contents of a namespace.
func (c *Controller) Disk(nsid uint32) []byte {
	if d := c.disks[nsid]; d != nil {
		return d
	}
	ns := &c.Cfg.Namespaces[nsid-1]
	d := make([]byte, int(ns.NSZE)*ns.BlockSize())
	c.disks[nsid] = d
	return d
}

// Remove pulls the controller, at once or after n more commands.
func (c *Controller) Remove(n int) {
	if n <= 0 {
		c.gone.Store(true)
		return
	}
	c.quit = n
}

// Outstanding returns how many AERs and other commands are held.
func (c *Controller) Outstanding() (aers, held int) { return len(c.aers), len(c.held) }

// Address implements pci.Device.
func (c *Controller) Address() string { return "sim" }

// ID implements pci.Device.
func (c *Controller) ID() pci.ID { return c.Cfg.ID }

// Removed implements pci.Device.
func (c *Controller) Removed() bool { return c.gone.Load() }

// Addressing implements pci.Device.
func (c *Controller) Addressing() dma.Addressing { return dma.Virtual }

// ConfigRead implements pci.Device.
func (c *Controller) ConfigRead(off int, p []byte) error { clear(p); return nil }

// ConfigWrite implements pci.Device.
func (c *Controller) ConfigWrite(int, []byte) error { return nil }

// MapBAR implements pci.Device: the registers are in BAR 0, the controller
// memory buffer is BAR 2.
func (c *Controller) MapBAR(i int) (pci.BAR, error) {
	switch {
	case i == 0:
		return &bar{c}, nil
	case i == 2 && c.cmb != nil:
		return cmbBAR{c.cmb}, nil
	}
	return nil, fmt.Errorf("no BAR %d", i)
}

// Vectors implements pci.Device.
func (c *Controller) Vectors() int { return 0 }

// SetInterrupts implements pci.Device.
func (c *Controller) SetInterrupts([]int) error { return nil }

// Reset implements pci.Device.
func (c *Controller) Reset() error { c.reset(); return nil }

// Close implements pci.Device.
func (c *Controller) Close() error {
	c.Closed = true
	return nil
}

// bar is BAR 0.
type bar struct{ c *Controller }

const barSize = 0x3000

func (b *bar) Size() uint64 { return barSize }

func (b *bar) Mem(off, n uint64) []byte {
	if b.c.Cfg.Manual && off >= nvme.RegDoorbells && off+n <= barSize {
		return b.c.regs[off-nvme.RegDoorbells:][:n]
	}
	return nil
}

func (b *bar) Read32(off uint64) (uint32, error) {
	c := b.c
	if c.gone.Load() {
		return 0, pci.ErrRemoved
	}
	if c.Cfg.AllOnes {
		return 1<<32 - 1, nil
	}
	switch off {
	case nvme.RegVS:
		return uint32(c.Cfg.VS), nil
	case nvme.RegCC:
		return uint32(c.cc), nil
	case nvme.RegCSTS:
		return uint32(c.csts), nil
	case nvme.RegCMBSZ:
		if c.cmb == nil || c.Cfg.CMBDecoded && !c.msc.CRE() {
			return 0, nil
		}
		return uint32(nvme.CMBSZ(0).WithSQS(true).WithRDS(true).WithWDS(true).WithSZ(uint32(len(c.cmb) / 4096))), nil
	case nvme.RegCMBLOC:
		return uint32(nvme.CMBLOC(0).WithBIR(2)), nil
	}
	return 0, nil
}

func (b *bar) Read64(off uint64) (uint64, error) {
	c := b.c
	if c.gone.Load() {
		return 0, pci.ErrRemoved
	}
	if c.Cfg.AllOnes {
		return 1<<64 - 1, nil
	}
	if off == nvme.RegCAP {
		return uint64(c.cap), nil
	}
	return 0, nil
}

func (b *bar) Write32(off uint64, v uint32) error {
	c := b.c
	if c.gone.Load() {
		return pci.ErrRemoved
	}
	switch {
	case off == nvme.RegCC:
		c.writeCC(nvme.CC(v))
	case off == nvme.RegAQA:
		c.aqa = nvme.AQA(v)
	case off >= nvme.RegDoorbells && off < barSize:
		c.DoorbellWrites++
		le.PutUint32(c.regs[off-nvme.RegDoorbells:], v)
		c.doorbell(off, v)
		if !c.Cfg.Manual {
			c.Run()
		}
	}
	return nil
}

func (b *bar) Write64(off uint64, v uint64) error {
	switch off {
	case nvme.RegASQ:
		b.c.asq = v
	case nvme.RegACQ:
		b.c.acq = v
	case nvme.RegCMBMSC:
		b.c.msc = nvme.CMBMSC(v)
	}
	return nil
}

// cmbBAR is memory behind a BAR.
type cmbBAR struct{ mem []byte }

func (b cmbBAR) Size() uint64                  { return uint64(len(b.mem)) }
func (b cmbBAR) Mem(off, n uint64) []byte      { return b.mem[off : off+n] }
func (b cmbBAR) Read32(uint64) (uint32, error) { return 0, nil }
func (b cmbBAR) Read64(uint64) (uint64, error) { return 0, nil }
func (b cmbBAR) Write32(uint64, uint32) error  { return nil }
func (b cmbBAR) Write64(uint64, uint64) error  { return nil }

func (c *Controller) writeCC(v nvme.CC) {
	was := c.cc
	c.cc = v
	switch {
	case v.EN() && !was.EN():
		switch {
		case c.Cfg.FatalOnStart:
			c.csts = c.csts.WithCFS(true)
		case !c.Cfg.NeverReady:
			c.reset()
			c.cqs[0] = &completion{addr: c.acq, size: uint32(c.aqa.CQEntries()), phase: 1}
			c.sqs[0] = &submission{addr: c.asq, size: uint32(c.aqa.SQEntries())}
			c.csts = c.csts.WithRDY(true).WithSHST(nvme.SHSTNormal)
		}
	case !v.EN() && was.EN():
		c.reset()
		if !c.Cfg.NeverDisable {
			c.csts = 0
		}
	}
	if v.SHN() != nvme.CCSHNNone && !c.Cfg.NeverShut {
		c.csts = c.csts.WithSHST(nvme.SHSTComplete)
	}
}

func (c *Controller) doorbell(off uint64, v uint32) {
	qid, isCQ, ok := nvme.DoorbellQueue(int(off), c.cap.DoorbellStride())
	switch {
	case !ok:
	case isCQ:
		if q := c.cqs[qid]; q != nil {
			q.head = v % q.size
		}
	default:
		if q := c.sqs[qid]; q != nil {
			q.tail = v % q.size
		}
	}
}
