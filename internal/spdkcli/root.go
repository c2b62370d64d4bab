// SPDX-License-Identifier: BSD-3-Clause

package spdkcli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/gospdk/gospdk/rpc"
	"github.com/gospdk/gospdk/rpc/client"
)

// rootNode makes the whole tree. Its parts are filled when somebody looks.
func rootNode() *node {
	return &node{commands: rootCommands, fill: func(_ context.Context, v *view, n *node) error {
		for _, part := range []struct {
			method string // without it the part is not there
			make   func() *node
		}{
			{"bdev_get_bdevs", bdevsNode},
			{"bdev_lvol_get_lvstores", lvolStoresNode},
			{"vhost_get_controllers", vhostNode},
			{"nvmf_get_subsystems", nvmfNode},
			{"iscsi_get_target_nodes", iscsiNode},
		} {
			if v.methods[part.method] {
				n.add(part.make())
			}
		}
		return nil
	}}
}

var rootCommands = []*command{
	cmd("framework_start_init", "framework_start_init", ""),
	{name: "load_config", params: fileParams("filename"), run: loadConfig, doc: "Makes the calls of a configuration file."},
	{name: "load_subsystem_config", params: fileParams("filename"), run: loadSubsystemConfig, doc: "Makes the calls of a file with the configuration of one subsystem."},
	{name: "save_config", params: fileParams("filename indent:number?"), run: saveConfig, needs: "framework_get_config", doc: "Writes the target's configuration to a file, or to - for the terminal."},
	{name: "save_subsystem_config", params: fileParams("filename subsystem indent:number?"), run: saveSubsystemConfig, needs: "framework_get_config", doc: "Writes the configuration of one subsystem to a file, or to - for the terminal."},
}

// fileParams are the parameters of commands about files of this machine.
func fileParams(spec string) []param {
	all := cmd("", "", spec).params
	all[0].kind = file
	return all
}

func loadConfig(ctx context.Context, x *execution) error {
	var conf struct {
		Subsystems *[]client.Section `json:"subsystems"`
	}
	name := x.bound.given["filename"]
	if err := readFile(name, &conf); err != nil {
		return err
	}
	if conf.Subsystems == nil {
		return fmt.Errorf(`%s: it has no "subsystems" array; load_subsystem_config loads the configuration of one subsystem`, name)
	}
	return x.loaded(x.view.target.c.LoadConfig(ctx, &client.Configuration{Subsystems: *conf.Subsystems}, client.LoadOptions{}))
}

func loadSubsystemConfig(ctx context.Context, x *execution) error {
	var section client.Section
	if err := readFile(x.bound.given["filename"], &section); err != nil {
		return err
	}
	return x.loaded(x.view.target.c.LoadSubsystemConfig(ctx, &section))
}

// loaded reports how loading went. Calls that were skipped are no failure, as
// for spdkcli.
func (x *execution) loaded(err error) error {
	if errors.Is(err, client.ErrSkipped) {
		_, err := fmt.Fprintf(x.shell.o.Out, "Note: %v.\n", err)
		return err
	}
	return explain(err)
}

// readFile reads JSON that may have comments.
func readFile(name string, v any) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if text, err = rpc.StripComments(text); err == nil {
		err = rpc.UnmarshalFile(text, v)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func saveConfig(ctx context.Context, x *execution) error {
	return x.save(func() (any, error) { return x.view.target.c.SaveConfig(ctx, false) })
}

func saveSubsystemConfig(ctx context.Context, x *execution) error {
	return x.save(func() (any, error) {
		return x.view.target.c.SaveSubsystemConfig(ctx, x.bound.given["subsystem"], false)
	})
}

// save writes a configuration, which may hold keys, to a file for its owner
// only, or prints it.
func (x *execution) save(get func() (any, error)) error {
	indent := 2
	if text, ok := x.bound.given["indent"]; ok {
		var err error
		if indent, err = strconv.Atoi(text); err != nil || indent < 0 || indent > 64 {
			return usagef("indent %q: it must be a whole number from 0 to 64", text)
		}
	}
	conf, err := get()
	if err != nil {
		return explain(err)
	}
	raw, err := json.Marshal(conf)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", strings.Repeat(" ", indent)); err != nil {
		return err
	}
	b.WriteByte('\n')
	if name := x.bound.given["filename"]; name != "-" {
		return os.WriteFile(name, b.Bytes(), 0o600)
	}
	_, err = x.shell.o.Out.Write(b.Bytes())
	return err
}
