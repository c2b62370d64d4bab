// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/pdu"
	"github.com/gospdk/gospdk/nvmf"
)

// oui is the IEEE identifier that SPDK's controllers have.
var oui = [3]byte{0x5c, 0xd2, 0xe4}

// refusedTime is how long a host that has not proved who it is has to go by
// itself.
const refusedTime = time.Second

const (
	vendorID = 0x8086 // SPDK's default
	noSQHead = 0xffff // SQHD in the answer to a Connect without SQ flow control
)

// icReq answers ICReq: digests are as the host wants them.
func (c *conn) icReq(head []byte) {
	r, err := pdu.ParseICReq(head)
	if err != nil {
		c.fatal(err, head)
		return
	}
	o := &c.t.opts
	c.format = pdu.Format{HeaderDigest: r.HeaderDigest, DataDigest: r.DataDigest, PDA: r.HPDA}
	c.rules.Format = pdu.Format{HeaderDigest: r.HeaderDigest, DataDigest: r.DataDigest, PDA: o.CPDA}
	resp := pdu.ICResp{CPDA: o.CPDA, HeaderDigest: r.HeaderDigest, DataDigest: r.DataDigest, MaxH2CData: o.MaxDataSize}
	b := make([]byte, pdu.ICSize)
	c.sendLoose(b[:resp.Put(b)])
	c.state = stateReady
}

// connecting is a Connect in execution.
type connecting struct {
	cmd  nvme.Command
	args nvme.Connect
	data nvme.ConnectData

	ctrlr  *controller
	lane   *nvmf.Lane // for the queue
	placed *group     // where an I/O queue is to run
	err    error
}

// firstCommand works on the first command of a connection, which is Connect.
func (c *conn) firstCommand(head []byte) {
	var cmd nvme.Command
	pdu.ParseCapsuleCmd(head, &cmd)
	if cmd.Opcode != nvme.OpcodeFabrics || cmd.FCTYPE() != nvme.FabricsConnect {
		c.reply(nvme.NewCompletion(0, 0, cmd.CID, nvme.StatusCommandSequenceError.WithDNR()))
		return
	}
	x := &connecting{cmd: cmd, args: nvme.ParseConnect(&cmd)}
	data := nvme.Bytes(&x.data)
	if n := c.rx.layout.Data; n < uint32(len(data)) {
		c.reply(nvme.NewCompletion(0, 0, cmd.CID, nvme.StatusDataSGLLengthInvalid.WithDNR()))
		return
	}
	c.connect = x
	c.rx.aim([][]byte{data}, 0, uint32(len(data)))
}

// startConnect carries Connect out, on a goroutine: it may have to wait.
func (c *conn) startConnect(intact bool) {
	x := c.connect
	if !intact {
		c.connect = nil
		c.reply(nvme.NewCompletion(0, 0, x.cmd.CID, nvme.StatusTransientTransportError))
		return
	}
	c.calm()
	c.state = stateConnecting
	c.rx.wait = waitConnect
	g := c.g
	go func() {
		x.err = c.t.findController(c, g, x)
		if !g.thread.Send(func() { c.connected() }) {
			c.t.live.Done()
		}
	}()
}

// findController makes the controller for an admin queue, or finds that of an
// I/O queue and chooses its thread. It is called on a goroutine.
func (t *Transport) findController(c *conn, g *group, x *connecting) error {
	entries := t.opts.QueueEntries
	if x.args.QID == 0 {
		entries = t.opts.AdminEntries
	}
	if err := c.mayBe(nvme.Text(x.data.HOSTNQN[:]), nvme.Text(x.data.SUBNQN[:])); err != nil {
		return err
	}
	sub, err := t.target.CheckConnect(&x.args, &x.data, entries)
	if err != nil {
		return err
	}
	if x.args.QID == 0 {
		x.ctrlr, err = t.makeController(c, g, x, sub)
		return err
	}
	t.mu.Lock()
	a := t.controllers[ctrlrKey{sub, x.data.CNTLID}]
	t.mu.Unlock()
	if a == nil || a.hostNQN != nvme.Text(x.data.HOSTNQN[:]) || a.hostID != x.data.HOSTID {
		return nvmf.BadControllerID("host %s has no controller %#x of %s", nvme.Text(x.data.HOSTNQN[:]), x.data.CNTLID, sub.NQN())
	}
	to := t.place(g)
	if x.lane, err = a.core.LaneOn(context.Background(), to.thread); err != nil {
		to.queues.Add(-1)
		return err
	}
	x.ctrlr, x.placed = a, to
	return nil
}

// makeController makes the controller whose admin queue c is to be.
func (t *Transport) makeController(c *conn, g *group, x *connecting, sub *nvmf.Subsystem) (*controller, error) {
	l, ok := c.portal.admit(sub)
	if !ok {
		return nil, &nvmf.ConnectError{Status: nvme.StatusFabricsInvalidHost.WithDNR(), What: fmt.Sprintf("subsystem %s is not served at %v", sub.NQN(), c.portal.addr)}
	}
	a := &controller{
		t: t, g: g, listener: l, hostNQN: nvme.Text(x.data.HOSTNQN[:]), hostID: x.data.HOSTID,
		io: make([]*conn, t.opts.IOQueues+1),
	}
	var err error
	a.core, err = sub.NewController(context.Background(), g.thread, a, nvmf.ControllerOptions{
		QueueEntries: t.opts.QueueEntries, IOQueues: t.opts.IOQueues, MaxDataSize: t.opts.MaxDataSize,
		VendorID: vendorID, SubsystemVendorID: vendorID, OUI: oui,
		Fabrics:    &nvmf.FabricsOptions{InCapsule: t.opts.InCapsule, LocalAddr: c.sock.Local().Addr().WithZone("").String()},
		Connection: nvmf.Connection{HostNQN: a.hostNQN, HostID: uuid.UUID(a.hostID), Listen: c.portal.id(l)},
		Tuning:     t.opts.Tuning,
	})
	if err != nil {
		if l != nil {
			l.live.Done()
		}
		return nil, err
	}
	t.live.Add(1)
	t.mu.Lock()
	t.controllers[ctrlrKey{sub, a.core.ID()}] = a
	t.mu.Unlock()
	x.lane = a.core.Home()
	return a, nil
}

// connected goes on when the goroutine is done. An I/O queue moves to the
// thread that was chosen for it.
func (c *conn) connected() {
	x := c.connect
	c.counted = x.placed
	switch {
	case c.state == stateClosed, x.err == nil && x.ctrlr.listener != nil && x.ctrlr.listener.closed.Load():
		c.lost()
	case x.err != nil:
		c.refuse(x.err)
	case x.args.QID == 0:
		c.begin(x)
	case x.placed == c.g:
		c.join()
	default:
		to := x.placed
		c.g.detach(c)
		c.readOff, c.writeOn = false, false
		if !to.thread.Send(func() { c.arrive(to) }) {
			c.drop()
		}
	}
}

// lost ends a connection that was closed during Connect, and the controller
// that was made for it.
func (c *conn) lost() {
	x := c.connect
	c.connect = nil
	if x.err == nil && x.args.QID == 0 {
		go x.ctrlr.finish()
	}
	if c.state != stateClosed {
		c.state = stateReady // nothing comes back any more
		c.close()
		return
	}
	c.busy--
	c.checkGone()
}

// arrive takes an I/O queue that has come from another thread.
func (c *conn) arrive(g *group) {
	c.state = stateReady
	if g.attach(c); c.state == stateClosed {
		return
	}
	c.state = stateConnecting
	if len(c.tx.bufs) > c.tx.at {
		c.markDirty()
	}
	c.join()
}

// refuse answers a Connect that failed.
func (c *conn) refuse(err error) {
	x := c.connect
	c.connect = nil
	c.unplace()
	log.Warnf("nvmf: TCP %v: %v", c.sock.Remote(), err)
	cpl := nvme.NewCompletion(0, 0, x.cmd.CID, nvme.StatusInternalDeviceError)
	var why *nvmf.ConnectError
	if errors.As(err, &why) {
		cpl.SetStatus(why.Status, false)
		cpl.CDW0 = why.CDW0
	}
	c.reply(cpl)
	c.state = stateReady // the host may try again
	c.hurry(c.t.opts.ConnectTimeout)
	c.markResume()
}

// begin makes c the admin queue of a new controller.
func (c *conn) begin(x *connecting) {
	x.ctrlr.admin = c
	x.ctrlr.core.SetKeepAlive(x.args.KATO)
	c.run(x)
}

// join asks the controller, on its thread, to take c as an I/O queue.
func (c *conn) join() {
	a, g, id := c.connect.ctrlr, c.g, c.connect.args.QID
	asked := a.g.thread.Send(func() {
		err := a.admit(c, id)
		g.thread.Send(func() { c.joined(err) })
	})
	if !asked {
		c.joined(nvmf.BadControllerID("controller %#x has ended", a.core.ID()))
	}
}

// joined goes on with the answer, perhaps after the connection was closed.
func (c *conn) joined(err error) {
	x := c.connect
	switch {
	case c.state == stateClosed:
		c.connect = nil
		if err == nil { // the controller counts it
			c.ctrlr, c.lane, c.Queue.ID = x.ctrlr, x.lane, x.args.QID
		}
		c.busy--
		c.checkGone()
	case err != nil:
		c.refuse(err)
	default:
		c.rules.MaxInCapsule = c.t.opts.InCapsule
		c.run(x)
	}
}

// run is the end of a Connect that succeeded.
func (c *conn) run(x *connecting) {
	c.connect = nil
	c.t.target.ConnectionLeft(c.g.thread)
	c.ctrlr, c.lane, c.Queue.ID = x.ctrlr, x.lane, x.args.QID
	c.lane.AddQueue(nvmf.QueueInfo{ID: c.Queue.ID, Peer: idOf(c.sock.Remote())})
	c.entries = int(x.args.SQSize)
	c.noFlow = x.args.Attributes&nvme.ConnectNoSQFlow != 0
	c.state = stateRunning
	cpl := nvme.NewCompletion(0, c.ID, x.cmd.CID, nvme.StatusSuccess)
	result := nvme.NewConnectResult(c.ctrlr.core.ID())
	if c.lane.RequireAuthentication(&c.Queue) {
		result |= nvme.ConnectAuthTransaction
		c.hurry(nvmf.AuthTimeout)
	}
	cpl.CDW0 = uint32(result)
	cpl.SQHD = noSQHead
	if !c.noFlow {
		c.sqHead = 1
		cpl.SQHD = 1
	}
	c.reply(cpl)
	c.markResume()
	flag.Debugf("%v: queue %d of controller %#x, %d entries", c.sock.Remote(), c.ID, c.ctrlr.core.ID(), c.entries)
}

// authStep looks how far the host has got with proving who it is. Once it
// knows that it has failed nothing puts the end off any more.
func (c *conn) authStep() {
	switch {
	case c.Refused():
		if c.deadline == 0 || c.deadline > c.g.thread.Clock().Now()+refusedTime {
			c.hurry(refusedTime)
		}
	case !c.Authenticating():
		c.calm()
	}
}
