// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/gospdk/gospdk/internal/nvmecli"
)

var nvmeFeatures = []nvmeVerb{
	{name: "get-feature", short: "Show a feature", flags: func(cmd *cobra.Command, x *nvmeCall) {
		featureFlags(cmd, x)
		cmd.Flags().Uint8VarP(&x.sel, "sel", "s", 0, "0 current, 1 default, 2 saved, 3 what is supported")
		cmd.Flags().Uint32VarP(&x.cdw11, "cdw11", "c", 0, "dword 11")
	}, run: (*nvmeCall).getFeature},
	{name: "set-feature", short: "Change a feature", flags: func(cmd *cobra.Command, x *nvmeCall) {
		featureFlags(cmd, x)
		cmd.Flags().Uint32VarP(&x.value, "value", "V", 0, "the new value, dword 11")
		cmd.Flags().BoolVarP(&x.save, "save", "s", false, "keep it over resets")
		cmd.Flags().StringVarP(&x.file, "data", "d", "", "file with the feature's data")
	}, run: (*nvmeCall).setFeature},
}

func featureFlags(cmd *cobra.Command, x *nvmeCall) {
	cmd.Flags().Uint32VarP(&x.nsid, "namespace-id", "n", 0, "namespace")
	cmd.Flags().Uint8VarP(&x.feature, "feature-id", "f", 0, "feature, such as 0x6")
	cmd.Flags().Uint32VarP(&x.length, "data-len", "l", 0, "bytes of data that the feature has")
}

func (x *nvmeCall) getFeature(ctx context.Context) error {
	if x.feature == 0 {
		return usagef("--feature-id is needed, such as -f 0x6")
	}
	data := make([]byte, x.length)
	v, err := x.c.GetFeatures(ctx, x.feature, x.sel, x.nsid, x.cdw11, data)
	if err != nil {
		return err
	}
	kind := "Current"
	if int(x.sel) < len(selections) {
		kind = selections[x.sel]
	}
	if x.json() {
		return nvmecli.PrintJSON(x.out, nvmecli.Object{{Name: "feature", Value: x.feature}, {Name: "select", Value: kind}, {Name: "value", Value: v}})
	}
	fmt.Fprintf(x.out, "get-feature:%#02x, %s value:%#08x\n", x.feature, kind, v)
	if len(data) > 0 {
		return x.dump(data, false)
	}
	return nil
}

var selections = []string{"Current", "Default", "Saved", "Supported capabilities"}

func (x *nvmeCall) setFeature(ctx context.Context) error {
	if x.feature == 0 {
		return usagef("--feature-id is needed, such as -f 0x6")
	}
	var data []byte
	if x.file != "" {
		var err error
		if data, err = os.ReadFile(x.file); err != nil {
			return err
		}
	}
	v, err := x.c.SetFeatures(ctx, x.feature, x.save, x.nsid, x.value, 0, data)
	if err != nil {
		return err
	}
	fmt.Fprintf(x.out, "set-feature:%#02x, value:%#08x, cdw12:00000000, save:%t, result:%#x\n", x.feature, x.value, x.save, v)
	return nil
}

// input reads a file, or standard input without one, up to a limit.
func input(file string, limit int) ([]byte, error) {
	in := stdin
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	return io.ReadAll(io.LimitReader(in, int64(limit)))
}

var stdin io.Reader = os.Stdin
