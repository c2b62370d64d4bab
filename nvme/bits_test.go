// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"reflect"
	"strings"
	"testing"
)

// field is the highest and the lowest bit of a field.
type field struct{ hi, lo uint }

// bitFields are the fields of every register and feature value as the
// specification numbers their bits.
var bitFields = []struct {
	of     any
	fields map[string]field
}{
	{CAP(0), map[string]field{"MQES": {15, 0}, "CQR": {16, 16}, "AMS": {18, 17}, "TO": {31, 24}, "DSTRD": {35, 32}, "NSSRS": {36, 36}, "CSS": {44, 37}, "BPS": {45, 45}, "CPS": {47, 46}, "MPSMIN": {51, 48}, "MPSMAX": {55, 52}, "PMRS": {56, 56}, "CMBS": {57, 57}, "NSSS": {58, 58}, "CRWMS": {59, 59}, "CRIMS": {60, 60}, "NSSES": {61, 61}}},
	{CC(0), map[string]field{"EN": {0, 0}, "CSS": {6, 4}, "MPS": {10, 7}, "AMS": {13, 11}, "SHN": {15, 14}, "IOSQES": {19, 16}, "IOCQES": {23, 20}, "CRIME": {24, 24}}},
	{CSTS(0), map[string]field{"RDY": {0, 0}, "CFS": {1, 1}, "SHST": {3, 2}, "NSSRO": {4, 4}, "PP": {5, 5}, "ST": {6, 6}}},
	{VS(0), map[string]field{"TER": {7, 0}, "MNR": {15, 8}, "MJR": {31, 16}}},
	{AQA(0), map[string]field{"ASQS": {11, 0}, "ACQS": {27, 16}}},
	{CRTO(0), map[string]field{"CRWMT": {15, 0}, "CRIMT": {31, 16}}},
	{CMBLOC(0), map[string]field{"BIR": {2, 0}, "CQMMS": {3, 3}, "CQPDS": {4, 4}, "CDPMLS": {5, 5}, "CDPCILS": {6, 6}, "CDMMMS": {7, 7}, "CQDA": {8, 8}, "OFST": {31, 12}}},
	{CMBSZ(0), map[string]field{"SQS": {0, 0}, "CQS": {1, 1}, "LISTS": {2, 2}, "RDS": {3, 3}, "WDS": {4, 4}, "SZU": {11, 8}, "SZ": {31, 12}}},
	{CMBMSC(0), map[string]field{"CRE": {0, 0}, "CMSE": {1, 1}, "CBA": {63, 12}}},
	{CMBSTS(0), map[string]field{"CBAI": {0, 0}}},
	{CMBEBS(0), map[string]field{"CMBSZU": {3, 0}, "CMBRBB": {4, 4}, "CMBWBZ": {31, 8}}},
	{CMBSWTP(0), map[string]field{"CMBSWTU": {3, 0}, "CMBSWTV": {31, 8}}},
	{BPINFO(0), map[string]field{"BPSZ": {14, 0}, "BRS": {25, 24}, "ABPID": {31, 31}}},
	{BPRSEL(0), map[string]field{"BPRSZ": {9, 0}, "BPROF": {29, 10}, "BPID": {31, 31}}},
	{PMRCAP(0), map[string]field{"RDS": {3, 3}, "WDS": {4, 4}, "BIR": {7, 5}, "PMRTU": {9, 8}, "PMRWBM": {13, 10}, "PMRTO": {23, 16}, "CMSS": {24, 24}}},
	{PMRCTL(0), map[string]field{"EN": {0, 0}}},
	{PMRSTS(0), map[string]field{"ERR": {7, 0}, "NRDY": {8, 8}, "HSTS": {11, 9}, "CBAI": {12, 12}}},
	{PMREBS(0), map[string]field{"PMRSZU": {3, 0}, "RBB": {4, 4}, "PMRWBZ": {31, 8}}},
	{PMRSWTP(0), map[string]field{"PMRSWTU": {3, 0}, "PMRSWTV": {31, 8}}},
	{PMRMSCL(0), map[string]field{"CMSE": {1, 1}, "CBA": {31, 12}}},
	{Arbitration(0), map[string]field{"AB": {2, 0}, "LPW": {15, 8}, "MPW": {23, 16}, "HPW": {31, 24}}},
	{NumberOfQueues(0), map[string]field{"NSQ": {15, 0}, "NCQ": {31, 16}}},
	{InterruptCoalescing(0), map[string]field{"THR": {7, 0}, "TIME": {15, 8}}},
	{InterruptVectorConfig(0), map[string]field{"IV": {15, 0}, "CD": {16, 16}}},
	{PowerManagement(0), map[string]field{"PS": {4, 0}, "WH": {7, 5}}},
	{TemperatureThreshold(0), map[string]field{"TMPTH": {15, 0}, "TMPSEL": {19, 16}, "THSEL": {21, 20}, "TMPTHH": {24, 22}}},
	{AutonomousPowerState(0), map[string]field{"APSTE": {0, 0}}},
	{ThermalManagement(0), map[string]field{"TMT2": {15, 0}, "TMT1": {31, 16}}},
	{NonOperationalPowerState(0), map[string]field{"NOPPME": {0, 0}}},
	{SpinupControl(0), map[string]field{"SPINUPE": {0, 0}}},
	{AsyncEventConfiguration(0), map[string]field{"CriticalWarning": {7, 0}}},
	{ErrorRecovery(0), map[string]field{"TLER": {15, 0}, "DULBE": {16, 16}}},
	{LBAStatusAttributes(0), map[string]field{"LSIRI": {15, 0}, "LSIPI": {31, 16}}},
	{EnduranceGroupEvent(0), map[string]field{"ENDGID": {15, 0}, "EGCW": {23, 16}}},
	{VolatileWriteCache(0), map[string]field{"WCE": {0, 0}}},
	{WriteAtomicity(0), map[string]field{"DN": {0, 0}}},
	{ReadRecoveryLevel(0), map[string]field{"RRL": {3, 0}}},
	{PredictableLatencyWindow(0), map[string]field{"WS": {2, 0}}},
	{SanitizeConfig(0), map[string]field{"NODRM": {0, 0}}},
	{IOCommandSetProfile(0), map[string]field{"IOCSCI": {8, 0}}},
	{SoftwareProgressMarker(0), map[string]field{"PBSLC": {7, 0}}},
	{HostIdentifierFormat(0), map[string]field{"EXHID": {0, 0}}},
	{ReservationNotificationMask(0), map[string]field{"REGPRE": {1, 1}, "RESREL": {2, 2}, "RESPRE": {3, 3}}},
	{ReservationPersistence(0), map[string]field{"PTPL": {0, 0}}},
	{NamespaceWriteProtection(0), map[string]field{"WPS": {2, 0}}},
	{BootPartitionWriteProtection(0), map[string]field{"BP0WPS": {2, 0}, "BP1WPS": {5, 3}}},
	{FDPConfig(0), map[string]field{"FDPE": {0, 0}, "FDPCIDX": {15, 8}}},
	{AsyncEvent(0), map[string]field{"Type": {2, 0}, "Info": {15, 8}, "LogPage": {23, 16}}},
}

// mask returns the field's bits.
func (f field) mask() uint64 { return 1<<(f.hi+1) - 1<<f.lo }

// TestBitFields sets each field to all ones in zero and to zero in all ones
// and looks at the value and at what the getter says.
func TestBitFields(t *testing.T) {
	for _, b := range bitFields {
		typ := reflect.TypeOf(b.of)
		all := ^uint64(0) >> (64 - typ.Bits())
		var seen uint64
		for name, f := range b.fields {
			if seen&f.mask() != 0 {
				t.Errorf("%v.%s shares bits with another field", typ, name)
			}
			seen |= f.mask()
			for _, ones := range []bool{true, false} {
				start, want, value := uint64(0), f.mask(), f.mask()>>f.lo
				if !ones {
					start, want, value = all, all&^f.mask(), 0
				}
				r := reflect.New(typ).Elem()
				r.SetUint(start)
				with := r.MethodByName("With" + name)
				arg := reflect.New(with.Type().In(0)).Elem()
				if arg.Kind() == reflect.Bool {
					arg.SetBool(ones)
				} else {
					arg.SetUint(value)
				}
				got := with.Call([]reflect.Value{arg})[0]
				if got.Uint() != want {
					t.Errorf("%v.With%s(%v) of %#x is %#x, want %#x", typ, name, arg, start, got.Uint(), want)
				}
				if back := got.MethodByName(name).Call(nil)[0]; !back.Equal(arg) {
					t.Errorf("%v(%#x).%s() is %v, want %v", typ, got.Uint(), name, back, arg)
				}
			}
		}
		for i := range typ.NumMethod() {
			m := typ.Method(i)
			field, ok := strings.CutPrefix(m.Name, "With")
			if _, known := b.fields[field]; ok && !known && field != "Address" {
				t.Errorf("%v.%s is not in the table", typ, m.Name)
			}
		}
	}
}
