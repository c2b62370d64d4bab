// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gospdk/gospdk/rpc"
	"github.com/gospdk/gospdk/rpc/client"
)

func (s *rpcSession) saveConfig() *cobra.Command {
	var subsystems string
	var indent int
	var batches bool
	cmd := &cobra.Command{
		Use:     "save_config",
		Short:   "Print the target's configuration, as a file that tgt --config and load_config take",
		GroupID: "config",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.connect(cmd.Context())
			if err != nil {
				return err
			}
			var only []string
			if subsystems != "" {
				only = strings.Split(subsystems, ",")
			}
			conf, err := c.SaveConfig(cmd.Context(), batches, only...)
			if err != nil {
				return withCode(err)
			}
			return printIndented(s.out, conf, indent)
		},
	}
	cmd.Flags().SetNormalizeFunc(underscores)
	cmd.Flags().StringVarP(&subsystems, "subsystems", "s", "", "only these, separated by commas, and those that they depend on")
	saveFlags(cmd, &indent, &batches)
	s.addFlags(cmd.Flags(), false)
	return cmd
}

func saveFlags(cmd *cobra.Command, indent *int, batches *bool) {
	cmd.Flags().IntVarP(indent, "indent", "i", 2, "spaces for each level; below 0 for one line")
	cmd.Flags().BoolVar(batches, "with_batches", false, "keep calls that belong together in arrays")
}

func (s *rpcSession) saveSubsystemConfig() *cobra.Command {
	var name string
	var indent int
	var batches bool
	cmd := &cobra.Command{
		Use:     "save_subsystem_config",
		Short:   "Print the configuration of one subsystem",
		GroupID: "config",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if name == "" {
				return usagef("--name is missing: which subsystem?")
			}
			c, err := s.connect(cmd.Context())
			if err != nil {
				return err
			}
			section, err := c.SaveSubsystemConfig(cmd.Context(), name, batches)
			if err != nil {
				return withCode(err)
			}
			return printIndented(s.out, section, indent)
		},
	}
	cmd.Flags().SetNormalizeFunc(underscores)
	cmd.Flags().StringVarP(&name, "name", "n", "", "subsystem")
	saveFlags(cmd, &indent, &batches)
	s.addFlags(cmd.Flags(), false)
	return cmd
}

func (s *rpcSession) loadConfig() *cobra.Command {
	var from string
	var o client.LoadOptions
	var skip bool
	cmd := &cobra.Command{
		Use:     "load_config",
		Short:   "Make the calls of a configuration, in the states that allow them",
		GroupID: "config",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var conf struct {
				Subsystems *[]client.Section `json:"subsystems"`
			}
			if err := s.readConfig(from, &conf); err != nil {
				return err
			}
			if conf.Subsystems == nil {
				return errors.New(`the configuration has no "subsystems" array`)
			}
			c, err := s.connect(cmd.Context())
			if err != nil {
				return err
			}
			if skip {
				o.Unknown = func(subsystem, method string) {
					fmt.Fprintf(s.err, "Left out: %s of subsystem %s, which the target does not have.\n", method, subsystem)
				}
			}
			return s.loaded(c.LoadConfig(cmd.Context(), &client.Configuration{Subsystems: *conf.Subsystems}, o))
		},
	}
	cmd.Flags().SetNormalizeFunc(underscores)
	loadFlags(cmd, &from)
	cmd.Flags().BoolVarP(&o.Aliases, "include_aliases", "i", false, "allow deprecated names of methods")
	cmd.Flags().BoolVar(&skip, "skip_unknown", false, "leave out methods that the target does not have, such as those of an SPDK with more modules")
	s.addFlags(cmd.Flags(), false)
	return cmd
}

func loadFlags(cmd *cobra.Command, from *string) {
	cmd.Flags().StringVarP(from, "json_conf", "j", "", "file, or the configuration itself (default: standard input)")
	_ = cmd.MarkFlagFilename("json_conf") // fails for unknown flags only
}

func (s *rpcSession) loadSubsystemConfig() *cobra.Command {
	var from string
	cmd := &cobra.Command{
		Use:     "load_subsystem_config",
		Short:   "Make the calls of one subsystem's configuration that can be made now",
		GroupID: "config",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var section client.Section
			if err := s.readConfig(from, &section); err != nil {
				return err
			}
			c, err := s.connect(cmd.Context())
			if err != nil {
				return err
			}
			return s.loaded(c.LoadSubsystemConfig(cmd.Context(), &section))
		},
	}
	cmd.Flags().SetNormalizeFunc(underscores)
	loadFlags(cmd, &from)
	s.addFlags(cmd.Flags(), false)
	return cmd
}

// loaded reports how loading went. Calls that were skipped are no failure, as
// for rpc.py.
func (s *rpcSession) loaded(err error) error {
	if errors.Is(err, client.ErrSkipped) {
		_, err := fmt.Fprintf(s.out, "Note: %v.\n", err)
		return err
	}
	return withCode(err)
}

// readConfig reads JSON from a file, from the text itself, or from standard
// input. It may have comments.
func (s *rpcSession) readConfig(from string, v any) error {
	text, err := []byte(from), error(nil)
	switch {
	case from == "" || from == "-":
		text, err = io.ReadAll(s.in)
	case !strings.HasPrefix(strings.TrimSpace(from), "{"):
		text, err = os.ReadFile(from)
	}
	if err != nil {
		return err
	}
	if text, err = rpc.StripComments(text); err != nil {
		return fmt.Errorf("the configuration: %w", err)
	}
	if err := rpc.UnmarshalFile(text, v); err != nil {
		return fmt.Errorf("the configuration: %w", err)
	}
	return nil
}

// printIndented prints JSON.
func printIndented(w io.Writer, v any, indent int) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if indent < 0 {
		b.Write(raw)
	} else if err := json.Indent(&b, raw, "", strings.Repeat(" ", indent)); err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, b.String())
	return err
}
