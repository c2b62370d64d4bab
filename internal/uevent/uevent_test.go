// SPDX-License-Identifier: BSD-3-Clause

package uevent

import (
	"errors"
	"maps"
	"strings"
	"testing"
)

// message joins the parts of a message as the kernel does.
func message(parts ...string) []byte { return []byte(strings.Join(parts, "\x00") + "\x00") }

// What a kernel sends when uio_pci_generic takes a function.
var bound = message("bind@/devices/pci0000:00/0000:00:04.0", "ACTION=bind", "DEVPATH=/devices/pci0000:00/0000:00:04.0",
	"SUBSYSTEM=pci", "DRIVER=uio_pci_generic", "PCI_CLASS=10802", "PCI_ID=1B36:0010", "PCI_SUBSYS_ID=1AF4:1100",
	"PCI_SLOT_NAME=0000:00:04.0", "MODALIAS=pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02", "SEQNUM=1234")

func TestParse(t *testing.T) {
	e, err := Parse(bound)
	if err != nil {
		t.Fatal(err)
	}
	if e.Action != "bind" || e.DevPath != "/devices/pci0000:00/0000:00:04.0" || e.Subsystem != "pci" || e.Synthetic() {
		t.Errorf("parsed %+v", e)
	}
	if e.Vars["DRIVER"] != "uio_pci_generic" || e.Vars["SEQNUM"] != "1234" || len(e.Vars) != 10 {
		t.Errorf("variables %v", e.Vars)
	}
	e, err = Parse(message("add@/a@b", "SYNTH_UUID=0", "EMPTY=", "EQUALS=a=b"))
	if err != nil || e.DevPath != "/a@b" || !e.Synthetic() || e.Vars["EQUALS"] != "a=b" {
		t.Errorf("parsed %+v, %v", e, err)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, msg := range []string{
		"", "\x00", "add", "add\x00", "add@/x", "@/x\x00", "add@x\x00", "add@\x00", "add@/x\x00A=1", "add@/x\x00A\x00", "add@/x\x00=1\x00",
		"add@/x\x00\x00", "add@/x\x00ACTION=remove\x00", "add@/x\x00DEVPATH=/y\x00",
	} {
		if e, err := Parse([]byte(msg)); err == nil {
			t.Errorf("Parse(%q) = %+v", msg, e)
		}
	}
	if _, err := Parse([]byte("libudev\x00\xfe\xed\xca\xfe")); !errors.Is(err, ErrNotKernel) {
		t.Errorf("udev's message: %v", err)
	}
}

// FuzzParse checks that what is accepted can be written again, and then says
// the same.
func FuzzParse(f *testing.F) {
	f.Add(bound)
	f.Add(message("remove@/devices/x"))
	f.Add([]byte("libudev\x00"))
	f.Add([]byte("add@/x\x00A=1"))
	f.Fuzz(func(t *testing.T, msg []byte) {
		e, err := Parse(msg)
		if err != nil {
			return
		}
		parts := []string{e.Action + "@" + e.DevPath}
		for name, value := range e.Vars {
			parts = append(parts, name+"="+value)
		}
		again, err := Parse(message(parts...))
		if err != nil || again.Action != e.Action || again.DevPath != e.DevPath || again.Subsystem != e.Subsystem || !maps.Equal(again.Vars, e.Vars) {
			t.Fatalf("%+v became %+v, %v", e, again, err)
		}
	})
}
