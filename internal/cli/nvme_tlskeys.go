// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"encoding/hex"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/gospdk/gospdk/nvme/psk"
)

// generateTLSKey makes keys for TLS, which need no device.
func (a *app) generateTLSKey() *cobra.Command {
	var hash uint8
	var secret string
	cmd := &cobra.Command{
		Use:   "gen-tls-key",
		Short: "Make a pre-shared key for NVMe/TCP with TLS",
		Example: `  umask 077; gospdk nvme gen-tls-key > tls.key
  gospdk rpc keyring_file_add_key tls $PWD/tls.key`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			if hash > uint8(psk.SHA384) {
				return usagef("--hmac %d: want 0 (none), 1 (SHA-256) or 2 (SHA-384)", hash)
			}
			k := psk.Generate(psk.Hash(hash))
			if secret != "" {
				p, err := hex.DecodeString(secret)
				if err != nil {
					return usagef("--secret: want hexadecimal digits: %v", err)
				}
				if k, err = psk.New(psk.Hash(hash), p); err != nil {
					return &usageError{err}
				}
			}
			_, err := fmt.Fprintln(a.out, k)
			return err
		},
	}
	cmd.Flags().Uint8VarP(&hash, "hmac", "m", 1, "hash by which hosts make theirs of it: 0 none, 1 SHA-256, 2 SHA-384")
	cmd.Flags().StringVarP(&secret, "secret", "s", "", "the secret, 32 or 48 bytes in `hex`, in place of a random one")
	return cmd
}

// checkTLSKey reads a key as a target would.
func (a *app) checkTLSKey() *cobra.Command {
	var hostNQN, subNQN string
	var version int
	cmd := &cobra.Command{
		Use:   "check-tls-key FILE",
		Short: "Check a pre-shared key for TLS, and show its identity",
		Args:  usageArgs(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			if (hostNQN == "") != (subNQN == "") {
				return usagef("an identity needs both --hostnqn and --subsysnqn")
			}
			p, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			k, err := psk.Parse(p)
			if err != nil {
				return err
			}
			if hostNQN == "" {
				_, err = fmt.Fprintf(a.out, "Key is valid (hash %s)\n", k.Hash())
				return err
			}
			identity, _, err := k.TLS(hostNQN, subNQN, version)
			if err != nil {
				return &usageError{err}
			}
			_, err = fmt.Fprintln(a.out, identity)
			return err
		},
	}
	cmd.Flags().StringVarP(&hostNQN, "hostnqn", "n", "", "`name` of the host")
	cmd.Flags().StringVarP(&subNQN, "subsysnqn", "c", "", "`name` of the subsystem")
	cmd.Flags().IntVarP(&version, "identity", "I", 0, "version of the identity, 0 or 1")
	return cmd
}
