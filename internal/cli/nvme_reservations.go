// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/internal/nvmecli"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

var nvmeReservations = []nvmeVerb{
	{name: "resv-register", short: "Register, unregister or replace a reservation key", flags: func(cmd *cobra.Command, x *nvmeCall) {
		reservationFlags(cmd, x)
		cmd.Flags().Uint64VarP(&x.other, "nrkey", "k", 0, "new key")
		cmd.Flags().Uint8VarP(&x.action, "rrega", "r", 0, "0 register, 1 unregister, 2 replace")
		cmd.Flags().Uint8VarP(&x.code, "cptpl", "p", 0, "persistence through power loss: 0 no change, 2 off, 3 on")
	}, run: func(x *nvmeCall, ctx context.Context) error {
		return x.reserve(ctx, "NVME Reservation  success", func(qp *host.QPair, ns *host.Namespace, r *host.Request, keys []byte) error {
			return qp.ReservationRegister(ns, r, keys, x.action, x.ignoreKey, x.code)
		})
	}},
	{name: "resv-acquire", short: "Acquire a reservation, or preempt one", flags: func(cmd *cobra.Command, x *nvmeCall) {
		reservationFlags(cmd, x)
		cmd.Flags().Uint64VarP(&x.other, "prkey", "p", 0, "key to preempt")
		cmd.Flags().Uint8VarP(&x.rtype, "rtype", "t", 0, "type, 1 to 6")
		cmd.Flags().Uint8VarP(&x.action, "racqa", "a", 0, "0 acquire, 1 preempt, 2 preempt and abort")
	}, run: func(x *nvmeCall, ctx context.Context) error {
		return x.reserve(ctx, "NVME Reservation Acquire success", func(qp *host.QPair, ns *host.Namespace, r *host.Request, keys []byte) error {
			return qp.ReservationAcquire(ns, r, keys, x.action, x.ignoreKey, host.ReservationType(x.rtype))
		})
	}},
	{name: "resv-release", short: "Release or clear a reservation", flags: func(cmd *cobra.Command, x *nvmeCall) {
		reservationFlags(cmd, x)
		cmd.Flags().Uint8VarP(&x.rtype, "rtype", "t", 0, "type, 1 to 6")
		cmd.Flags().Uint8VarP(&x.action, "rrela", "a", 0, "0 release, 1 clear")
	}, run: func(x *nvmeCall, ctx context.Context) error {
		return x.reserve(ctx, "NVME Reservation Release success", func(qp *host.QPair, ns *host.Namespace, r *host.Request, keys []byte) error {
			return qp.ReservationRelease(ns, r, keys[:8], x.action, x.ignoreKey, host.ReservationType(x.rtype))
		})
	}},
	{name: "resv-report", short: "Show who has registered and who holds the reservation", flags: func(cmd *cobra.Command, x *nvmeCall) {
		nsidFlag(cmd, x)
		cmd.Flags().BoolVarP(&x.extended, "eds", "e", false, "with host identifiers of 128 bits, as fabrics have them")
	}, run: (*nvmeCall).reservations},
}

func reservationFlags(cmd *cobra.Command, x *nvmeCall) {
	nsidFlag(cmd, x)
	cmd.Flags().Uint64VarP(&x.current, "crkey", "c", 0, "current key")
	cmd.Flags().BoolVarP(&x.ignoreKey, "iekey", "i", false, "do not check the current key")
}

func (x *nvmeCall) reserve(ctx context.Context, success string, submit func(*host.QPair, *host.Namespace, *host.Request, []byte) error) error {
	keys, err := dma.Alloc(host.ReservationKeySize, pageSize)
	if err != nil {
		return err
	}
	defer keys.Free()
	host.PutReservationKeys(keys.Bytes()[:host.ReservationKeySize], x.current, x.other)
	return x.onBlocks(ctx, success, func(qp *host.QPair, ns *host.Namespace, r *host.Request) error {
		return submit(qp, ns, r, keys.Bytes()[:host.ReservationKeySize])
	})
}

// reportSize is enough for 60 registrants.
const reportSize = 4096

func (x *nvmeCall) reservations(ctx context.Context) error {
	ns, err := x.namespace()
	if err != nil {
		return err
	}
	buf, err := dma.Alloc(reportSize, pageSize)
	if err != nil {
		return err
	}
	defer buf.Free()
	extended := x.extended || x.c.TransportID().Trtype == nvme.TrtypeTCP
	_, err = x.do(ctx, func(qp *host.QPair, r *host.Request) error {
		return qp.ReservationReport(ns, r, buf.Bytes()[:reportSize], extended)
	})
	if err != nil {
		return err
	}
	status, registrants, err := nvme.ParseReservationStatus(buf.Bytes()[:reportSize], extended)
	if err != nil {
		return err
	}
	o := nvmecli.Object{
		{Name: "gen", Text: fmt.Sprint(status.GEN), Value: status.GEN},
		{Name: "rtype", Text: fmt.Sprint(status.RTYPE), Value: status.RTYPE},
		{Name: "regctl", Text: fmt.Sprint(len(registrants)), Value: len(registrants)},
		{Name: "ptpls", Text: fmt.Sprint(status.PTPLS), Value: status.PTPLS},
	}
	var all []nvmecli.Object
	for _, g := range registrants {
		id, status := hex.EncodeToString(g.HostID[:]), 0
		if g.Holder {
			status = 1
		}
		all = append(all, nvmecli.Object{
			{Name: "cntlid", Text: fmt.Sprintf("%x", g.CNTLID), Value: g.CNTLID}, {Name: "rcsts", Text: fmt.Sprint(status), Value: status},
			{Name: "rkey", Text: fmt.Sprintf("%x", g.Key), Value: g.Key}, {Name: "hostid", Text: id, Value: id},
		})
	}
	if x.json() {
		return nvmecli.PrintJSON(x.out, append(o, nvmecli.Field{Name: "regctlext", Value: all}))
	}
	fmt.Fprintln(x.out, "\nNVME Reservation status:")
	if err := o.Print(x.out, width); err != nil {
		return err
	}
	for i, r := range all {
		fmt.Fprintf(x.out, "regctl[%d] :\n", i)
		if err := r.Print(x.out, width); err != nil {
			return err
		}
	}
	return nil
}

// width is that of the column of names.
const width = 10
