// SPDX-License-Identifier: BSD-3-Clause

package identify

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/nvme"
)

// fill copies p into *s as far as it goes, again and again.
func fill[T any](s *T, p []byte) *T {
	for b := nvme.Bytes(s); len(b) > 0 && len(p) > 0; {
		b = b[copy(b, p):]
	}
	return s
}

// hostile makes a report of a controller that answers p to everything.
func hostile(p []byte) *Report {
	zoned := &Namespace{ID: 1, CSI: nvme.CSIZNS, Data: fill(new(nvme.IdentifyNamespace), p), Features: map[nvme.FeatureID]uint32{}}
	plain := &Namespace{ID: 2, CSI: nvme.CSI(len(p)), Data: zoned.Data, NGUID: zoned.Data.NGUID, EUI64: zoned.Data.EUI64, UUID: zoned.Data.NGUID}
	zoned.addZoned(*fill(new(nvme.IdentifyNamespaceZNS), p))
	plain.addNVM(*fill(new(nvme.IdentifyNamespaceNVM), p))
	r := &Report{
		Name: "test", Controller: fill(new(nvme.IdentifyController), p), Features: map[nvme.FeatureID]uint32{},
		Health: fill(new(nvme.SMARTLog), p), Firmware: fill(new(nvme.FirmwareSlotLog), p), Effects: fill(new(nvme.CommandEffectsLog), p),
		Errors: []nvme.ErrorLogEntry{*fill(new(nvme.ErrorLogEntry), p)}, Namespaces: []*Namespace{zoned, plain},
	}
	_, r.ANA, _ = nvme.ParseANALog(p)
	fill(&r.CAP, p)
	fill(&r.CMBSZ, p)
	for _, id := range controllerFeatures {
		var v uint32
		r.Features[id] = *fill(&v, p)
	}
	zoned.Features[nvme.FeatureErrorRecovery] = r.Features[nvme.FeatureArbitration]
	return r
}

// FuzzReport prints what a controller may say.
func FuzzReport(f *testing.F) {
	f.Add([]byte{0})
	f.Add([]byte{0xff})
	f.Add([]byte("\x01\x00\x80\x7f\xfe gospdk"))
	f.Fuzz(func(t *testing.T, p []byte) {
		r := hostile(p)
		if err := r.Print(io.Discard, true); err != nil {
			t.Error(err)
		}
		var out bytes.Buffer
		if err := PrintJSON(&out, []*Report{r}); err != nil || !json.Valid(out.Bytes()) {
			t.Errorf("%v: %s", err, &out)
		}
	})
}

func TestPrintHidesControlCharacters(t *testing.T) {
	r := hostile([]byte{0})
	copy(r.Controller.MN[:], "disk\x1b[31m")
	var out bytes.Buffer
	if err := r.Print(&out, false); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("the controller's text reaches the terminal raw")
	}
}

func TestSnake(t *testing.T) {
	for in, want := range map[string]string{"SQID": "sqid", "PowerOnHours": "power_on_hours", "TMT1Time": "tmt1_time", "LBAF": "lbaf", "EUI64": "eui64"} {
		if got := snake(in); got != want {
			t.Errorf("snake(%q) = %q, want %q", in, got, want)
		}
	}
}
