// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	daemon "github.com/gospdk/gospdk/app"
	"github.com/gospdk/gospdk/internal/spdkcli"
	"github.com/gospdk/gospdk/rpc"
	"github.com/gospdk/gospdk/rpc/client"
)

// treeSession is one run of gospdk cli.
type treeSession struct {
	a        *app
	in       io.Reader
	out, err io.Writer
	rpc      rpcSession // for its options and how it connects
	script   string
	shell    *spdkcli.Shell
}

// treeCommand is spdkcli: the target as a tree.
func (a *app) treeCommand() *cobra.Command {
	s := &treeSession{a: a}
	cmd := &cobra.Command{
		Use:                   "cli [OPTIONS] [PATH] [COMMAND] [ARGUMENTS]",
		Short:                 "Look at a running target as a tree, and change it, like spdkcli",
		DisableFlagsInUseLine: true,
		Long: `cli shows a running target, gospdk's or SPDK's, as a tree: block devices by
module, logical volume stores, NVMe-oF subsystems, iSCSI target nodes and vhost
controllers, as far as the target has them. Each node has commands of its own;
"help" lists them. Names and arguments are those of SPDK's spdkcli.py.

With a command it carries that out and ends. Without one it asks for lines on a
terminal, with history and completion by TAB, or carries out the lines of
standard input.`,
		Example: `  gospdk cli
  gospdk cli ls
  gospdk cli /bdevs/malloc create 32 512 Malloc0
  gospdk cli '/bdevs/raid_volume create Raid0 0 "Malloc0 Malloc1" 64'
  gospdk cli --json /bdevs ls
  gospdk cli -i setup.txt`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.run(cmd, args)
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
			return s.completeWords(cmd, args, toComplete)
		},
	}
	fl := cmd.Flags()
	fl.SetInterspersed(false) // what follows the path is the tree's
	fl.SetNormalizeFunc(underscores)
	s.addFlags(cmd)
	return cmd
}

func (s *treeSession) addFlags(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVarP(&s.rpc.address, "server_addr", "s", client.DefaultAddress, "the target: path of a socket, HOST:PORT, or a URL (tcp, http, https)")
	fl.IntVarP(&s.rpc.port, "port", "p", 0, "TCP port, if the address is an IP address alone")
	fl.Float64VarP(&s.rpc.timeout, "timeout", "t", client.DefaultTimeout.Seconds(), "seconds to wait for an answer; 0: for ever")
	fl.IntVarP(&s.rpc.retries, "conn_retries", "r", 0, "how often to try again to connect, every 0.2 s")
	fl.BoolVarP(&s.rpc.verbose, "verbose", "v", false, "show requests that change something, and their answers")
	fl.BoolVar(&s.rpc.json, "json", false, "ls prints the tree as JSON")
	fl.StringVarP(&s.script, "input", "i", "", "carry out the lines of this file; - is standard input")
}

func (s *treeSession) run(cmd *cobra.Command, args []string) error {
	s.in, s.out, s.err = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	if s.script != "" && len(args) > 0 {
		return usagef("%q and --input %s: give one of them", args[0], s.script)
	}
	if err := s.open(); err != nil {
		return err
	}
	defer s.shell.Close()
	ctx := cmd.Context()
	switch {
	case len(args) > 0:
		return s.status(ctx, s.shell.Execute(ctx, spdkcli.Join(args)))
	case s.script != "" && s.script != "-":
		f, err := os.Open(s.script)
		if err != nil {
			return err
		}
		defer f.Close()
		return s.lines(ctx, f)
	}
	if f, ok := s.in.(*os.File); ok && isTerminal(f) && isTerminal(s.out) && s.script == "" {
		return s.interactive(ctx)
	}
	return s.lines(ctx, s.in)
}

// open makes the shell. It connects when it has something to do.
func (s *treeSession) open() error {
	if s.a.Target == nil {
		return errors.New("no modules are built into this program")
	}
	registry, err := daemon.Methods(s.a.Target)
	if err != nil {
		return err
	}
	methods := map[string]*rpc.Method{}
	for _, m := range registry.Methods() {
		methods[m.Name] = m
	}
	names := rpcNames()
	s.shell = spdkcli.New(spdkcli.Options{
		Dial: func(ctx context.Context) (*client.Client, error) {
			one := s.rpc // the shell keeps the connection
			return one.connect(ctx)
		},
		Describe:    func(method string) *rpc.Method { return methods[method] },
		Positionals: func(method string) []string { return names[method].positionals },
		Out:         s.out, Err: s.err, JSON: s.rpc.json, Verbose: s.rpc.verbose,
		Width:  func() int { return terminalWidth(s.out) },
		Colour: func(code, text string) string { return s.a.colour(s.out, code, text) },
	})
	return nil
}

// lines carries out a line after the other, up to the first error.
func (s *treeSession) lines(ctx context.Context, from io.Reader) error {
	const longest = 1 << 20
	all := bufio.NewScanner(from)
	all.Buffer(nil, longest)
	for n := 1; all.Scan(); n++ {
		err := s.shell.Execute(ctx, all.Text())
		if errors.Is(err, spdkcli.ErrExit) {
			return nil
		}
		if err := s.status(ctx, err); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return all.Err()
}

// status turns an error of the shell into one of this program.
func (s *treeSession) status(ctx context.Context, err error) error {
	usage, wrong := errors.AsType[*spdkcli.UsageError](err)
	switch {
	case err == nil || errors.Is(err, spdkcli.ErrExit):
		return nil
	case ctx.Err() != nil:
		return errInterrupted
	case wrong:
		return &usageError{usage}
	}
	return err
}

// completeWords completes on the command line of the user's shell.
func (s *treeSession) completeWords(cmd *cobra.Command, args []string, last string) ([]string, cobra.ShellCompDirective) {
	s.out, s.err = io.Discard, io.Discard
	if err := s.open(); err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	defer s.shell.Close()
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
	defer cancel()
	line := spdkcli.Join(append(args, last))
	directive := cobra.ShellCompDirectiveNoFileComp
	candidates, start := s.shell.Complete(ctx, line)
	var words []string
	for _, c := range candidates {
		if c.Open {
			directive |= cobra.ShellCompDirectiveNoSpace
		}
		if text := line[min(len(line), start):]; len(args) == 0 && strings.HasSuffix(last, text) {
			c.Text = last[:len(last)-len(text)] + c.Text
		}
		words = append(words, strings.TrimSuffix(c.Text+"\t"+c.Doc, "\t"))
	}
	return words, directive
}
