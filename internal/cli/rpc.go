// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	daemon "github.com/gospdk/gospdk/app"
	"github.com/gospdk/gospdk/rpc"
	"github.com/gospdk/gospdk/rpc/client"
)

// rpcCommand calls methods of a running target. Its own tree of commands, one
// for each method, is made when it is needed only.
func (a *app) rpcCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:                "rpc [OPTIONS] METHOD [ARGUMENTS]",
		Short:              "Call JSON-RPC methods of a running target",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			s := &rpcSession{a: a, in: cmd.InOrStdin(), out: cmd.OutOrStdout(), err: cmd.ErrOrStderr()}
			defer s.close()
			return s.execute(cmd.Context(), args)
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
			return a.completeRPC(cmd.Context(), append(args, toComplete))
		},
	}
	cmd.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		s := &rpcSession{a: a, in: cmd.InOrStdin(), out: cmd.OutOrStdout(), err: cmd.ErrOrStderr()}
		_ = s.execute(cmd.Context(), []string{"--help"}) // prints only
	})
	return cmd
}

// rpcSession is one call of gospdk rpc.
type rpcSession struct {
	a        *app
	in       io.Reader
	out, err io.Writer
	c        *client.Client // once it is connected

	address string
	port    int
	timeout float64 // seconds
	retries int
	json    bool
	dryRun  bool
	verbose bool
	params  string
}

func (s *rpcSession) execute(ctx context.Context, args []string) error {
	root, err := s.tree()
	if err != nil {
		return err
	}
	root.SetArgs(joinShort(args))
	return root.ExecuteContext(ctx)
}

// tree makes a command for each method that is built in, and those of the
// client itself.
func (s *rpcSession) tree() (*cobra.Command, error) {
	if s.a.Target == nil {
		return nil, errors.New("no modules are built into this program")
	}
	methods, err := daemon.Methods(s.a.Target)
	if err != nil {
		return nil, err
	}
	root := &cobra.Command{
		Use:   "rpc [OPTIONS] METHOD [ARGUMENTS]",
		Short: "Call JSON-RPC methods of a running target",
		Long: `rpc calls a method of a running target, gospdk's or SPDK's, and prints the
result: nothing for true, a string as it is, anything else as JSON.

A method's parameters are options of the same name; "rpc METHOD --help" lists
them. The arguments and options of SPDK's rpc.py are understood too. Methods
that this program does not know are called with --params. Without a method,
lines of standard input are carried out, one call each.`,
		Example: `  gospdk rpc bdev_null_create --name Null0 --num_blocks 131072 --block_size 512
  gospdk rpc bdev_null_create Null0 64 512        # as rpc.py has it: 64 MiB
  gospdk rpc -s http://user:password@10.0.0.1:8000 bdev_get_bdevs
  gospdk rpc save_config > target.json
  gospdk rpc bdev_of_a_plugin_create --params '{"name":"x"}'`,
		Annotations:      map[string]string{cobra.CommandDisplayNameAnnotation: "gospdk rpc"},
		SilenceErrors:    true,
		SilenceUsage:     true,
		TraverseChildren: true,
		Args:             cobra.ArbitraryArgs,
		RunE:             s.runOther,
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(flagError)
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(&cobra.Command{Hidden: true})
	s.addFlags(root.Flags(), true)
	root.Flags().SetNormalizeFunc(underscores)
	names := rpcNames()
	for _, m := range methods.Methods() {
		group, _, _ := strings.Cut(m.Name, "_")
		if !root.ContainsGroup(group) {
			root.AddGroup(&cobra.Group{ID: group, Title: group + ":"})
		}
		root.AddCommand(s.methodCommand(m, names[m.Name], group))
	}
	root.AddGroup(&cobra.Group{ID: "config", Title: "Configurations:"})
	root.AddCommand(s.saveConfig(), s.loadConfig(), s.saveSubsystemConfig(), s.loadSubsystemConfig())
	return root, nil
}

// underscores lets users write dashes in names of options.
func underscores(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	return pflag.NormalizedName(strings.ReplaceAll(name, "-", "_"))
}

// addFlags adds the options of every call, as far as their names are free:
// those of a method may come behind it too.
func (s *rpcSession) addFlags(fl *pflag.FlagSet, root bool) {
	add := func(name, short string, f func(name, short string)) {
		if fl.Lookup(name) == nil {
			if fl.ShorthandLookup(short) != nil {
				short = ""
			}
			f(name, short)
			fl.Lookup(name).Hidden = !root
		}
	}
	if root {
		s.address, s.timeout = client.DefaultAddress, client.DefaultTimeout.Seconds()
	}
	add("server_addr", "s", func(n, sh string) {
		fl.StringVarP(&s.address, n, sh, s.address, "target: a socket's path, HOST:PORT, or a URL (tcp, tcps, http, https)")
	})
	add("port", "p", func(n, sh string) {
		fl.IntVarP(&s.port, n, sh, s.port, "TCP port, if the address is an IP address alone")
	})
	add("timeout", "t", func(n, sh string) {
		fl.Float64VarP(&s.timeout, n, sh, s.timeout, "seconds to wait for an answer; 0: for ever")
	})
	add("conn_retries", "r", func(n, sh string) {
		fl.IntVarP(&s.retries, n, sh, s.retries, "how often to try again to connect, every 0.2 s")
	})
	add("verbose", "v", func(n, sh string) { fl.BoolVarP(&s.verbose, n, sh, s.verbose, "show requests and answers") })
	add("dry_run", "", func(n, sh string) { fl.BoolVarP(&s.dryRun, n, sh, s.dryRun, "show the request and do not send it") })
	add("json", "", func(n, sh string) { fl.BoolVarP(&s.json, n, sh, s.json, "print every result as JSON in one line") })
	add("params", "", func(n, sh string) {
		fl.StringVarP(&s.params, n, sh, s.params, "all parameters as a JSON object; - reads them from standard input")
	})
}

// connect returns the connection, which further calls share.
func (s *rpcSession) connect(ctx context.Context) (*client.Client, error) {
	if s.c != nil {
		return s.c, nil
	}
	address := s.address
	if s.port != 0 && net.ParseIP(address) != nil {
		address = net.JoinHostPort(address, strconv.Itoa(s.port))
	}
	if s.timeout < 0 || s.timeout > (1<<31) {
		return nil, usagef("--timeout %v: it must be from 0 to %d seconds", s.timeout, 1<<31)
	}
	var err error
	s.c, err = client.Dial(ctx, address, client.Timeout(time.Duration(s.timeout*float64(time.Second))), client.Retries(s.retries))
	return s.c, err
}

func (s *rpcSession) close() {
	if s.c != nil {
		_ = s.c.Close()
		s.c = nil
	}
}

// call calls a method and prints its result. printTrue is for those whose
// result rpc.py prints in any case.
func (s *rpcSession) call(ctx context.Context, method string, params json.RawMessage, printTrue bool) error {
	request := rpc.Call{Method: method, Params: params}
	if len(params) == 0 {
		request.Params = json.RawMessage("{}")
	}
	shown, err := json.MarshalIndent(request, "", "  ")
	if err != nil {
		return usagef("the parameters are no JSON: %v", err)
	}
	if s.dryRun {
		_, err := fmt.Fprintf(s.out, "Request:\n%s\n", shown)
		return err
	}
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	if s.verbose {
		fmt.Fprintf(s.err, "Request:\n%s\n", shown)
	}
	var result json.RawMessage
	if err := c.Call(ctx, method, params, &result); err != nil {
		if method == "spdk_kill_instance" && errors.Is(err, io.EOF) {
			return nil // it was killed before it could answer
		}
		return withCode(err)
	}
	if s.verbose {
		fmt.Fprintf(s.err, "Response:\n%s\n", result)
	}
	return s.print(result, printTrue)
}

// withCode adds the code to an error of the target.
func withCode(err error) error {
	if e, ok := errors.AsType[*rpc.Error](err); ok {
		return fmt.Errorf("%w (code %d)", err, e.Code)
	}
	return err
}

// print prints a result as rpc.py does.
func (s *rpcSession) print(result json.RawMessage, printTrue bool) error {
	var text string
	switch {
	case s.json:
		var b bytes.Buffer
		if err := json.Compact(&b, result); err != nil {
			return err
		}
		text = b.String()
	case string(result) == "true" && !printTrue:
		return nil
	case len(result) > 0 && result[0] == '"' && json.Unmarshal(result, &text) == nil:
	default:
		var b bytes.Buffer
		if err := json.Indent(&b, result, "", "  "); err != nil {
			return err
		}
		text = b.String()
	}
	_, err := fmt.Fprintln(s.out, text)
	return err
}

// runOther is for what is none of the known methods.
func (s *rpcSession) runOther(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) > 1:
		return usagef("%q after the method %s, which this program does not know: give its parameters with --params '{…}'", args[1], args[0])
	case len(args) == 1:
		params, err := s.readParams()
		if err != nil {
			return err
		}
		return s.call(cmd.Context(), args[0], params, true)
	}
	if f, ok := s.in.(*os.File); ok && isTerminal(f) {
		return cmd.Help()
	}
	return s.script(cmd.Context())
}

// readParams returns what --params says.
func (s *rpcSession) readParams() (json.RawMessage, error) {
	text := []byte(s.params)
	if s.params == "-" {
		var err error
		if text, err = io.ReadAll(s.in); err != nil {
			return nil, err
		}
	}
	if text = bytes.TrimSpace(text); len(text) == 0 {
		return nil, nil
	}
	if text[0] != '{' {
		return nil, usagef("--params %s: it must be a JSON object", text)
	}
	var v any
	if err := rpc.UnmarshalFile(text, &v); err != nil {
		return nil, usagef("--params: %v", err)
	}
	return text, nil
}

// completeRPC asks the tree of commands what can follow.
func (a *app) completeRPC(ctx context.Context, args []string) ([]string, cobra.ShellCompDirective) {
	var out bytes.Buffer
	s := &rpcSession{a: a, in: strings.NewReader(""), out: &out, err: io.Discard}
	if err := s.execute(ctx, append([]string{cobra.ShellCompRequestCmd}, args...)); err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	last := len(lines) - 1
	directive, err := strconv.Atoi(strings.TrimPrefix(lines[last], ":"))
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return lines[:last], cobra.ShellCompDirective(directive)
}
