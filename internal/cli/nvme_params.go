// SPDX-License-Identifier: BSD-3-Clause

package cli

import "github.com/spf13/cobra"

// nvmeParams are the options of all subcommands, under nvme-cli's names.
type nvmeParams struct {
	logID, lsp, csi, feature, sel, action, code, slot, lbaf, ses, pi, pil, ms, flbas, dps, nmic, rtype uint8
	lsi                                                                                                uint16
	length, offset32, value, cdw11, entries, pattern                                                   uint32
	cdw                                                                                                [6]uint32
	offset, start, size, capacity, destination, current, other                                         uint64
	blocks                                                                                             uint32
	opcode                                                                                             uint8
	file                                                                                               string
	controllers                                                                                        []uint
	retain, binary, save, discard, ignoreKey, extended, all, doRead, doWrite                           bool
}

func nsidFlag(cmd *cobra.Command, x *nvmeCall) {
	cmd.Flags().Uint32VarP(&x.nsid, "namespace-id", "n", 0, "namespace (default: the first active one)")
}

// allNamespaces is nsidFlag of commands that are about the controller unless
// they are told otherwise.
func allNamespaces(cmd *cobra.Command, x *nvmeCall) {
	cmd.Flags().Uint32VarP(&x.nsid, "namespace-id", "n", 0xffffffff, "namespace (0xffffffff: all)")
}

func startFlags(cmd *cobra.Command, x *nvmeCall) {
	nsidFlag(cmd, x)
	cmd.Flags().Uint64VarP(&x.start, "start-block", "s", 0, "first block")
	cmd.Flags().Uint32VarP(&x.blocks, "block-count", "c", 0, "number of blocks, 0's based: 0 is one block")
}

func dataFlags(cmd *cobra.Command, x *nvmeCall) {
	startFlags(cmd, x)
	cmd.Flags().Uint32VarP(&x.length, "data-size", "z", 0, "bytes of data (default: those of the blocks)")
	cmd.Flags().StringVarP(&x.file, "data", "d", "", "file with the data (default: standard input or output)")
}
