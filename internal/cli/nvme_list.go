// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gospdk/gospdk/internal/nvmecli"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// nvmeList lists the namespaces of controllers.
func (a *app) nvmeList() *cobra.Command {
	var (
		format string
		asJSON bool
		keys   *keyFlags
	)
	cmd := &cobra.Command{
		Use:   "list [DEVICE...]",
		Short: "List controllers and their namespaces",
		RunE: func(cmd *cobra.Command, args []string) error {
			var o connectOptions
			if err := keys.apply(&o.host); err != nil {
				return err
			}
			for _, arg := range args {
				id, err := deviceID(arg)
				if err != nil {
					return &usageError{err}
				}
				o.trids = append(o.trids, id)
			}
			return a.listNamespaces(cmd.Context(), o, asJSON || format == "json")
		},
	}
	cmd.Flags().StringVarP(&format, "output-format", "o", "normal", "normal or json")
	complete(cmd, "output-format", "normal", "json")
	cmd.Flags().BoolVar(&asJSON, "json", false, "the same as -o json")
	keys = addKeyFlags(cmd)
	return cmd
}

func (a *app) listNamespaces(ctx context.Context, o connectOptions, asJSON bool) (err error) {
	quiet()
	s, err := a.connect(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	rows := [][]cell{{{text: "Node"}, {text: "SN"}, {text: "Model"}, {text: "Namespace"}, {text: "Usage"}, {text: "Format"}, {text: "FW Rev"}}}
	devices := []nvmecli.Object{}
	for _, c := range s.ctrlrs {
		id := c.Identify()
		for _, ns := range c.Namespaces() {
			d := ns.Data()
			size := uint64(ns.BlockSize())
			row := []string{
				deviceName(c, 0), trimmed(id.SN[:]), trimmed(id.MN[:]), fmt.Sprintf("%#x", ns.ID()),
				fmt.Sprintf("%s / %s", nvmecli.Bytes(d.NUSE*size), nvmecli.Bytes(d.NSZE*size)),
				fmt.Sprintf("%s + %2d B", nvmecli.Bytes(size), ns.MetadataSize()), trimmed(id.FR[:]),
			}
			var cells []cell
			for _, text := range row {
				cells = append(cells, cell{text: text})
			}
			rows = append(rows, cells)
			devices = append(devices, listed(c, ns))
		}
	}
	if asJSON {
		return nvmecli.PrintJSON(a.out, nvmecli.Object{{Name: "Devices", Value: devices}})
	}
	return a.printTable(a.out, rows)
}

// listed is a namespace under nvme-cli's keys.
func listed(c *host.Controller, ns *host.Namespace) nvmecli.Object {
	id, d, size := c.Identify(), ns.Data(), uint64(ns.BlockSize())
	return nvmecli.Object{
		{Name: "NameSpace", Value: ns.ID()}, {Name: "DevicePath", Value: c.TransportID().Traddr},
		{Name: "Firmware", Value: trimmed(id.FR[:])}, {Name: "ModelNumber", Value: trimmed(id.MN[:])},
		{Name: "SerialNumber", Value: trimmed(id.SN[:])}, {Name: "UsedBytes", Value: d.NUSE * size},
		{Name: "MaximumLBA", Value: d.NSZE}, {Name: "PhysicalSize", Value: d.NSZE * size}, {Name: "SectorSize", Value: size},
	}
}

func trimmed(p []byte) string { return strings.TrimSpace(nvme.Text(p)) }
