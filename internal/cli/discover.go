// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gospdk/gospdk/internal/identify"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// fabricFlags say who the host is and what goes over the network.
type fabricFlags struct {
	hostNQN                  string
	headerDigest, dataDigest bool
}

func addFabricFlags(cmd *cobra.Command) *fabricFlags {
	f := new(fabricFlags)
	cmd.Flags().StringVarP(&f.hostNQN, "hostnqn", "q", "", "the `name` of this host (default: hostnqn of the transport id, else a random one)")
	cmd.Flags().BoolVarP(&f.headerDigest, "hdr-digest", "g", false, "checksums of headers")
	cmd.Flags().BoolVarP(&f.dataDigest, "data-digest", "G", false, "checksums of data")
	return f
}

func (f *fabricFlags) options() host.Options {
	return host.Options{HostNQN: f.hostNQN, HeaderDigest: f.headerDigest, DataDigest: f.dataDigest}
}

// parseTrids reads transport ids from arguments. Each may be one argument, or
// its parts several, of which the first begins with trtype.
func parseTrids(args []string) ([]nvme.TransportID, error) {
	var texts []string
	for _, arg := range args {
		if len(texts) > 0 && !strings.ContainsAny(arg, " \t\n") && !strings.HasPrefix(strings.ToLower(arg), "trtype") {
			texts[len(texts)-1] += " " + arg
			continue
		}
		texts = append(texts, arg)
	}
	var ids []nvme.TransportID
	for _, text := range texts {
		id, err := nvme.ParseTransportID(text)
		if err != nil {
			return nil, &usageError{err}
		}
		if id.Trtype != nvme.TrtypeTCP {
			return nil, usagef("%q: only trtype:TCP goes over a network here", text)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func (a *app) discoverCommand() *cobra.Command {
	var (
		flags          *fabricFlags
		asJSON, follow bool
		watch          bool
	)
	cmd := &cobra.Command{
		Use:   "discover TRID...",
		Short: "List what discovery subsystems know",
		Long: `discover connects to the discovery subsystem at each address and prints its
log in the layout of "nvme discover".

With --follow it asks those too that the log refers to. With --watch it stays
connected and prints the log again whenever it changes.`,
		Example: `  gospdk discover 'trtype:TCP traddr:10.0.0.2 trsvcid:4420'
  gospdk discover trtype:TCP traddr:10.0.0.2 trsvcid:8009 --follow
  gospdk discover 'trtype:TCP traddr:10.0.0.2' --json | jq -r '.records[].subnqn'`,
		Args: usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := parseTrids(args)
			if err != nil {
				return err
			}
			quiet()
			if watch {
				return a.watchDiscovery(cmd.Context(), ids, flags.options(), asJSON)
			}
			return a.discover(cmd.Context(), ids, flags.options(), asJSON, follow)
		},
	}
	flags = addFabricFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON with the names of \"nvme discover\"; a list if there are several logs")
	cmd.Flags().BoolVar(&follow, "follow", false, "follow referrals to other discovery subsystems")
	cmd.Flags().BoolVar(&watch, "watch", false, "stay connected and print each change, until interrupted")
	cmd.MarkFlagsMutuallyExclusive("follow", "watch")
	addLogFlag(cmd, "L")
	return cmd
}

// discover prints what could be read, also if some could not.
func (a *app) discover(ctx context.Context, ids []nvme.TransportID, o host.Options, asJSON, follow bool) error {
	var all []*host.Discovery
	var errs []error
	for _, id := range ids {
		t := a.HostTransports[id.Trtype]
		if t == nil {
			return fmt.Errorf("trtype %v: this program reaches controllers by %s", id.Trtype, a.transportNames())
		}
		found, err := host.Discover(ctx, t, id, o, follow)
		all = append(all, found...)
		errs = append(errs, err)
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	if len(all) > 0 {
		errs = append(errs, a.printDiscovery(all, asJSON))
	}
	return errors.Join(errs...)
}

func (a *app) printDiscovery(all []*host.Discovery, asJSON bool) error {
	if asJSON {
		return identify.PrintDiscoveryJSON(a.out, all)
	}
	return identify.PrintDiscovery(a.out, all)
}

// watchDiscovery prints logs as they change.
func (a *app) watchDiscovery(ctx context.Context, ids []nvme.TransportID, o host.Options, asJSON bool) error {
	if len(ids) != 1 {
		return usagef("--watch takes one transport id, not %d", len(ids))
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err := host.WatchDiscovery(ctx, a.HostTransports[ids[0].Trtype], ids[0], o, func(d *host.Discovery, err error) {
		if err != nil {
			fmt.Fprintf(a.err, "%s: %v; connecting again\n", a.colour(a.err, yellow, "connection lost"), err)
			return
		}
		if err := a.printDiscovery([]*host.Discovery{d}, asJSON); err != nil {
			cancel(err)
		}
	})
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	if ctx.Err() != nil {
		return nil // an interrupt is how it ends
	}
	return err
}
