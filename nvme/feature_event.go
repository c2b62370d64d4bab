// SPDX-License-Identifier: BSD-3-Clause

package nvme

// AsyncEventConfiguration is the value of FeatureAsyncEventConfiguration
// (section 5.27.1): which events the controller reports. Bits 31:8 are the OAES
// bits.
type AsyncEventConfiguration uint32

// CriticalWarning returns the CriticalWarning bits whose warnings are reported.
func (a AsyncEventConfiguration) CriticalWarning() uint8 { return uint8(a) }

// WithCriticalWarning returns a with CriticalWarning set to v.
func (a AsyncEventConfiguration) WithCriticalWarning(v uint8) AsyncEventConfiguration {
	return a&^(0xff) | AsyncEventConfiguration(v)&0xff
}

// ErrorRecovery is the value of FeatureErrorRecovery (NVM Command Set
// specification 1.0, section 4.1.3).
type ErrorRecovery uint32

// TLER returns the time limit for recovery in units of 100 ms, 0 for none.
func (e ErrorRecovery) TLER() uint16 { return uint16(e) }

// WithTLER returns e with TLER set to v.
func (e ErrorRecovery) WithTLER(v uint16) ErrorRecovery { return e&^(0xffff) | ErrorRecovery(v)&0xffff }

// DULBE reports whether reads of deallocated blocks fail.
func (e ErrorRecovery) DULBE() bool { return e&(1<<16) != 0 }

// WithDULBE returns e with DULBE set to on.
func (e ErrorRecovery) WithDULBE(on bool) ErrorRecovery { return setBit(e, 16, on) }

// LBAStatusAttributes is the value of FeatureLBAStatusAttributes (NVM Command
// Set specification 1.0, section 4.1.3).
type LBAStatusAttributes uint32

// LSIRI returns the report interval in units of 100 ms.
func (l LBAStatusAttributes) LSIRI() uint16 { return uint16(l) }

// WithLSIRI returns l with LSIRI set to v.
func (l LBAStatusAttributes) WithLSIRI(v uint16) LBAStatusAttributes {
	return l&^(0xffff) | LBAStatusAttributes(v)&0xffff
}

// LSIPI returns the poll interval in units of 100 ms.
func (l LBAStatusAttributes) LSIPI() uint16 { return uint16(l >> 16) }

// WithLSIPI returns l with LSIPI set to v.
func (l LBAStatusAttributes) WithLSIPI(v uint16) LBAStatusAttributes {
	return l&^(0xffff<<16) | LBAStatusAttributes(v)&0xffff<<16
}

// EnduranceGroupEvent is the value of FeatureEnduranceGroupEvent (section
// 5.27.1).
type EnduranceGroupEvent uint32

// ENDGID returns the endurance group.
func (e EnduranceGroupEvent) ENDGID() uint16 { return uint16(e) }

// WithENDGID returns e with ENDGID set to v.
func (e EnduranceGroupEvent) WithENDGID(v uint16) EnduranceGroupEvent {
	return e&^(0xffff) | EnduranceGroupEvent(v)&0xffff
}

// EGCW returns the critical warnings that are reported.
func (e EnduranceGroupEvent) EGCW() uint8 { return uint8(e >> 16 & 0xff) }

// WithEGCW returns e with EGCW set to v.
func (e EnduranceGroupEvent) WithEGCW(v uint8) EnduranceGroupEvent {
	return e&^(0xff<<16) | EnduranceGroupEvent(v)&0xff<<16
}

// NamespaceAttribute reports whether namespace attribute notices are on.
func (a AsyncEventConfiguration) NamespaceAttribute() bool { return a&OAESNamespaceAttribute != 0 }

// FirmwareActivation reports whether firmware activation notices are on.
func (a AsyncEventConfiguration) FirmwareActivation() bool { return a&OAESFirmwareActivation != 0 }

// ANAChange reports whether asymmetric namespace access change notices are on.
func (a AsyncEventConfiguration) ANAChange() bool { return a&OAESANAChange != 0 }

// DiscoveryLogChange reports whether discovery log change notices are on.
func (a AsyncEventConfiguration) DiscoveryLogChange() bool { return a&OAESDiscoveryLogChange != 0 }
