// SPDX-License-Identifier: BSD-3-Clause

package nvme

// PRInfo is the 4-bit PRINFO field of commands: what the controller does with
// protection information (NVM Command Set specification 1.0).
type PRInfo uint8

// Bits of PRInfo.
const (
	PRInfoCheckRef   PRInfo = 1 << 0
	PRInfoCheckApp   PRInfo = 1 << 1
	PRInfoCheckGuard PRInfo = 1 << 2
	PRInfoAction     PRInfo = 1 << 3 // PRACT: strip or insert
)
