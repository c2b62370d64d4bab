// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/gospdk/gospdk/internal/identify"
	"github.com/gospdk/gospdk/nvme/host"
)

func (a *app) identifyCommand() *cobra.Command {
	var (
		ids        *trids
		keys       *keyFlags
		asJSON, hx bool
	)
	cmd := &cobra.Command{
		Use:   "identify",
		Short: "Print all that controllers say about themselves",
		Long: `identify prints a controller's registers, identify data, log pages and
features, and those of its active namespaces, in spdk_nvme_identify's layout.

Without -r it looks for controllers and, if there is none, starts an embedded
one, as hello_world does.`,
		Example: `  gospdk identify -r 'trtype:VFIOUSER traddr:/tmp/disk'
  gospdk identify --json | jq '.[0].controller.subnqn'`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.identify(cmd.Context(), *ids, keys, asJSON, hx) },
	}
	ids, keys = addTransportFlag(cmd), addKeyFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, named by the specification's acronyms")
	cmd.Flags().BoolVarP(&hx, "hexdump", "x", false, "print the raw data too")
	addLogFlag(cmd, "L")
	addIgnored(cmd, environment...)
	addIgnored(cmd, [][3]string{{"hugemem-size", "d", "MB"}, {"mem-size", "s", "MB"}, {"core", "p", "core"}, {"sock-impl", "S", "impl"}}...)
	return cmd
}

func (a *app) identify(ctx context.Context, ids trids, keys *keyFlags, asJSON, hexDump bool) (err error) {
	quiet()
	var o host.Options
	if err := keys.apply(&o); err != nil {
		return err
	}
	s, err := a.connect(ctx, connectOptions{trids: ids, host: o})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var reports []*identify.Report
	for _, c := range s.ctrlrs {
		r, err := identify.Collect(ctx, c, deviceName(c, 0))
		if err != nil {
			return s.why(ctx, err)
		}
		reports = append(reports, r)
		if asJSON {
			continue
		}
		if err := r.Print(a.out, hexDump); err != nil {
			return err
		}
	}
	if asJSON {
		return identify.PrintJSON(a.out, reports)
	}
	return nil
}
