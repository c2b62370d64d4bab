// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/gospdk/gospdk/nvme/dhchap"
)

// generateKey makes keys for authentication, which need no device.
func (a *app) generateKey() *cobra.Command {
	var hash uint8
	var length int
	cmd := &cobra.Command{
		Use:   "gen-dhchap-key",
		Short: "Make a key for DH-HMAC-CHAP authentication",
		Example: `  umask 077; gospdk nvme gen-dhchap-key > host.key
  gospdk rpc keyring_file_add_key host $PWD/host.key`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			text, err := dhchap.Generate(dhchap.Hash(hash), length)
			if err != nil {
				return &usageError{err}
			}
			_, err = fmt.Fprintln(a.out, text)
			return err
		},
	}
	cmd.Flags().Uint8VarP(&hash, "hmac", "m", 1, "hash that binds it to its owner: 0 none, 1 SHA-256, 2 SHA-384, 3 SHA-512")
	cmd.Flags().IntVarP(&length, "key-length", "l", 32, "bytes of a key with --hmac 0: 32, 48 or 64")
	return cmd
}

// checkKey reads a key as a target would.
func (a *app) checkKey() *cobra.Command {
	return &cobra.Command{
		Use:   "check-dhchap-key FILE",
		Short: "Check a key for DH-HMAC-CHAP authentication",
		Args:  usageArgs(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			if _, err := dhchap.ParseSecret(p); err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.out, "Key is valid")
			return err
		},
	}
}
