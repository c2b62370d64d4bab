// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"context"
	"fmt"
	"time"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
)

// bringUp takes the controller from whatever state it is in to ready. It is
// called for a new controller and after a reset; phase is phaseResetting.
func (c *Controller) bringUp(ctx context.Context) error {
	err := c.steps(ctx,
		c.begin, c.disable, c.closeZombies, c.enable, c.resetAdmin, c.identifyController, c.startAERs, c.initKeepAlive)
	if err == nil && !c.IsDiscovery() { // a discovery controller has no more
		err = c.steps(ctx,
			c.identifyCommandSets, c.setNumQueues, c.identifyNamespaces, c.setFeatures, c.initShadow, c.setHostID)
	}
	if err != nil {
		return err
	}
	return c.steps(ctx, c.finishInit)
}

func (c *Controller) steps(ctx context.Context, steps ...func(context.Context) error) error {
	for _, step := range steps {
		if err := c.stateFailed(step(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// begin reads what the controller is and makes the admin queue.
func (c *Controller) begin(ctx context.Context) error {
	c.setState(stateConnectAdminQ, 0)
	if c.admin == nil && c.quirks&quirkDelayBeforeInit != 0 {
		nvmeLog.Debugf("%v Adding 2 second delay before initializing the controller", c)
		c.delay(ctx, 2*time.Second)
	}
	c.setState(stateWaitConnectAdminQ, 0)
	if c.mapped == nil {
		if err := c.connectAdmin(ctx); err != nil {
			return err
		}
	}
	c.setState(stateReadVS, 0)
	c.setState(stateReadVSWait, 0)
	vs, err := c.read32(ctx, nvme.RegVS)
	if err != nil {
		log.Errorf("%v Failed to read the VS register", c)
		return err
	}
	set(&c.vs, nvme.VS(vs))
	c.setState(stateReadCAP, 0)
	c.setState(stateReadCAPWait, 0)
	cap, err := c.read64(ctx, nvme.RegCAP)
	if err != nil {
		log.Errorf("%v Failed to read the CAP register", c)
		return err
	}
	if vs == allOnes || cap == 1<<64-1 {
		return ErrRemoved
	}
	set(&c.cap, nvme.CAP(cap))
	if err := c.applyCAP(); err != nil {
		return err
	}
	return c.makeAdmin()
}

// makeAdmin makes the admin queue, once.
func (c *Controller) makeAdmin() error {
	if c.admin != nil {
		return nil
	}
	if err := c.enableInterrupts(); err != nil {
		return err
	}
	admin, err := newQPair(c, 0, c.opts.AdminQueueSize, QPairOptions{})
	if err != nil {
		return err
	}
	c.adminMu.Lock()
	c.admin = admin
	c.adminMu.Unlock()
	return nil
}

// applyCAP takes over what CAP says.
func (c *Controller) applyCAP() error {
	const maxPageShift = 16 // 256 MiB pages would not even fit a queue
	if c.cap.MPSMIN() > maxPageShift-12 {
		return fmt.Errorf("CAP.MPSMIN %d: the smallest page is %d bytes, at most 64 KiB is supported", c.cap.MPSMIN(), c.cap.MinPageSize())
	}
	set(&c.pageSize, uint32(c.cap.MinPageSize()))
	if c.quirks&quirkMinIOQueueSize != 0 && c.opts.IOQueueSize == DefaultIOQueueSize {
		c.opts.IOQueueSize = quirkIOQueueSize
	}
	set(&c.opts.IOQueueSize, min(c.opts.IOQueueSize, uint32(c.cap.MaxQueueEntries())))
	if c.opts.IOQueueSize < minIOQueueSize {
		return fmt.Errorf("CAP.MQES 0: a queue must have at least %d entries", minIOQueueSize)
	}
	if limit, _ := c.link.Limits(); c.maxTransfer.Load() == 0 {
		c.maxTransfer.Store(limit)
	}
	c.configureLink()
	return nil
}

func (c *Controller) configureLink() {
	c.link.Configure(LinkConfig{
		PageSize:        c.pageSize,
		DoorbellStride:  uint32(c.cap.DoorbellStride()),
		SGL:             c.has(flagSGL),
		SGLDwordAligned: c.has(flagSGLDword),
		MetadataSGL:     c.has(flagMetadataSGL),
		NoSGLForDSM:     c.quirks&quirkNoSGLForDSM != 0,
		NarrowCMBAccess: c.quirks&quirkMaxPCIAccessWidth != 0,
		InCapsule:       c.inCapsule(),
	})
}

// closeZombies gives back memory that the controller, now disabled, can use
// no more.
func (c *Controller) closeZombies(context.Context) error {
	if c.mapped == nil {
		return nil // the admin queue is a connection, and in use
	}
	// The shadow doorbells are kept: the thread of a queue pair that has not
	// noticed the reset yet may still store there.
	c.mapped.Shadow(nil, nil)
	c.mu.Lock()
	zombies := c.zombies
	c.zombies = nil
	c.mu.Unlock()
	for _, q := range zombies {
		if err := q.Close(); err != nil {
			return err
		}
	}
	c.adminMu.Lock()
	defer c.adminMu.Unlock()
	c.admin.q.Reset()
	return nil
}

func (c *Controller) resetAdmin(context.Context) error {
	c.setState(stateResetAdminQueue, c.opts.AdminTimeout)
	c.adminMu.Lock()
	defer c.adminMu.Unlock()
	c.admin.sync()
	c.admin.q.Connected()
	return nil
}

// initCommand sends a command of the initialization.
func (c *Controller) initCommand(ctx context.Context, cmd nvme.Command) (nvme.Completion, error) {
	return c.exec(ctx, cmd, nil, phaseResetting)
}

// identifyInto sends Identify and gives the data to use, which must not keep
// it. p is the phase that the caller works in.
func (c *Controller) identifyInto(ctx context.Context, p phase, cns nvme.CNS, nsid uint32, csi nvme.CSI, use func([]byte) error) error {
	b, err := dma.Alloc(nvme.IdentifySize, int(c.pageSize))
	if err != nil {
		return err
	}
	cmd := nvme.Command{Opcode: nvme.AdminIdentify, NSID: nsid, CDW10: uint32(cns), CDW11: uint32(csi) << 24}
	if _, err := c.exec(ctx, cmd, b, p); err != nil {
		return err
	}
	defer b.Free()
	return use(b.Bytes())
}

func (c *Controller) identifyController(ctx context.Context) error {
	c.setState(stateIdentify, 0)
	c.setState(stateIdentifyWait, c.opts.AdminTimeout)
	err := c.identifyInto(ctx, phaseResetting, nvme.CNSController, 0, 0, func(b []byte) error {
		id, err := nvme.Read[nvme.IdentifyController](b)
		if err == nil {
			c.applyIdentify(&id)
		}
		return err
	})
	if err != nil {
		log.Errorf("%v nvme_identify_controller failed!", c)
	}
	return err
}

func (c *Controller) applyIdentify(id *nvme.IdentifyController) {
	c.identify.Store(id)
	var flags ctrlrFlags
	if c.cap.AMS()&nvme.CAPAMSWRR != 0 {
		flags |= flagWRR
	}
	limit, sges := c.link.Limits()
	nvmeLog.Debugf("%v transport max_xfer_size %d", c, limit)
	if size := id.MaxTransferSize(int(c.pageSize)); size > 0 {
		limit = uint32(min(uint64(limit), size))
		nvmeLog.Debugf("%v MDTS max_xfer_size %d", c, limit)
	}
	c.maxTransfer.Store(limit)
	c.cntlid.Store(uint32(id.CNTLID))
	nvmeLog.Debugf("%v CNTLID 0x%04x", c, id.CNTLID)
	// 3 is reserved, and a controller that says it is not to be trusted
	// with SGLs.
	sgl := id.SGLS & nvme.SGLSSupportedMask
	if c.mapped == nil { // there is nothing else
		sgl = nvme.SGLSSupported
	}
	if c.quirks&quirkNotUseSGL == 0 && (sgl == nvme.SGLSSupported || sgl == nvme.SGLSSupportedDword) {
		flags |= flagSGL
		if sgl == nvme.SGLSSupportedDword {
			flags |= flagSGLDword
		}
		set(&c.maxSGEs, sges)
		nvmeLog.Debugf("%v transport max_sges %d", c, sges)
		if id.SGLS&nvme.SGLSMetadataSGL != 0 {
			flags |= flagMetadataSGL
		}
	}
	if id.OACS&nvme.OACSSecurity != 0 && c.quirks&quirkOACSSecurity == 0 {
		flags |= flagSecurity
	}
	if id.OACS&nvme.OACSDirectives != 0 {
		flags |= flagDirectives
	}
	fused := 0
	if id.FUSES&nvme.FUSESCompareWrite != 0 {
		flags |= flagCompareAndWrite
		fused = 1
	}
	c.flags.Store(uint32(flags))
	nvmeLog.Debugf("%v fuses compare and write: %d", c, fused)
	c.configureLink()
}

// identifyCommandSets goes through states that have nothing to do before the
// namespaces are known.
func (c *Controller) identifyCommandSets(context.Context) error {
	c.setState(stateIdentifyNVM, c.opts.AdminTimeout)
	c.setState(stateIdentifyZNS, c.opts.AdminTimeout)
	c.zoneAppendLimit.Store(0)
	return nil
}

// identifyZoned finds the limits of the zoned command set. It is only asked
// of controllers that have a zoned namespace: others would fail the command.
func (c *Controller) identifyZoned(ctx context.Context, p phase) error {
	err := c.identifyInto(ctx, p, nvme.CNSIOCSController, 0, nvme.CSIZNS, func(b []byte) error {
		limit := uint64(c.maxTransfer.Load())
		if zasl := b[0]; zasl != 0 && zasl < 32 { // a power of two of pages; 0 is MDTS
			limit = min(limit, uint64(c.pageSize)<<zasl)
		}
		c.zoneAppendLimit.Store(uint32(limit))
		return nil
	})
	return ignoreStatus(err)
}

// ignoreStatus drops an error that the controller answered with.
func ignoreStatus(err error) error {
	if _, ok := err.(*StatusError); ok {
		return nil
	}
	return err
}

func (c *Controller) setNumQueues(ctx context.Context) error {
	c.setState(stateSetNumQueues, c.opts.AdminTimeout)
	n := min(c.opts.NumIOQueues, c.queuesWithVectors())
	if n == 0 {
		log.Noticef("%v Requested num_io_queues 0, increasing to 1", c)
		n = 1
	}
	c.setState(stateSetNumQueuesWait, c.opts.AdminTimeout)
	if c.cc.CSS() == nvme.CCCSSNoIO {
		c.numIOQueues = 0
		return nil
	}
	cpl, err := c.initCommand(ctx, nvme.Command{
		Opcode: nvme.AdminSetFeatures, CDW10: featureNumQueues, CDW11: (n-1)<<16 | (n - 1),
	})
	if err != nil {
		log.Errorf("%v Set Features - Number of Queues failed!", c)
		if ignoreStatus(err) != nil {
			return err
		}
		c.numIOQueues = 0
		return nil
	}
	sq, cq := cpl.CDW0&0xffff+1, cpl.CDW0>>16+1 // 0's based
	set(&c.numIOQueues, min(n, sq, cq, maxQueueSize-1))
	c.mu.Lock()
	defer c.mu.Unlock()
	// Queue pairs that live through a reset keep their identifiers.
	c.freeIDs = c.freeIDs[:0]
	for id := c.numIOQueues; id > 0; id-- {
		if c.qpairs[uint16(id)] == nil {
			c.freeIDs = append(c.freeIDs, uint16(id))
		}
	}
	return nil
}

// setFeatures sends what the options ask for.
func (c *Controller) setFeatures(ctx context.Context) error {
	c.setState(stateLogPages, c.opts.AdminTimeout)
	c.setState(stateFeatures, c.opts.AdminTimeout)
	if c.opts.ArbitrationBurst != 0 || c.opts.Arbitration == WeightedRoundRobin {
		dw := uint32(c.opts.ArbitrationBurst)
		if c.has(flagWRR) {
			dw |= uint32(c.opts.LowPriorityWeight)<<8 | uint32(c.opts.MediumPriorityWeight)<<16 | uint32(c.opts.HighPriorityWeight)<<24
		}
		_, err := c.initCommand(ctx, nvme.Command{Opcode: nvme.AdminSetFeatures, CDW10: featureArbitration, CDW11: dw})
		if err != nil {
			log.Errorf("%v Set arbitration feature failed", c)
		}
		if ignoreStatus(err) != nil {
			return err
		}
	}
	c.setState(stateHostFeature, c.opts.AdminTimeout)
	return nil
}

func (c *Controller) finishInit(context.Context) error {
	c.setState(stateTransportReady, c.opts.AdminTimeout)
	if c.link.Removed() {
		return ErrRemoved
	}
	c.setState(stateReady, 0)
	c.generation.Add(1)
	if !c.phase.CompareAndSwap(uint32(phaseResetting), uint32(phaseRunning)) {
		return c.deadErr()
	}
	c.epoch.Add(1)
	return nil
}

// setHostID tells the controller who the host is, if the options say so.
func (c *Controller) setHostID(ctx context.Context) error {
	c.setState(stateHostID, c.opts.AdminTimeout)
	if c.mapped == nil {
		nvmeLog.Debugf("%v NVMe-oF transport - not sending Set Features - Host ID", c)
		return nil // Connect has told it
	}
	id, extended := c.opts.HostID[:], uint32(0)
	if c.identify.Load().CTRATT&nvme.CTRATTHostID128 != 0 && c.opts.ExtendedHostID != [16]byte{} {
		nvmeLog.Debugf("%v Using 128-bit extended host identifier", c)
		id, extended = c.opts.ExtendedHostID[:], 1
	} else if c.opts.HostID == [8]byte{} {
		nvmeLog.Debugf("%v User did not specify host ID - not sending Set Features - Host ID", c)
		return nil
	} else {
		nvmeLog.Debugf("%v Using 64-bit host identifier", c)
	}
	c.setState(stateHostIDWait, c.opts.AdminTimeout)
	b, err := dma.Alloc(len(id), 64)
	if err != nil {
		return err
	}
	copy(b.Bytes(), id)
	_, err = c.exec(ctx, nvme.Command{Opcode: nvme.AdminSetFeatures, CDW10: featureHostID, CDW11: extended}, b, phaseResetting)
	if err != nil {
		log.Warnf("%v Set Features - Host ID failed: %v", c, err)
		return ignoreStatus(err)
	}
	b.Free()
	nvmeLog.Debugf("%v Set Features - Host ID was successful", c)
	return nil
}
