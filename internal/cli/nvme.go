// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gospdk/gospdk/internal/nvmecli"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/pci"
)

// nvmeCommand groups what nvme-cli does, on controllers that this program
// drives itself.
func (a *app) nvmeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "nvme",
		Short: "Manage NVMe controllers, in nvme-cli's words",
		Long: `nvme manages controllers from user space: those behind a PCI function that
"gospdk setup" has freed, a vfio-user socket, or the network. Its subcommands,
options and output are nvme-cli's.

A DEVICE is a transport id ('trtype:TCP adrfam:IPv4 traddr:10.0.0.1 trsvcid:4420
subnqn:NQN'), or shorter: a PCI address (0000:0b:00.0), the directory of a
vfio-user socket, or tcp://10.0.0.1:4420/NQN. Without one it is the first
controller that is found or, if there is none, an embedded one to try things on.`,
		Example: `  gospdk nvme list
  gospdk nvme id-ctrl 0000:0b:00.0
  gospdk nvme smart-log tcp://10.0.0.1:4420/nqn.2016-06.io.spdk:cnode1 -o json`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.nvmeList(), a.generateKey(), a.checkKey(), a.generateTLSKey(), a.checkTLSKey())
	for _, group := range [][]nvmeVerb{nvmeIdentifying, nvmeLogs, nvmeFeatures, nvmeManaging, nvmeIO, nvmeReservations, nvmePassthru} {
		for i := range group {
			cmd.AddCommand(a.nvmeVerb(&group[i]))
		}
	}
	zns := &cobra.Command{Use: "zns", Short: "Manage zones", RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }, Args: usageArgs(cobra.NoArgs)}
	for i := range nvmeZones {
		zns.AddCommand(a.nvmeVerb(&nvmeZones[i]))
	}
	cmd.AddCommand(zns)
	return cmd
}

// nvmeVerb is a subcommand that works on one controller.
type nvmeVerb struct {
	name, short string
	// flags adds options; their values are in the call.
	flags func(*cobra.Command, *nvmeCall)
	run   func(*nvmeCall, context.Context) error
	// destroys is what the command takes away; then it asks, or wants
	// --force where there is nobody to ask.
	destroys string
}

// nvmeCall is a subcommand at work.
type nvmeCall struct {
	*app
	s      *session
	c      *host.Controller
	device string

	nsid   uint32
	format string
	asJSON bool
	force  bool
	keys   *keyFlags

	nvmeParams
}

// json tells whether the output is to be JSON.
func (x *nvmeCall) json() bool { return x.asJSON || x.format == "json" }

// printer has a layout for people; JSON is its MarshalJSON.
type printer interface{ Print(io.Writer) error }

// print writes v in the format that was asked for.
func (x *nvmeCall) print(v printer) error {
	if x.json() {
		return nvmecli.PrintJSON(x.out, v)
	}
	return v.Print(x.out)
}

func (a *app) nvmeVerb(v *nvmeVerb) *cobra.Command {
	x := &nvmeCall{app: a}
	cmd := &cobra.Command{
		Use:   v.name + " [DEVICE]",
		Short: v.short,
		Args:  usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if x.format != "normal" && x.format != "json" {
				return usagef("--output-format %q: it must be normal or json", x.format)
			}
			return a.onDevice(cmd.Context(), args, x, v)
		},
	}
	cmd.Flags().StringVarP(&x.format, "output-format", "o", "normal", "normal or json")
	complete(cmd, "output-format", "normal", "json")
	cmd.Flags().BoolVar(&x.asJSON, "json", false, "the same as -o json")
	x.keys = addKeyFlags(cmd)
	if v.destroys != "" {
		cmd.Long = v.short + ".\n\n" + strings.ToUpper(v.destroys[:1]) + v.destroys[1:] + ": the command asks before, or wants --force."
		cmd.Flags().BoolVar(&x.force, "force", false, "do not ask")
	}
	if v.flags != nil {
		v.flags(cmd, x)
	}
	return cmd
}

// onDevice connects and runs the subcommand.
func (a *app) onDevice(ctx context.Context, args []string, x *nvmeCall, v *nvmeVerb) (err error) {
	quiet()
	var ids trids
	if len(args) > 0 {
		id, err := deviceID(args[0])
		if err != nil {
			return &usageError{err}
		}
		ids = append(ids, id)
	}
	o := connectOptions{trids: ids}
	if err := x.keys.apply(&o.host); err != nil {
		return err
	}
	s, err := a.connect(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	x.s, x.c, x.device = s, s.ctrlrs[0], "embedded"
	if s.target == nil {
		x.device = s.ctrlrs[0].TransportID().Traddr
	}
	if v.destroys != "" && !x.force {
		if err := a.confirm(fmt.Sprintf("%s of %s: %s.", v.name, x.device, v.destroys)); err != nil {
			return err
		}
	}
	if err := v.run(x, ctx); err != nil {
		return s.why(ctx, err)
	}
	return nil
}

// confirm asks whoever sits at the terminal.
func (a *app) confirm(what string) error {
	if !isTerminal(a.out) {
		return usagef("%s Give --force to do that without a question", what)
	}
	fmt.Fprintf(a.out, "%s\nType yes to go on: ", what)
	var answer string
	if _, err := fmt.Fscanln(stdin, &answer); err != nil || answer != "yes" {
		return errors.New("nothing was changed")
	}
	return nil
}

// deviceID reads a device in any of its forms.
func deviceID(s string) (id nvme.TransportID, err error) {
	switch {
	case strings.HasPrefix(s, "tcp://"):
		return tcpID(strings.TrimPrefix(s, "tcp://"))
	case strings.Contains(strings.ToLower(s), "trtype:") || strings.Contains(strings.ToLower(s), "trtype="):
		return nvme.ParseTransportID(s)
	}
	if at, err := pci.ParseAddress(s); err == nil {
		return nvme.TransportID{Trtype: nvme.TrtypePCIe, Traddr: at.String()}, nil
	}
	if strings.ContainsRune(s, filepath.Separator) {
		return nvme.TransportID{Trtype: nvme.TrtypeVFIOUser, Traddr: strings.TrimSuffix(s, "/cntrl")}, nil
	}
	return id, fmt.Errorf("device %q: it must be a transport id, a PCI address, a directory with a vfio-user socket, or tcp://ADDRESS:PORT/NQN", s)
}

// tcpID reads ADDRESS:PORT/NQN; the port is 4420 and the subsystem discovery
// if they are left out.
func tcpID(s string) (id nvme.TransportID, err error) {
	where, nqn, _ := strings.Cut(s, "/")
	if nqn == "" {
		nqn = nvme.DiscoveryNQN
	}
	at, err := netip.ParseAddrPort(where)
	if err != nil {
		ip, bad := netip.ParseAddr(strings.Trim(where, "[]"))
		if bad != nil {
			return id, fmt.Errorf("device tcp://%s: %q is no address with a port, such as 10.0.0.1:4420 or [fe80::1]:4420", s, where)
		}
		at = netip.AddrPortFrom(ip, 4420)
	}
	id = nvme.TransportID{Trtype: nvme.TrtypeTCP, Adrfam: nvme.AdrfamIPv4, Traddr: at.Addr().String(), Trsvcid: strconv.Itoa(int(at.Port())), Subnqn: nqn}
	if at.Addr().Is6() {
		id.Adrfam = nvme.AdrfamIPv6
	}
	return id, nil
}

// namespace returns the one that was asked for, the first without -n.
func (x *nvmeCall) namespace() (*host.Namespace, error) {
	if x.nsid == 0 {
		for _, ns := range x.c.Namespaces() {
			if ns.Active() {
				return ns, nil
			}
		}
		return nil, errors.New("the controller has no active namespace: create and attach one with create-ns and attach-ns")
	}
	ns := x.c.Namespace(x.nsid)
	if ns == nil {
		return nil, fmt.Errorf("namespace %d is not active: list-ns shows those that are", x.nsid)
	}
	return ns, nil
}
