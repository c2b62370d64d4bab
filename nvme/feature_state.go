// SPDX-License-Identifier: BSD-3-Clause

package nvme

// VolatileWriteCache is the value of FeatureVolatileWriteCache (section
// 5.27.1).
type VolatileWriteCache uint32

// WCE reports whether the volatile write cache is enabled.
func (r VolatileWriteCache) WCE() bool { return r&(1<<0) != 0 }

// WithWCE returns r with WCE set to on.
func (r VolatileWriteCache) WithWCE(on bool) VolatileWriteCache { return setBit(r, 0, on) }

// WriteAtomicity is the value of FeatureWriteAtomicity (NVM Command Set
// specification 1.0, section 4.1.3).
type WriteAtomicity uint32

// DN reports whether AWUN and NAWUN do not matter to the host.
func (w WriteAtomicity) DN() bool { return w&(1<<0) != 0 }

// WithDN returns w with DN set to on.
func (w WriteAtomicity) WithDN(on bool) WriteAtomicity { return setBit(w, 0, on) }

// ReadRecoveryLevel is CDW12 of FeatureReadRecoveryLevel (section 5.27.1).
type ReadRecoveryLevel uint32

// RRL returns the level.
func (r ReadRecoveryLevel) RRL() uint8 { return uint8(r & 0xf) }

// WithRRL returns r with RRL set to v.
func (r ReadRecoveryLevel) WithRRL(v uint8) ReadRecoveryLevel {
	return r&^(0xf) | ReadRecoveryLevel(v)&0xf
}

// PredictableLatencyWindow is CDW12 of FeaturePredictableLatencyWindow (section
// 5.27.1).
type PredictableLatencyWindow uint32

// WS returns the window: 1 deterministic, 2 not deterministic.
func (p PredictableLatencyWindow) WS() uint8 { return uint8(p & 0x7) }

// WithWS returns p with WS set to v.
func (p PredictableLatencyWindow) WithWS(v uint8) PredictableLatencyWindow {
	return p&^(0x7) | PredictableLatencyWindow(v)&0x7
}

// SanitizeConfig is the value of FeatureSanitizeConfig (section 5.27.1).
type SanitizeConfig uint32

// NODRM reports whether No-Deallocate After Sanitize is a warning, not an
// error.
func (s SanitizeConfig) NODRM() bool { return s&(1<<0) != 0 }

// WithNODRM returns s with NODRM set to on.
func (s SanitizeConfig) WithNODRM(on bool) SanitizeConfig { return setBit(s, 0, on) }

// IOCommandSetProfile is the value of FeatureIOCommandSetProfile (section
// 5.27.1).
type IOCommandSetProfile uint32

// IOCSCI returns the index of the combination in IOCommandSets.
func (i IOCommandSetProfile) IOCSCI() uint16 { return uint16(i & 0x1ff) }

// WithIOCSCI returns i with IOCSCI set to v.
func (i IOCommandSetProfile) WithIOCSCI(v uint16) IOCommandSetProfile {
	return i&^(0x1ff) | IOCommandSetProfile(v)&0x1ff
}

// SoftwareProgressMarker is the value of FeatureSoftwareProgressMarker (section
// 5.27.1).
type SoftwareProgressMarker uint32

// PBSLC returns the pre-boot software load count.
func (s SoftwareProgressMarker) PBSLC() uint8 { return uint8(s) }

// WithPBSLC returns s with PBSLC set to v.
func (s SoftwareProgressMarker) WithPBSLC(v uint8) SoftwareProgressMarker {
	return s&^(0xff) | SoftwareProgressMarker(v)&0xff
}

// HostIdentifierFormat is CDW11 of FeatureHostIdentifier (section 5.27.1). The
// data is 16 bytes if EXHID, else 8.
type HostIdentifierFormat uint32

// EXHID reports whether the host identifier has 128 bits.
func (h HostIdentifierFormat) EXHID() bool { return h&(1<<0) != 0 }

// WithEXHID returns h with EXHID set to on.
func (h HostIdentifierFormat) WithEXHID(on bool) HostIdentifierFormat { return setBit(h, 0, on) }

// ReservationNotificationMask is the value of
// FeatureReservationNotificationMask (section 5.27.1): which notices are not
// sent.
type ReservationNotificationMask uint32

// REGPRE reports whether registration preempted is masked.
func (r ReservationNotificationMask) REGPRE() bool { return r&(1<<1) != 0 }

// WithREGPRE returns r with REGPRE set to on.
func (r ReservationNotificationMask) WithREGPRE(on bool) ReservationNotificationMask {
	return setBit(r, 1, on)
}

// RESREL reports whether reservation released is masked.
func (r ReservationNotificationMask) RESREL() bool { return r&(1<<2) != 0 }

// WithRESREL returns r with RESREL set to on.
func (r ReservationNotificationMask) WithRESREL(on bool) ReservationNotificationMask {
	return setBit(r, 2, on)
}

// RESPRE reports whether reservation preempted is masked.
func (r ReservationNotificationMask) RESPRE() bool { return r&(1<<3) != 0 }

// WithRESPRE returns r with RESPRE set to on.
func (r ReservationNotificationMask) WithRESPRE(on bool) ReservationNotificationMask {
	return setBit(r, 3, on)
}

// ReservationPersistence is the value of FeatureReservationPersistence (section
// 5.27.1).
type ReservationPersistence uint32

// PTPL reports whether reservations persist through power loss.
func (r ReservationPersistence) PTPL() bool { return r&(1<<0) != 0 }

// WithPTPL returns r with PTPL set to on.
func (r ReservationPersistence) WithPTPL(on bool) ReservationPersistence { return setBit(r, 0, on) }

// NamespaceWriteProtection is the value of FeatureNamespaceWriteProtection
// (section 5.27.1).
type NamespaceWriteProtection uint32

// WPS returns the state: 0 none, 1 protected, 2 until power cycle, 3
// permanently.
func (n NamespaceWriteProtection) WPS() uint8 { return uint8(n & 0x7) }

// WithWPS returns n with WPS set to v.
func (n NamespaceWriteProtection) WithWPS(v uint8) NamespaceWriteProtection {
	return n&^(0x7) | NamespaceWriteProtection(v)&0x7
}

// BootPartitionWriteProtection is the value of
// FeatureBootPartitionWriteProtection (section 5.27.1).
type BootPartitionWriteProtection uint32

// BP0WPS returns the state of boot partition 0.
func (b BootPartitionWriteProtection) BP0WPS() uint8 { return uint8(b & 0x7) }

// WithBP0WPS returns b with BP0WPS set to v.
func (b BootPartitionWriteProtection) WithBP0WPS(v uint8) BootPartitionWriteProtection {
	return b&^(0x7) | BootPartitionWriteProtection(v)&0x7
}

// BP1WPS returns the state of boot partition 1.
func (b BootPartitionWriteProtection) BP1WPS() uint8 { return uint8(b >> 3 & 0x7) }

// WithBP1WPS returns b with BP1WPS set to v.
func (b BootPartitionWriteProtection) WithBP1WPS(v uint8) BootPartitionWriteProtection {
	return b&^(0x7<<3) | BootPartitionWriteProtection(v)&0x7<<3
}

// FDPConfig is CDW12 of FeatureFDP (Base 2.1, section 5.1.25.1). CDW11 is the
// endurance group.
type FDPConfig uint32

// FDPE reports whether flexible data placement is enabled.
func (f FDPConfig) FDPE() bool { return f&(1<<0) != 0 }

// WithFDPE returns f with FDPE set to on.
func (f FDPConfig) WithFDPE(on bool) FDPConfig { return setBit(f, 0, on) }

// FDPCIDX returns the index of the configuration.
func (f FDPConfig) FDPCIDX() uint8 { return uint8(f >> 8 & 0xff) }

// WithFDPCIDX returns f with FDPCIDX set to v.
func (f FDPConfig) WithFDPCIDX(v uint8) FDPConfig { return f&^(0xff<<8) | FDPConfig(v)&0xff<<8 }
