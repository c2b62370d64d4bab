// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/pdu"
)

func (a *app) connectCheckCommand() *cobra.Command {
	var (
		flags  *fabricFlags
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "connect-check TRID",
		Short: "Connect to an NVMe/TCP controller and say step by step what works",
		Long: `connect-check goes through what a host does to use a controller: TCP, the
NVMe/TCP handshake, the Connect command, Identify, an I/O queue, and a read of
the first block of each namespace, whose latency it prints. It writes nothing.
Where a step fails it says what to do, and the exit code is 1.`,
		Example: `  gospdk connect-check 'trtype:TCP traddr:10.0.0.2 trsvcid:4420 subnqn:nqn.2016-06.io.spdk:cnode1'
  gospdk connect-check trtype:TCP traddr:10.0.0.2 --json | jq '.steps[] | select(.ok | not)'`,
		Args: usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := parseTrids(args)
			if err != nil {
				return err
			}
			if len(ids) != 1 {
				return usagef("one transport id is checked at a time, not %d", len(ids))
			}
			if !cmd.Flags().Changed("logflag") {
				log.SetPrintLevel(log.LevelDisabled) // the report says it all
			}
			return a.connectCheck(cmd.Context(), ids[0], flags.options(), asJSON)
		},
	}
	flags = addFabricFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	addLogFlag(cmd, "L")
	return cmd
}

// checkStep is what one step has shown.
type checkStep struct {
	Name   string  `json:"name"`
	OK     bool    `json:"ok"`
	Detail string  `json:"detail"`
	Advice string  `json:"advice,omitempty"`
	Millis float64 `json:"ms"`
}

// connectChecker goes through the steps.
type connectChecker struct {
	app   *app
	ctx   context.Context
	id    nvme.TransportID
	o     host.Options
	addr  string
	quiet bool
	Steps []checkStep `json:"steps"`

	ctrlr *host.Controller
}

// stepTime bounds each step that is made by package net.
const stepTime = 5 * time.Second

// errCheck ends connect-check when a step failed. Its report has said which.
var errCheck = errors.New("the controller cannot be used")

func (a *app) connectCheck(ctx context.Context, id nvme.TransportID, o host.Options, asJSON bool) error {
	if id.Trsvcid == "" {
		id.Trsvcid = "4420"
	}
	c := &connectChecker{app: a, ctx: ctx, id: id, o: o, addr: net.JoinHostPort(id.Traddr, id.Trsvcid), quiet: asJSON}
	ok := c.step("TCP", c.tcp) && c.step("NVMe/TCP", c.handshake) && c.step("Connect", c.connect)
	if ok {
		ok = c.step("Identify", c.identify)
		if c.ctrlr.IsDiscovery() {
			ok = ok && c.step("Discovery log", c.discovery)
		} else {
			ok = ok && c.step("I/O queue and read", c.read)
		}
		ok = c.step("Disconnect", c.detach) && ok
	}
	if asJSON {
		if err := printJSON(a.out, c); err != nil {
			return err
		}
	}
	switch {
	case ctx.Err() != nil:
		return errInterrupted
	case !ok:
		return errCheck
	}
	return nil
}

// step runs one step and tells of it.
func (c *connectChecker) step(name string, run func() (string, error)) bool {
	start := time.Now()
	detail, err := run()
	s := checkStep{Name: name, OK: err == nil, Detail: detail, Millis: float64(time.Since(start).Microseconds()) / 1000}
	if err != nil {
		s.Detail, s.Advice = err.Error(), c.advice(err)
	}
	c.Steps = append(c.Steps, s)
	if c.quiet {
		return s.OK
	}
	out := c.app.out
	mark := c.app.colour(out, green, "ok    ")
	if !s.OK {
		mark = c.app.colour(out, red, "FAILED")
	}
	fmt.Fprintf(out, "%s %s: %s (%.1f ms)\n", mark, name, s.Detail, s.Millis)
	if s.Advice != "" {
		fmt.Fprintf(out, "       %s %s\n", c.app.colour(out, yellow, "what to do:"), s.Advice)
	}
	return s.OK
}

func (c *connectChecker) dial() (net.Conn, error) {
	d := net.Dialer{Timeout: stepTime}
	if c.id.Hostaddr != "" {
		local, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(c.id.Hostaddr, "0"))
		if err != nil {
			return nil, err
		}
		d.LocalAddr = local
	}
	network := map[nvme.AddressFamily]string{nvme.AdrfamIPv4: "tcp4", nvme.AdrfamIPv6: "tcp6"}[c.id.Adrfam]
	if network == "" {
		network = "tcp"
	}
	return d.DialContext(c.ctx, network, c.addr)
}

func (c *connectChecker) tcp() (string, error) {
	conn, err := c.dial()
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return fmt.Sprintf("%v reaches %v", conn.LocalAddr(), conn.RemoteAddr()), nil
}

// handshakeError is a peer that does not speak NVMe/TCP.
type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }

// handshake exchanges ICReq and ICResp, on a connection of its own.
func (c *connectChecker) handshake() (string, error) {
	conn, err := c.dial()
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(stepTime)); err != nil {
		return "", err
	}
	req := pdu.ICReq{HeaderDigest: c.o.HeaderDigest, DataDigest: c.o.DataDigest, MaxR2T: 1}
	b := make([]byte, pdu.ICSize)
	req.Put(b)
	if _, err := conn.Write(b); err != nil {
		return "", &handshakeError{err}
	}
	if _, err := io.ReadFull(conn, b); err != nil {
		return "", &handshakeError{fmt.Errorf("no ICResp: %w", err)}
	}
	rules := pdu.Rules{}
	l, fatal := rules.Check(b)
	if fatal == nil && l.Type != pdu.TypeICResp {
		fatal = pdu.Fatal(pdu.SequenceError, 0, "%v instead of ICResp", l.Type)
	}
	var r pdu.ICResp
	if fatal == nil {
		r, fatal = pdu.ParseICResp(b, &req)
	}
	if fatal != nil {
		return "", &handshakeError{fatal}
	}
	detail := fmt.Sprintf("version %d, header digest %s, data digest %s, MAXH2CDATA %d", r.PFV, onOff(r.HeaderDigest), onOff(r.DataDigest), r.MaxH2CData)
	if r.HeaderDigest != req.HeaderDigest || r.DataDigest != req.DataDigest {
		detail += " (the controller declined a digest)"
	}
	return detail, nil
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func (c *connectChecker) connect() (string, error) {
	var err error
	if c.ctrlr, err = host.Connect(c.ctx, c.app.HostTransports[c.id.Trtype], c.id, c.o); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, controller %#x", c.ctrlr.TransportID().Subnqn, c.ctrlr.Identify().CNTLID), nil
}

func (c *connectChecker) identify() (string, error) {
	id := c.ctrlr.Identify()
	text := fmt.Sprintf("%s %s, serial %s, NVMe %v", nvme.Text(id.MN[:]), nvme.Text(id.FR[:]), nvme.Text(id.SN[:]), c.ctrlr.Version())
	for _, ns := range c.ctrlr.Namespaces() {
		text += fmt.Sprintf(", namespace %d of %s", ns.ID(), humanSize(ns.Size()))
	}
	if !c.ctrlr.IsDiscovery() && len(c.ctrlr.Namespaces()) == 0 {
		return "", errNoNamespace
	}
	return text, nil
}

var errNoNamespace = errors.New("no namespace is active for this host")

func (c *connectChecker) discovery() (string, error) {
	d, err := c.ctrlr.ReadDiscoveryLog(c.ctx)
	if err != nil {
		return "", err
	}
	var names []string
	for _, id := range d.Subsystems() {
		names = append(names, id.Subnqn)
	}
	return fmt.Sprintf("%d entries, %d subsystems: %s", len(d.Entries), len(names), strings.Join(names, ", ")), nil
}

// read measures reads of the first block of each namespace.
func (c *connectChecker) read() (detail string, err error) {
	qp, err := c.ctrlr.AllocIOQPairContext(c.ctx, host.QPairOptions{})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, qp.Free(context.WithoutCancel(c.ctx))) }()
	var parts []string
	for _, ns := range c.ctrlr.Namespaces() {
		least, sum, err := c.latency(qp, ns)
		if err != nil {
			return "", fmt.Errorf("reading namespace %d: %w", ns.ID(), err)
		}
		parts = append(parts, fmt.Sprintf("namespace %d: %d us at best, %d us on average of %d reads of a block", ns.ID(), least.Microseconds(), (sum/checkReads).Microseconds(), checkReads))
	}
	return strings.Join(parts, "; "), nil
}

// checkReads is how many reads are measured.
const checkReads = 100

func (c *connectChecker) latency(qp *host.QPair, ns *host.Namespace) (least, sum time.Duration, err error) {
	buf := make([]byte, ns.ExtendedBlockSize())
	var r host.Request
	r.Done = ignoreDone{}
	for range checkReads {
		start := time.Now()
		if err := qp.Read(ns, &r, buf, 0, 1, 0); err != nil {
			return 0, 0, err
		}
		for r.Busy() {
			if _, err := qp.ProcessCompletions(0); err != nil {
				return 0, 0, err
			}
			if c.ctx.Err() != nil {
				return 0, 0, errInterrupted
			}
			if time.Since(start) > stepTime {
				return 0, 0, fmt.Errorf("a read has not ended within %v", stepTime)
			}
		}
		if err := r.Err(); err != nil {
			return 0, 0, err
		}
		took := time.Since(start)
		if sum += took; least == 0 || took < least {
			least = took
		}
	}
	return least, sum, nil
}

// ignoreDone is for requests that are looked at by their Busy.
type ignoreDone struct{}

func (ignoreDone) Complete(*host.Request) {}

func (c *connectChecker) detach() (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), detachTime)
	defer cancel()
	return "the controller was shut down", c.ctrlr.Detach(ctx)
}

// advice says what to do about an error.
func (c *connectChecker) advice(err error) string {
	var status *host.StatusError
	var dns *net.DNSError
	var timeout net.Error
	var handshake *handshakeError
	switch {
	case errors.As(err, &status) && status.Opcode == nvme.OpcodeFabrics:
		return c.connectAdvice(status.Status)
	case errors.As(err, &handshake):
		return fmt.Sprintf("something listens at %s that does not speak NVMe/TCP without TLS: check the port (a target's is 4420 by default, a discovery service's 8009)", c.addr)
	case errors.As(err, &dns):
		return "the name is not known: check traddr, or give an IP address"
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("the machine answers, but nothing listens at port %s: check trsvcid, and that the target has a listener there (nvmf_subsystem_get_listeners)", c.id.Trsvcid)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "there is no route: check traddr, and this machine's addresses with \"ip route get " + c.id.Traddr + "\""
	case errors.Is(err, host.ErrTimeout), errors.As(err, &timeout) && timeout.Timeout():
		return "nothing answers: check traddr, that the machine is up, and that no firewall drops the packets"
	case errors.Is(err, errNoNamespace):
		return "add one to the subsystem (nvmf_subsystem_add_ns), or make one visible to this host (nvmf_ns_add_host)"
	}
	return "run it again with -L nvme to see every step of the driver"
}

// connectAdvice is about a Connect command that was refused.
func (c *connectChecker) connectAdvice(s nvme.Status) string {
	switch s.Code() {
	case nvme.StatusFabricsInvalidHost:
		return "the subsystem does not let this host in: add its name there (nvmf_subsystem_add_host), or give an allowed one with --hostnqn"
	case nvme.StatusFabricsInvalidParam:
		return fmt.Sprintf("there is no such subsystem, or a name is malformed: list what there is with \"gospdk discover 'trtype:TCP traddr:%s trsvcid:%s'\"", c.id.Traddr, c.id.Trsvcid)
	case nvme.StatusFabricsAuthRequired:
		return "the subsystem wants authentication: give this host a key (nvmf_subsystem_add_host --dhchap-key at the target)"
	case nvme.StatusFabricsControllerBusy:
		return "the subsystem has no controller left: disconnect another host, or raise its cntlid range"
	}
	return "look into the target's log for why it refused"
}
