// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"testing"
	"time"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// What QEMU's controllers say of their temperature, in Kelvin.
const (
	qemuTemperature = 0x143
	qemuWarning     = 0x157
)

func (r *rig) feature(id nvme.FeatureID, sel uint8, nsid, dw11 uint32, data []byte) uint32 {
	r.Helper()
	v, err := r.ctrlr.GetFeatures(r.ctx, uint8(id), sel, nsid, dw11, data)
	r.must(err)
	return v
}

func (r *rig) setFeature(id nvme.FeatureID, nsid, dw11 uint32, data []byte) {
	r.Helper()
	_, err := r.ctrlr.SetFeatures(r.ctx, uint8(id), false, nsid, dw11, 0, data)
	r.must(err)
}

// TestFeatures gets each feature that QEMU has, sets those that can change,
// and asks for defaults and capabilities.
func TestFeatures(t *testing.T) {
	r := connect(t, "nvm", host.Options{})
	for _, f := range []struct {
		name     string
		id       nvme.FeatureID
		nsid     uint32
		caps     uint32
		set, get uint32 // set is not tried if it is 0
	}{
		{"arbitration", nvme.FeatureArbitration, 0, 0, 0, 7},
		{"power management", nvme.FeaturePowerManagement, 0, 0, 0, 0},
		{"error recovery", nvme.FeatureErrorRecovery, 1, nvme.FeatureCapabilityChangeable | nvme.FeatureCapabilityNamespaceSpecific, 1 << 16, 1 << 16},
		{"volatile write cache", nvme.FeatureVolatileWriteCache, 0, nvme.FeatureCapabilityChangeable, 1, 1},
		{"interrupt coalescing", nvme.FeatureInterruptCoalescing, 0, 0, 0, 0},
		{"write atomicity", nvme.FeatureWriteAtomicity, 0, nvme.FeatureCapabilityChangeable, 1, 1},
		{"command set profile", nvme.FeatureIOCommandSetProfile, 0, nvme.FeatureCapabilityChangeable, 0, 0},
	} {
		if got := r.feature(f.id, nvme.SelectCapabilities, f.nsid, 0, nil); got != f.caps {
			t.Errorf("%s: capabilities %#x, want %#x", f.name, got, f.caps)
		}
		old := r.feature(f.id, nvme.SelectCurrent, f.nsid, 0, nil)
		if f.set != 0 {
			r.setFeature(f.id, f.nsid, f.set, nil)
		}
		if got := r.feature(f.id, nvme.SelectCurrent, f.nsid, 0, nil); got != f.get {
			t.Errorf("%s: %#x, want %#x", f.name, got, f.get)
		}
		if f.set != 0 {
			r.setFeature(f.id, f.nsid, old, nil)
			if got := r.feature(f.id, nvme.SelectCurrent, f.nsid, 0, nil); got != old {
				t.Errorf("%s: %#x, want %#x again", f.name, got, old)
			}
		}
	}
	r.refusedFeatures()
}

func (r *rig) refusedFeatures() {
	r.Helper()
	_, err := r.ctrlr.GetFeatures(r.ctx, uint8(nvme.FeatureHostMemoryBuffer), nvme.SelectCurrent, 0, 0, nil)
	r.refused("a feature that is not there", err, nvme.StatusInvalidField)
	_, err = r.ctrlr.SetFeatures(r.ctx, uint8(nvme.FeatureVolatileWriteCache), true, 0, 1, 0, nil)
	r.refused("saving", err, nvme.StatusFeatureNotSaveable)
	_, err = r.ctrlr.SetFeatures(r.ctx, uint8(nvme.FeatureInterruptCoalescing), false, 0, 1, 0, nil)
	r.refused("setting what cannot change", err, nvme.StatusFeatureNotChangeable)
	_, err = r.ctrlr.SetFeatures(r.ctx, uint8(nvme.FeatureVolatileWriteCache), false, 1, 1, 0, nil)
	r.refused("setting of a namespace what is of the controller", err, nvme.StatusFeatureNotNamespaceSpecific)
	_, err = r.ctrlr.GetFeatures(r.ctx, uint8(nvme.FeatureErrorRecovery), nvme.SelectCurrent, 0, 0, nil)
	r.refused("error recovery of no namespace", err, nvme.StatusInvalidNamespace)
}

func TestQueueFeatures(t *testing.T) {
	r := connect(t, "nvm", host.Options{NumIOQueues: 7})
	n := nvme.NumberOfQueues(r.feature(nvme.FeatureNumberOfQueues, nvme.SelectCurrent, 0, 0, nil))
	if r.ctrlr.NumIOQueues() != 7 {
		t.Errorf("%d queue pairs, want 7; the feature is %#x", r.ctrlr.NumIOQueues(), uint32(n))
	}
	for v := range uint32(3) {
		got := nvme.InterruptVectorConfig(r.feature(nvme.FeatureInterruptVectorConfiguration, nvme.SelectCurrent, 0, v, nil))
		if uint32(got.IV()) != v {
			t.Errorf("vector %d: %#x", v, uint32(got))
		}
	}
	var queues []*queue
	for range 7 {
		queues = append(queues, r.queue(host.QPairOptions{}))
	}
	if _, err := r.ctrlr.AllocIOQPair(host.QPairOptions{}); err == nil {
		t.Error("an eighth queue pair was made")
	}
	buf := buffer(t, 4096)
	for _, q := range queues {
		q.read(r.namespace(1), buf, 0, 8)
	}
	queues[3].free()
	r.queue(host.QPairOptions{}).read(r.namespace(1), buf, 0, 8)
}

func TestTimestamp(t *testing.T) {
	r := connect(t, "nvm", host.Options{})
	set := nvme.NewTimestamp(time.UnixMilli(1_700_000_000_000))
	r.setFeature(nvme.FeatureTimestamp, 0, 0, set[:])
	var got nvme.Timestamp
	r.feature(nvme.FeatureTimestamp, nvme.SelectCurrent, 0, 0, got[:])
	ms := func(s nvme.Timestamp) uint64 { return le.Uint64(s[:]) & (1<<48 - 1) }
	if ms(got) < ms(set) || ms(got) > ms(set)+uint64(patience.Milliseconds()) {
		t.Errorf("the time is %d ms, it was set to %d", ms(got), ms(set))
	}
	if origin := got[6] >> 1 & 7; origin != 1 {
		t.Errorf("attributes %#x: it does not know that the time was set", got[6])
	}
}

// TestTemperatureEvent sets the threshold below what QEMU says is the
// temperature: that is an event, once, until its log page is read.
func TestTemperatureEvent(t *testing.T) {
	r := connect(t, "nvm", host.Options{})
	var events []host.Event
	r.ctrlr.OnEvent(func(e host.Event) { events = append(events, e) })
	id := nvme.FeatureTemperatureThreshold
	if got := r.feature(id, nvme.SelectCurrent, 0, 0, nil); got != qemuWarning {
		t.Errorf("threshold %d K, want %d", got, qemuWarning)
	}
	defer r.setFeature(id, 0, qemuWarning, nil)
	smart := func(retain bool) uint8 {
		buf := make([]byte, 512)
		r.must(r.ctrlr.GetLogPageExt(r.ctx, uint8(nvme.LogSMART), nvme.NSIDBroadcast, buf, 0, host.LogPageOptions{RetainEvent: retain}))
		return buf[0]
	}
	settled := func() { // whatever was to come has come before this answer
		r.feature(id, nvme.SelectCurrent, 0, 0, nil)
		r.feature(id, nvme.SelectCurrent, 0, 0, nil)
	}

	r.setFeature(id, 0, qemuTemperature-10, nil)
	r.admin("the event", func() bool { return len(events) > 0 })
	e := events[0]
	if e.Type != uint8(nvme.AsyncEventSMART) || e.Info != nvme.SMARTTemperatureThreshold || e.LogPage != uint8(nvme.LogSMART) || e.Controller != r.ctrlr {
		t.Errorf("event %+v", e)
	}
	if w := smart(true); w != nvme.CriticalWarningTemperature {
		t.Errorf("critical warning %#x", w)
	}
	r.setFeature(id, 0, qemuTemperature-20, nil)
	settled()
	if len(events) != 1 {
		t.Fatalf("%d events although the log page was not read for good", len(events))
	}
	smart(false)
	r.setFeature(id, 0, qemuTemperature-30, nil)
	r.admin("the second event", func() bool { return len(events) > 1 })
	smart(false)

	// Under a lower threshold.
	under := nvme.TemperatureThreshold(0).WithTHSEL(1)
	r.setFeature(id, 0, qemuWarning, nil)
	r.setFeature(id, 0, uint32(under.WithTMPTH(qemuTemperature+5)), nil)
	r.admin("the event of a low temperature", func() bool { return len(events) > 2 })
	r.setFeature(id, 0, uint32(under), nil)
	if w := smart(false); w != 0 {
		t.Errorf("critical warning %#x between the thresholds", w)
	}
}
