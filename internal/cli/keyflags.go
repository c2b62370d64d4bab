// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gospdk/gospdk/nvme/host"
)

// keyFlags name the files of the keys by which a host and a controller prove
// who they are, and of the key for TLS.
type keyFlags struct{ host, controller, tls string }

func addKeyFlags(cmd *cobra.Command) *keyFlags {
	f := new(keyFlags)
	cmd.Flags().StringVar(&f.host, "dhchap-key", "", "`file` with the key by which this host proves who it is (DHHC-1:…)")
	cmd.Flags().StringVar(&f.controller, "dhchap-ctrlr-key", "", "`file` with the key by which the controller has to")
	cmd.Flags().StringVar(&f.tls, "psk-path", "", "`file` with the key for TLS (NVMeTLSkey-1:…)")
	return f
}

// apply reads the files.
func (f *keyFlags) apply(o *host.Options) error {
	if f.controller != "" && f.host == "" {
		return usagef("--dhchap-ctrlr-key needs --dhchap-key, too")
	}
	for _, k := range []struct {
		flag, file string
		to         *string
	}{{"dhchap-key", f.host, &o.DHCHAPKey}, {"dhchap-ctrlr-key", f.controller, &o.DHCHAPCtrlrKey}, {"psk-path", f.tls, &o.TLSKey}} {
		if k.file == "" {
			continue
		}
		p, err := os.ReadFile(k.file)
		if err != nil {
			return fmt.Errorf("--%s: %w", k.flag, err)
		}
		*k.to = strings.TrimSpace(string(p))
	}
	return nil
}
