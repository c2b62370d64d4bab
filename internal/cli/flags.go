// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
)

// logFlag is the value of -L: it turns a component's log lines on as soon as
// it is parsed.
type logFlag struct{ set []string }

func (f *logFlag) String() string { return strings.Join(f.set, ",") }
func (f *logFlag) Type() string   { return "flag" }
func (f *logFlag) Set(s string) error {
	if err := log.SetFlag(s); err != nil {
		return err
	}
	f.set = append(f.set, s)
	return nil
}

// addLogFlag adds the flag that SPDK calls -L (-T in perf).
func addLogFlag(cmd *cobra.Command, short string) {
	cmd.Flags().VarP(&logFlag{}, "logflag", short, `log the work of a component, such as nvme or vfio_user, or of "all"; may be repeated`)
	complete(cmd, "logflag", append(log.Flags(), "all")...)
}

func complete(cmd *cobra.Command, flag string, values ...string) {
	// It fails for a flag that does not exist only.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// trids is the value of -r.
type trids []nvme.TransportID

func (t *trids) String() string {
	all := make([]string, len(*t))
	for i := range *t {
		all[i] = (*t)[i].String()
	}
	return strings.Join(all, ", ")
}
func (t *trids) Type() string { return "trid" }
func (t *trids) Set(s string) error {
	id, err := nvme.ParseTransportID(s)
	if err != nil {
		return err
	}
	*t = append(*t, id)
	return nil
}

func addTransportFlag(cmd *cobra.Command) *trids {
	t := new(trids)
	cmd.Flags().VarP(t, "transport", "r", `controller to use, such as 'trtype:VFIOUSER traddr:DIR', 'trtype:PCIe traddr:0000:04:00.0' or 'trtype:TCP traddr:10.0.0.2 trsvcid:4420 subnqn:NQN'; may be repeated (default: an embedded one)`)
	return t
}

// ignored is the value of an option that SPDK's programs have and that means
// nothing here. Scripts that give it go on working.
type ignored struct{ kind string }

func (ignored) String() string   { return "" }
func (f ignored) Type() string   { return f.kind }
func (ignored) Set(string) error { return nil }

// addIgnored adds options without effect; those with a kind take a value.
func addIgnored(cmd *cobra.Command, options ...[3]string) {
	for _, o := range options {
		name, short, kind := o[0], o[1], o[2]
		f := cmd.Flags().VarPF(ignored{kind}, name, short, "accepted for compatibility, no effect")
		if kind == "" {
			f.NoOptDefVal = "true"
		}
		f.Hidden = true
	}
}

// environment lists SPDK's options about its memory: there is nothing to set
// up here.
var environment = [][3]string{
	{"mem-single-seg", "g", ""}, {"shmem-grp-id", "i", "id"}, {"iova-mode", "", "mode"},
	{"no-huge", "", ""}, {"enforce-numa", "", ""}, {"env-context", "", "context"},
}

// refuseFlag makes an option of SPDK's program an error that says what to do.
func refuseFlag(cmd *cobra.Command, name, short, kind, why string) {
	f := cmd.Flags().VarPF(refused{name, kind, why}, name, short, why)
	if kind == "" {
		f.NoOptDefVal = "true"
	}
	f.Hidden = true
}

type refused struct{ name, kind, why string }

func (refused) String() string     { return "" }
func (f refused) Type() string     { return f.kind }
func (f refused) Set(string) error { return fmt.Errorf("--%s: %s", f.name, f.why) }

var _ pflag.Value = refused{}
