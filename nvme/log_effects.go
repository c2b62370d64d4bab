// SPDX-License-Identifier: BSD-3-Clause

package nvme

import "structs"

// CommandEffects tells what a command does besides its work (section 5.16.1).
type CommandEffects uint32

// Bits of CommandEffects. MIEffects has the same ones.
const (
	EffectSupported            CommandEffects = 1 << 0 // CSUPP
	EffectBlockContent         CommandEffects = 1 << 1 // LBCC, user data may change
	EffectNamespaceCapability  CommandEffects = 1 << 2 // NCC
	EffectNamespaceInventory   CommandEffects = 1 << 3 // NIC
	EffectControllerCapability CommandEffects = 1 << 4 // CCC
	EffectUUIDSelection        CommandEffects = 1 << 19
	EffectScopeNamespace       CommandEffects = 1 << 20
	EffectScopeController      CommandEffects = 1 << 21
	EffectScopeNVMSet          CommandEffects = 1 << 22
	EffectScopeEnduranceGroup  CommandEffects = 1 << 23
	EffectScopeDomain          CommandEffects = 1 << 24
	EffectScopeSubsystem       CommandEffects = 1 << 25
)

// CSE returns the restriction on submission: 0 none, 1 no other command to the
// namespace, 2 no other command to any namespace.
func (e CommandEffects) CSE() uint8 { return uint8(e >> 16 & 7) }

// WithCSE returns e with the restriction on submission set to v.
func (e CommandEffects) WithCSE(v uint8) CommandEffects {
	return e&^(7<<16) | CommandEffects(v&7)<<16
}

// CommandEffectsLog is the Commands Supported and Effects log, one entry an
// opcode.
type CommandEffectsLog struct {
	_ structs.HostLayout

	Admin [256]CommandEffects
	IO    [256]CommandEffects
	_     [2048]byte
}

// LogPageSupport tells whether a log page is supported (section 5.16.1). Bits
// 31:16 are specific to the log page.
type LogPageSupport uint32

// Bits of LogPageSupport.
const (
	LogPageSupported   LogPageSupport = 1 << 0 // LSUPP
	LogPageIndexOffset LogPageSupport = 1 << 1 // IOS, the offset may be an index
)

// SupportedLogPagesLog is the Supported Log Pages log, one entry a log page.
type SupportedLogPagesLog [256]LogPageSupport

// FeatureEffects tells what setting a feature does (section 5.16.1).
type FeatureEffects uint32

// Bits of FeatureEffects.
const (
	FeatureEffectSupported            FeatureEffects = 1 << 0 // FSUPP
	FeatureEffectUserData             FeatureEffects = 1 << 1 // UDCC
	FeatureEffectNamespaceCapability  FeatureEffects = 1 << 2 // NCC
	FeatureEffectNamespaceInventory   FeatureEffects = 1 << 3 // NIC
	FeatureEffectControllerCapability FeatureEffects = 1 << 4 // CCC
	FeatureEffectUUIDSelection        FeatureEffects = 1 << 19
	FeatureEffectScopeNamespace       FeatureEffects = 1 << 20
	FeatureEffectScopeController      FeatureEffects = 1 << 21
	FeatureEffectScopeNVMSet          FeatureEffects = 1 << 22
	FeatureEffectScopeEnduranceGroup  FeatureEffects = 1 << 23
	FeatureEffectScopeDomain          FeatureEffects = 1 << 24
	FeatureEffectScopeSubsystem       FeatureEffects = 1 << 25
	FeatureEffectScopeDataQueue       FeatureEffects = 1 << 26
)

// FeatureEffectsLog is the Feature Identifiers Supported and Effects log, one
// entry a feature.
type FeatureEffectsLog [256]FeatureEffects

// MIEffectsLog is the NVMe-MI Commands Supported and Effects log, one entry an
// NVMe-MI opcode (section 5.16.1).
type MIEffectsLog struct {
	_ structs.HostLayout

	Commands [256]CommandEffects
	_        [3072]byte
}
