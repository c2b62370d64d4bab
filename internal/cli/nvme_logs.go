// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gospdk/gospdk/internal/nvmecli"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

var nvmeLogs = []nvmeVerb{
	{name: "smart-log", short: "Show the health of a controller", flags: allNamespaces, run: func(x *nvmeCall, ctx context.Context) error {
		l := new(nvme.SMARTLog)
		if err := x.log(ctx, nvme.LogSMART, nvme.Bytes(l)); err != nil {
			return err
		}
		return x.print(nvmecli.SMART{Device: x.device, SMARTLog: l})
	}},
	{name: "error-log", short: "Show the latest errors of a controller", flags: func(cmd *cobra.Command, x *nvmeCall) {
		cmd.Flags().Uint32VarP(&x.entries, "log-entries", "e", 64, "number of entries")
	}, run: (*nvmeCall).errorLog},
	{name: "fw-log", short: "Show the firmware slots", run: func(x *nvmeCall, ctx context.Context) error {
		l := new(nvme.FirmwareSlotLog)
		if err := x.log(ctx, nvme.LogFirmwareSlot, nvme.Bytes(l)); err != nil {
			return err
		}
		return x.print(nvmecli.Firmware{Device: x.device, FirmwareSlotLog: l})
	}},
	{name: "effects-log", short: "Show which commands there are and what they change", run: func(x *nvmeCall, ctx context.Context) error {
		l := new(nvme.CommandEffectsLog)
		if err := x.log(ctx, nvme.LogCommandEffects, nvme.Bytes(l)); err != nil {
			return err
		}
		return x.print(nvmecli.Effects{CommandEffectsLog: l})
	}},
	{name: "self-test-log", short: "Show the results of self-tests", run: func(x *nvmeCall, ctx context.Context) error {
		l := new(nvme.DeviceSelfTestLog)
		if err := x.log(ctx, nvme.LogDeviceSelfTest, nvme.Bytes(l)); err != nil {
			return err
		}
		return x.print(nvmecli.SelfTest{DeviceSelfTestLog: l})
	}},
	{name: "sanitize-log", short: "Show how far a sanitize operation is", run: func(x *nvmeCall, ctx context.Context) error {
		l := new(nvme.SanitizeStatusLog)
		if err := x.log(ctx, nvme.LogSanitizeStatus, nvme.Bytes(l)); err != nil {
			return err
		}
		return x.print(nvmecli.Sanitize{SanitizeStatusLog: l})
	}},
	{name: "ana-log", short: "Show by which paths namespaces are reached best", run: (*nvmeCall).anaLog},
	{name: "get-log", short: "Read any log page", flags: func(cmd *cobra.Command, x *nvmeCall) {
		allNamespaces(cmd, x)
		cmd.Flags().Uint8VarP(&x.logID, "log-id", "i", 0, "log page, such as 0x2")
		cmd.Flags().Uint32VarP(&x.length, "log-len", "l", 512, "bytes to read, a multiple of 4")
		cmd.Flags().Uint64VarP(&x.offset, "lpo", "O", 0, "offset in bytes")
		cmd.Flags().Uint8VarP(&x.lsp, "lsp", "s", 0, "log specific field")
		cmd.Flags().Uint16VarP(&x.lsi, "lsi", "S", 0, "log specific identifier")
		cmd.Flags().Uint8VarP(&x.csi, "csi", "y", 0, "command set")
		cmd.Flags().BoolVarP(&x.retain, "rae", "r", false, "keep the asynchronous event that told of the page")
		cmd.Flags().BoolVarP(&x.binary, "raw-binary", "b", false, "write the bytes as they are")
	}, run: (*nvmeCall).getLog},
}

// log reads a log page of the controller or of a namespace.
func (x *nvmeCall) log(ctx context.Context, id nvme.LogPageID, buf []byte) error {
	nsid := x.nsid
	if nsid == 0 {
		nsid = nvme.NSIDBroadcast
	}
	return x.c.GetLogPage(ctx, uint8(id), nsid, buf, 0)
}

func (x *nvmeCall) errorLog(ctx context.Context) error {
	n := min(x.entries, uint32(x.c.Identify().ELPE)+1)
	if n == 0 {
		return usagef("--log-entries 0: it must be at least 1")
	}
	entries := make([]nvme.ErrorLogEntry, n)
	buf := make([]byte, 64*len(entries))
	if err := x.log(ctx, nvme.LogError, buf); err != nil {
		return err
	}
	for i := range entries {
		copy(nvme.Bytes(&entries[i]), buf[64*i:])
	}
	return x.print(nvmecli.ErrorLog{Device: x.device, Entries: entries})
}

func (x *nvmeCall) anaLog(ctx context.Context) error {
	id := x.c.Identify()
	if id.CMIC&nvme.CMICANAReporting == 0 {
		return fmt.Errorf("%s does not report asymmetric namespace access (CMIC %#x)", x.device, id.CMIC)
	}
	buf := make([]byte, 16+32*id.NANAGRPID+4*id.NN)
	if err := x.log(ctx, nvme.LogANA, buf); err != nil {
		return err
	}
	count, groups, err := nvme.ParseANALog(buf)
	if err != nil {
		return err
	}
	return x.print(nvmecli.ANA{ChangeCount: count, Groups: groups})
}

func (x *nvmeCall) getLog(ctx context.Context) error {
	if x.length == 0 || x.length%4 != 0 {
		return usagef("--log-len %d: it must be a multiple of 4", x.length)
	}
	buf := make([]byte, x.length)
	o := host.LogPageOptions{Specific: x.lsp, SpecificID: x.lsi, RetainEvent: x.retain, CSI: nvme.CSI(x.csi)}
	if err := x.c.GetLogPageExt(ctx, x.logID, x.nsid, buf, x.offset, o); err != nil {
		return err
	}
	if !x.binary && !x.json() {
		fmt.Fprintf(x.out, "Device:%s log-id:%d namespace-id:%#x\n", x.device, x.logID, x.nsid)
	}
	return x.dump(buf, x.binary)
}

// dump writes bytes: as they are, as a text with their offsets, or in JSON.
func (x *nvmeCall) dump(p []byte, binary bool) (err error) {
	switch {
	case binary:
		_, err = x.out.Write(p)
	case x.json():
		err = nvmecli.PrintJSON(x.out, nvmecli.Object{{Name: "data", Value: hex.EncodeToString(p)}})
	default:
		_, err = fmt.Fprint(x.out, hex.Dump(p))
	}
	return err
}
