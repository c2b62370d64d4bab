// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gospdk/gospdk/rpc"
)

// methodArgs are the parameters of a method on the command line.
type methodArgs struct {
	m       *rpc.Method
	names   rpcName
	args    map[string]*rpcArg // by the parameter's name, or object.member
	sizeMiB float64            // rpc.py's total_size, 0 if it has not been given
}

// methodCommand makes the command of a method.
func (s *rpcSession) methodCommand(m *rpc.Method, names rpcName, group string) *cobra.Command {
	x := &methodArgs{m: m, names: names, args: map[string]*rpcArg{}}
	use := m.Name
	for _, p := range names.positionals {
		use += " [" + strings.ToUpper(p) + "]"
	}
	cmd := &cobra.Command{
		Use:     use,
		Aliases: m.Aliases,
		Short:   firstSentence(m.Doc),
		Long:    longHelp(m, names),
		GroupID: group,
		Args:    usageArgs(cobra.MaximumNArgs(len(names.positionals))),
		RunE: func(cmd *cobra.Command, args []string) error {
			whole, err := s.readParams()
			if err != nil {
				return err
			}
			params, err := x.build(whole, args)
			if err != nil {
				return err
			}
			return s.call(cmd.Context(), m.Name, params, names.prints)
		},
		ValidArgsFunction: x.completePositional,
	}
	cmd.Flags().SetNormalizeFunc(underscores)
	x.addFlags(cmd)
	s.addFlags(cmd.Flags(), false)
	return cmd
}

// firstSentence returns what fits into a list.
func firstSentence(doc string) string {
	first, _, _ := strings.Cut(doc, ". ")
	return strings.TrimSuffix(first, ".")
}

func longHelp(m *rpc.Method, names rpcName) string {
	var b strings.Builder
	b.WriteString(m.Doc)
	if m.Returns != "" {
		fmt.Fprintf(&b, "\n\nReturns %s.", m.Returns)
	}
	switch m.States {
	case rpc.StateStartup:
		b.WriteString("\n\nMay be called before framework_start_init only.")
	case rpc.StateStartup | rpc.StateRuntime:
		b.WriteString("\n\nMay be called before and after framework_start_init.")
	}
	if len(m.Aliases) > 0 {
		fmt.Fprintf(&b, "\n\nDeprecated names: %s.", strings.Join(m.Aliases, ", "))
	}
	if names.hasSize(m) {
		b.WriteString("\n\nTOTAL_SIZE is in MiB, as in rpc.py; num_blocks is computed from it.")
	}
	return strings.TrimSpace(b.String())
}

// hasSize tells whether rpc.py takes a size in place of num_blocks.
func (n rpcName) hasSize(m *rpc.Method) bool {
	for _, p := range n.positionals {
		if p == "total_size" {
			return paramNamed(m.Parameters, "num_blocks") != nil
		}
	}
	return false
}

func paramNamed(params []*rpc.Param, name string) *rpc.Param {
	for _, p := range params {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// addFlags adds an option for each parameter and each member of one that is
// an object, then rpc.py's names for them.
func (x *methodArgs) addFlags(cmd *cobra.Command) {
	fl := cmd.Flags()
	short := map[string]string{}
	for _, o := range x.names.options {
		if o.short() && !o.not && o.name != "h" && short[o.param] == "" {
			short[o.param] = o.name
		}
	}
	for _, p := range x.m.Parameters {
		x.addFlag(cmd, p.Name, short[p.Name], p)
	}
	for _, p := range x.m.Parameters {
		for _, m := range p.Members {
			if p.Kind() != rpc.Object {
				continue
			}
			name := p.Name + "." + m.Name
			x.addFlag(cmd, name, "", m)
			if fl.Lookup(m.Name) == nil { // rpc.py has no objects, only their members
				x.args[m.Name] = x.args[name]
				addHidden(fl, m.Name, short[m.Name], x.args[name], x.args[name].param)
			}
		}
	}
	for _, o := range x.names.options {
		if a := x.args[o.param]; a != nil && !o.short() && len(o.name) > 2 {
			x.addAlias(fl, o, a)
		}
	}
}

// addAlias adds a name that rpc.py has for an option, and its opposite.
func (x *methodArgs) addAlias(fl *pflag.FlagSet, o rpcOption, a *rpcArg) {
	if o.not {
		addHidden(fl, o.name, "", notArg{a}, a.param)
		return
	}
	addHidden(fl, o.name, "", a, a.param)
	if a.param.Kind() == rpc.Boolean {
		addHidden(fl, "no_"+o.name, "", notArg{a}, a.param)
	}
}

func addHidden(fl *pflag.FlagSet, name, short string, v pflag.Value, p *rpc.Param) {
	if fl.Lookup(name) != nil {
		return
	}
	f := fl.VarPF(v, name, short, "")
	f.Hidden = true
	if p.Kind() == rpc.Boolean {
		f.NoOptDefVal = "true"
	}
}

func (x *methodArgs) addFlag(cmd *cobra.Command, name, short string, p *rpc.Param) {
	a := &rpcArg{param: p}
	x.args[name] = a
	f := cmd.Flags().VarPF(a, name, short, usageOf(p))
	for _, alias := range p.Aliases {
		addHidden(cmd.Flags(), alias, "", a, p)
	}
	values := p.Enum
	if p.Kind() == rpc.Boolean {
		f.NoOptDefVal = "true"
		addHidden(cmd.Flags(), "no_"+name, "", notArg{a}, p)
		values = []string{"true", "false"}
	}
	switch {
	case len(values) > 0:
		complete(cmd, name, values...)
	case !strings.Contains(p.Name, "file") && !strings.Contains(p.Name, "path"):
		complete(cmd, name)
	}
}

// usageOf describes a parameter in the help.
func usageOf(p *rpc.Param) string {
	s := strings.ReplaceAll(p.Doc, "`", "'") // backquotes name values in pflag
	if len(p.Enum) > 0 {
		s += ": " + strings.Join(p.Enum, ", ")
	}
	switch {
	case p.Required:
		s += " (required)"
	case p.Default != "":
		s += " (default " + p.Default + ")"
	}
	return strings.TrimPrefix(strings.TrimSpace(s), ": ")
}

// completePositional completes rpc.py's arguments.
func (x *methodArgs) completePositional(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) >= len(x.names.positionals) {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	name := x.names.positionals[len(args)]
	if strings.Contains(name, "file") || strings.Contains(name, "path") {
		return nil, cobra.ShellCompDirectiveDefault
	}
	if p := paramNamed(x.m.Parameters, name); p != nil {
		return p.Enum, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// build makes the parameters of a request: those of --params, and over them
// what the arguments and options say.
func (x *methodArgs) build(whole json.RawMessage, positionals []string) (json.RawMessage, error) {
	if err := x.takePositionals(positionals); err != nil {
		return nil, err
	}
	var out rpcObject
	if whole != nil {
		if err := out.read(whole); err != nil {
			return nil, usagef("--params: %v", err)
		}
	}
	for _, p := range x.m.Parameters {
		if a := x.args[p.Name]; a.items != nil {
			out.set(p.Name, a.value())
			continue
		}
		var inner rpcObject
		for _, m := range p.Members {
			if a := x.args[p.Name+"."+m.Name]; a != nil && a.items != nil {
				inner.set(m.Name, a.value())
			}
		}
		if len(inner) > 0 {
			out.set(p.Name, inner.bytes())
		}
	}
	if x.sizeMiB != 0 {
		n, err := x.blocks(out)
		if err != nil {
			return nil, err
		}
		out.set("num_blocks", n)
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out.bytes(), nil
}

func (x *methodArgs) takePositionals(values []string) error {
	for i, v := range values {
		name := x.names.positionals[i]
		a := x.args[name]
		switch {
		case name == "total_size" && x.names.hasSize(x.m):
			size, err := strconv.ParseFloat(v, 64)
			if err != nil || size <= 0 {
				return usagef("%s %q: it must be a number of MiB above 0", strings.ToUpper(name), v)
			}
			x.sizeMiB = size
		case a == nil:
			return usagef("%s %q: the method has no such parameter; give parameters as options", strings.ToUpper(name), v)
		default:
			if err := a.Set(v); err != nil {
				return usagef("%s %q: %v", strings.ToUpper(name), v, err)
			}
		}
	}
	return nil
}

// blocks computes num_blocks from rpc.py's size.
func (x *methodArgs) blocks(o rpcObject) (json.RawMessage, error) {
	for _, m := range o {
		if m.name == "block_size" {
			size, err := strconv.ParseUint(string(m.value), 10, 32)
			if err != nil || size == 0 {
				return nil, usagef("block_size %s: it must be a number of bytes above 0", m.value)
			}
			const limit = 1 << 63
			bytes := x.sizeMiB * (1 << 20)
			if bytes >= limit {
				return nil, usagef("TOTAL_SIZE %v: it is too large", x.sizeMiB)
			}
			return strconv.AppendUint(nil, uint64(bytes)/size, 10), nil
		}
	}
	return nil, usagef("TOTAL_SIZE needs BLOCK_SIZE behind it")
}

// rpcObject is a JSON object that keeps its order.
type rpcObject []rpcMember

type rpcMember struct {
	name  string
	value json.RawMessage
}

func (o *rpcObject) set(name string, value json.RawMessage) {
	for i := range *o {
		if (*o)[i].name == name {
			(*o)[i].value = value
			return
		}
	}
	*o = append(*o, rpcMember{name, value})
}

func (o *rpcObject) read(raw json.RawMessage) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return err
		}
		o.set(name.(string), v)
	}
	return nil
}

func (o rpcObject) bytes() json.RawMessage {
	b := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(strconv.AppendQuote(b, m.name), ':'), m.value...)
	}
	return append(b, '}')
}
