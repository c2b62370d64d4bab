// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

var nvmeManaging = []nvmeVerb{
	{name: "format", short: "Format a namespace", destroys: "all data of the namespace is lost", flags: func(cmd *cobra.Command, x *nvmeCall) {
		nsidFlag(cmd, x)
		cmd.Flags().Uint8VarP(&x.lbaf, "lbaf", "l", 0, "LBA format, an index that id-ns shows")
		cmd.Flags().Uint8VarP(&x.ses, "ses", "s", 0, "erase: 0 not, 1 user data, 2 cryptographic")
		cmd.Flags().Uint8VarP(&x.pi, "pi", "i", 0, "type of protection information, 0 to 3")
		cmd.Flags().Uint8VarP(&x.pil, "pil", "p", 0, "protection information: 0 last in the metadata, 1 first")
		cmd.Flags().Uint8VarP(&x.ms, "ms", "m", 0, "metadata: 0 separate, 1 after each block")
	}, run: func(x *nvmeCall, ctx context.Context) error {
		ns, err := x.namespace()
		if err != nil {
			return err
		}
		err = x.c.Format(ctx, ns.ID(), host.FormatOptions{Format: x.lbaf, SecureErase: x.ses, Protection: x.pi, ProtectionEnd: x.pil == 1, Interleaved: x.ms == 1})
		return x.said(err, "Success formatting namespace:%x", ns.ID())
	}},
	{name: "sanitize", short: "Erase all of the subsystem", destroys: "all data of the subsystem is lost", flags: func(cmd *cobra.Command, x *nvmeCall) {
		cmd.Flags().StringVarP(&x.file, "sanact", "a", "", "exit-failure, start-block-erase, start-overwrite, start-crypto-erase, or 1 to 4")
		cmd.Flags().Uint32VarP(&x.pattern, "ovrpat", "p", 0, "pattern to overwrite with")
	}, run: (*nvmeCall).sanitize},
	{name: "fw-download", short: "Send a firmware image", flags: func(cmd *cobra.Command, x *nvmeCall) {
		cmd.Flags().StringVarP(&x.file, "fw", "f", "", "file with the image")
		cmd.Flags().Uint32VarP(&x.length, "xfer", "x", 4096, "bytes of one command")
		cmd.Flags().Uint32VarP(&x.offset32, "offset", "O", 0, "offset of the first byte")
	}, run: (*nvmeCall).download},
	{name: "fw-commit", short: "Make a firmware image the one that runs", destroys: "the controller may run other firmware", flags: func(cmd *cobra.Command, x *nvmeCall) {
		cmd.Flags().Uint8VarP(&x.slot, "slot", "s", 0, "firmware slot, 0: the controller chooses")
		cmd.Flags().Uint8VarP(&x.action, "action", "a", 0, "0 replace, 1 replace and activate at the next reset, 2 activate, 3 replace and activate at once")
	}, run: func(x *nvmeCall, ctx context.Context) error {
		reset, err := x.c.FirmwareCommit(ctx, x.slot, x.action)
		if reset && err == nil {
			return x.said(nil, "Success committing firmware action:%d slot:%d, but a reset is needed", x.action, x.slot)
		}
		return x.said(err, "Success committing firmware action:%d slot:%d", x.action, x.slot)
	}},
	{name: "device-self-test", short: "Start or abort a self-test", flags: func(cmd *cobra.Command, x *nvmeCall) {
		allNamespaces(cmd, x)
		cmd.Flags().Uint8VarP(&x.code, "self-test-code", "s", 1, "1 short, 2 extended, 0xf abort")
	}, run: func(x *nvmeCall, ctx context.Context) error {
		return x.said(x.c.DeviceSelfTest(ctx, x.nsid, x.code), "Device self-test started")
	}},
	{name: "create-ns", short: "Create a namespace", flags: func(cmd *cobra.Command, x *nvmeCall) {
		cmd.Flags().Uint64VarP(&x.size, "nsze", "s", 0, "size in blocks")
		cmd.Flags().Uint64VarP(&x.capacity, "ncap", "c", 0, "capacity in blocks (default: the size)")
		cmd.Flags().Uint8VarP(&x.flbas, "flbas", "f", 0, "format and metadata")
		cmd.Flags().Uint8VarP(&x.dps, "dps", "d", 0, "protection")
		cmd.Flags().Uint8VarP(&x.nmic, "nmic", "m", 0, "1: several controllers may have it")
	}, run: (*nvmeCall).createNS},
	{name: "delete-ns", short: "Delete a namespace", destroys: "the namespace and all its data are lost", flags: needNSID, run: func(x *nvmeCall, ctx context.Context) error {
		return x.said(x.c.DeleteNamespace(ctx, x.nsid), "delete-ns: Success, deleted nsid:%d", x.nsid)
	}},
	{name: "attach-ns", short: "Attach a namespace to controllers", flags: attachFlags, run: func(x *nvmeCall, ctx context.Context) error {
		return x.said(x.c.AttachNamespace(ctx, x.nsid, x.controllerIDs()...), "attach-ns: Success, nsid:%d", x.nsid)
	}},
	{name: "detach-ns", short: "Detach a namespace from controllers", flags: attachFlags, run: func(x *nvmeCall, ctx context.Context) error {
		return x.said(x.c.DetachNamespace(ctx, x.nsid, x.controllerIDs()...), "detach-ns: Success, nsid:%d", x.nsid)
	}},
	{name: "reset", short: "Reset the controller", run: func(x *nvmeCall, ctx context.Context) error { return x.c.Reset(ctx) }},
}

// said writes a line about what has succeeded.
func (x *nvmeCall) said(err error, format string, args ...any) error {
	if err == nil {
		fmt.Fprintf(x.out, format+"\n", args...)
	}
	return err
}

func needNSID(cmd *cobra.Command, x *nvmeCall) {
	cmd.Flags().Uint32VarP(&x.nsid, "namespace-id", "n", 0, "namespace")
	_ = cmd.MarkFlagRequired("namespace-id")
}

func attachFlags(cmd *cobra.Command, x *nvmeCall) {
	needNSID(cmd, x)
	cmd.Flags().UintSliceVarP(&x.controllers, "controllers", "c", nil, "controllers (default: this one)")
}

func (x *nvmeCall) controllerIDs() (ids []uint16) {
	for _, id := range x.controllers {
		ids = append(ids, uint16(id))
	}
	if len(ids) == 0 {
		ids = []uint16{x.c.Identify().CNTLID}
	}
	return ids
}

var sanitizeActions = map[string]uint32{"exit-failure": 1, "start-block-erase": 2, "start-overwrite": 3, "start-crypto-erase": 4}

func (x *nvmeCall) sanitize(ctx context.Context) error {
	action, ok := sanitizeActions[x.file]
	if !ok {
		n, err := strconv.ParseUint(x.file, 0, 3)
		if err != nil || n < 1 || n > 4 {
			return usagef("--sanact %q: it must be exit-failure, start-block-erase, start-overwrite, start-crypto-erase, or 1 to 4", x.file)
		}
		action = uint32(n)
	}
	return x.said(x.c.Sanitize(ctx, action, x.pattern), "Sanitize started: sanitize-log shows how far it is")
}

func (x *nvmeCall) download(ctx context.Context) error {
	if x.file == "" || x.length == 0 || x.length%4 != 0 {
		return usagef("--fw FILE is needed, and --xfer a multiple of 4")
	}
	image, err := os.ReadFile(x.file)
	if err != nil {
		return err
	}
	if len(image)%4 != 0 {
		return fmt.Errorf("%s has %d bytes; an image has a multiple of 4", x.file, len(image))
	}
	for at := 0; at < len(image); at += int(x.length) {
		part := image[at:min(at+int(x.length), len(image))]
		if err := x.c.FirmwareDownload(ctx, part, x.offset32+uint32(at)); err != nil {
			return err
		}
	}
	return x.said(nil, "Firmware download success")
}

func (x *nvmeCall) createNS(ctx context.Context) error {
	if x.size == 0 {
		return usagef("--nsze 0: it must be the number of blocks")
	}
	d := &nvme.IdentifyNamespace{NSZE: x.size, NCAP: x.capacity, FLBAS: x.flbas, DPS: x.dps, NMIC: x.nmic}
	if d.NCAP == 0 {
		d.NCAP = d.NSZE
	}
	nsid, err := x.c.CreateNamespace(ctx, d)
	return x.said(err, "create-ns: Success, created nsid:%d", nsid)
}
