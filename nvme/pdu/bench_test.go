// SPDX-License-Identifier: BSD-3-Clause

package pdu

import (
	"testing"

	"github.com/gospdk/gospdk/nvme"
)

// exchange is what one read costs both ends: a command, its data, the answer.
func exchange(b []byte, f Format, cmd *nvme.Command, cpl *nvme.Completion) bool {
	toController, toHost := controller.with(f), host.with(f)
	PutCapsuleCmd(b, f, cmd, 0)
	l, err := toController.Check(b)
	if err != nil || l.CheckHeader(b) != nil {
		return false
	}
	ParseCapsuleCmd(b, cmd)
	d := Data{CCCID: cmd.CID, Length: 4096, Last: true}
	d.Put(b, TypeC2HData, f)
	if l, err = toHost.Check(b); err != nil || l.CheckHeader(b) != nil {
		return false
	}
	if _, err = ParseData(b, &l); err != nil {
		return false
	}
	PutCapsuleResp(b, f, cpl)
	if l, err = toHost.Check(b); err != nil || l.CheckHeader(b) != nil {
		return false
	}
	ParseCapsuleResp(b, cpl)
	return true
}

func TestNoAllocations(t *testing.T) {
	b, cmd, cpl := make([]byte, 256), command(), completion()
	for _, f := range []Format{{}, digests} {
		if n := testing.AllocsPerRun(100, func() {
			if !exchange(b, f, &cmd, &cpl) {
				t.Fatal("a right PDU was refused")
			}
		}); n != 0 {
			t.Errorf("%+v: %v allocations", f, n)
		}
	}
}

func BenchmarkExchange(b *testing.B) {
	for _, c := range []struct {
		name string
		f    Format
	}{{"plain", Format{}}, {"digests", digests}} {
		b.Run(c.name, func(b *testing.B) {
			buf, cmd, cpl := make([]byte, 256), command(), completion()
			b.ReportAllocs()
			for b.Loop() {
				exchange(buf, c.f, &cmd, &cpl)
			}
		})
	}
}
