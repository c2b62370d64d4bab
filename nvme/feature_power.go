// SPDX-License-Identifier: BSD-3-Clause

package nvme

// PowerManagement is the value of FeaturePowerManagement (section 5.27.1).
type PowerManagement uint32

// PS returns the power state.
func (p PowerManagement) PS() uint8 { return uint8(p & 0x1f) }

// WithPS returns p with PS set to v.
func (p PowerManagement) WithPS(v uint8) PowerManagement { return p&^(0x1f) | PowerManagement(v)&0x1f }

// WH returns the workload hint.
func (p PowerManagement) WH() uint8 { return uint8(p >> 5 & 0x7) }

// WithWH returns p with WH set to v.
func (p PowerManagement) WithWH(v uint8) PowerManagement {
	return p&^(0x7<<5) | PowerManagement(v)&0x7<<5
}

// TemperatureThreshold is the value of FeatureTemperatureThreshold (section
// 5.27.1).
type TemperatureThreshold uint32

// TMPTH returns the threshold in kelvins.
func (t TemperatureThreshold) TMPTH() uint16 { return uint16(t) }

// WithTMPTH returns t with TMPTH set to v.
func (t TemperatureThreshold) WithTMPTH(v uint16) TemperatureThreshold {
	return t&^(0xffff) | TemperatureThreshold(v)&0xffff
}

// TMPSEL returns the sensor: 0 composite, 1 to 8, 15 all.
func (t TemperatureThreshold) TMPSEL() uint8 { return uint8(t >> 16 & 0xf) }

// WithTMPSEL returns t with TMPSEL set to v.
func (t TemperatureThreshold) WithTMPSEL(v uint8) TemperatureThreshold {
	return t&^(0xf<<16) | TemperatureThreshold(v)&0xf<<16
}

// THSEL returns the kind: 0 over, 1 under temperature.
func (t TemperatureThreshold) THSEL() uint8 { return uint8(t >> 20 & 0x3) }

// WithTHSEL returns t with THSEL set to v.
func (t TemperatureThreshold) WithTHSEL(v uint8) TemperatureThreshold {
	return t&^(0x3<<20) | TemperatureThreshold(v)&0x3<<20
}

// TMPTHH returns the hysteresis in kelvins (Base 2.1).
func (t TemperatureThreshold) TMPTHH() uint8 { return uint8(t >> 22 & 0x7) }

// WithTMPTHH returns t with TMPTHH set to v.
func (t TemperatureThreshold) WithTMPTHH(v uint8) TemperatureThreshold {
	return t&^(0x7<<22) | TemperatureThreshold(v)&0x7<<22
}

// AutonomousPowerState is the value of FeatureAutonomousPowerState (section
// 5.27.1). Its data is an AutonomousPowerStateTable.
type AutonomousPowerState uint32

// APSTE reports whether autonomous transitions are enabled.
func (a AutonomousPowerState) APSTE() bool { return a&(1<<0) != 0 }

// WithAPSTE returns a with APSTE set to on.
func (a AutonomousPowerState) WithAPSTE(on bool) AutonomousPowerState { return setBit(a, 0, on) }

// ThermalManagement is the value of FeatureThermalManagement (section 5.27.1).
type ThermalManagement uint32

// TMT2 returns temperature 2 in kelvins.
func (t ThermalManagement) TMT2() uint16 { return uint16(t) }

// WithTMT2 returns t with TMT2 set to v.
func (t ThermalManagement) WithTMT2(v uint16) ThermalManagement {
	return t&^(0xffff) | ThermalManagement(v)&0xffff
}

// TMT1 returns temperature 1 in kelvins.
func (t ThermalManagement) TMT1() uint16 { return uint16(t >> 16) }

// WithTMT1 returns t with TMT1 set to v.
func (t ThermalManagement) WithTMT1(v uint16) ThermalManagement {
	return t&^(0xffff<<16) | ThermalManagement(v)&0xffff<<16
}

// NonOperationalPowerState is the value of FeatureNonOperationalPowerState
// (section 5.27.1).
type NonOperationalPowerState uint32

// NOPPME reports whether the permissive mode is enabled.
func (n NonOperationalPowerState) NOPPME() bool { return n&(1<<0) != 0 }

// WithNOPPME returns n with NOPPME set to on.
func (n NonOperationalPowerState) WithNOPPME(on bool) NonOperationalPowerState {
	return setBit(n, 0, on)
}

// SpinupControl is the value of FeatureSpinupControl (section 5.27.1).
type SpinupControl uint32

// SPINUPE reports whether initial spinup is prevented until asked.
func (s SpinupControl) SPINUPE() bool { return s&(1<<0) != 0 }

// WithSPINUPE returns s with SPINUPE set to on.
func (s SpinupControl) WithSPINUPE(on bool) SpinupControl { return setBit(s, 0, on) }

// AutonomousPowerStateTable is the data of FeatureAutonomousPowerState, an entry
// a power state.
type AutonomousPowerStateTable [32]AutonomousPowerStateEntry

// AutonomousPowerStateEntry is an entry of the table.
type AutonomousPowerStateEntry uint64

// ITPS returns the state to go to.
func (e AutonomousPowerStateEntry) ITPS() uint8 { return uint8(e >> 3 & 0x1f) }

// ITPT returns the idle time before the transition in ms, 0 for never.
func (e AutonomousPowerStateEntry) ITPT() uint32 { return uint32(e >> 8 & 0xffffff) }

// NewAutonomousPowerStateEntry returns the entry that goes to state after the
// given ms without I/O.
func NewAutonomousPowerStateEntry(state uint8, ms uint32) AutonomousPowerStateEntry {
	return AutonomousPowerStateEntry(state&0x1f)<<3 | AutonomousPowerStateEntry(ms&0xffffff)<<8
}
