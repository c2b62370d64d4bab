// SPDX-License-Identifier: BSD-3-Clause

package pdu

import "github.com/gospdk/gospdk/nvme"

const (
	offCapsule = 8 // the command or the completion

	// OffsetSGL1 is where the first SGL descriptor of a CapsuleCmd is, and
	// OffsetSGLType the byte with its type, for FatalError.Info.
	OffsetSGL1    = offCapsule + 24
	OffsetSGLType = OffsetSGL1 + 15
)

// PutCapsuleCmd writes a command capsule up to its n bytes of in-capsule data
// and returns how much that is. The data and, if it was agreed on, their
// digest follow it.
func PutCapsuleCmd(b []byte, f Format, cmd *nvme.Command, n uint32) int {
	head := f.begin(b, TypeCapsuleCmd, 0, n)
	copy(b[offCapsule:], nvme.Bytes(cmd))
	f.seal(b, TypeCapsuleCmd)
	return head
}

// ParseCapsuleCmd copies the command out of a command capsule.
func ParseCapsuleCmd(b []byte, cmd *nvme.Command) {
	copy(nvme.Bytes(cmd), b[offCapsule:CapsuleCmdSize])
}

// PutCapsuleResp writes a response capsule and returns its length.
func PutCapsuleResp(b []byte, f Format, cpl *nvme.Completion) int {
	n := f.begin(b, TypeCapsuleResp, 0, 0)
	copy(b[offCapsule:], nvme.Bytes(cpl))
	f.seal(b, TypeCapsuleResp)
	return n
}

// ParseCapsuleResp copies the completion out of a response capsule.
func ParseCapsuleResp(b []byte, cpl *nvme.Completion) {
	copy(nvme.Bytes(cpl), b[offCapsule:CapsuleRespSize])
}
