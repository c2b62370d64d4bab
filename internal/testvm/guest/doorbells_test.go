// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// TestShadowDoorbells: where the controller has Doorbell Buffer Config, and the
// user does not forbid it, doorbells are stored in memory.
func TestShadowDoorbells(t *testing.T) {
	for _, tt := range []struct {
		name, serial string
		opts         host.Options
		has, shadow  bool
	}{
		{"on", "nvm", host.Options{}, true, true},
		{"refused by the user", "nvm", host.Options{DisableShadowDoorbells: true}, true, false},
		{"off", "nodbcs", host.Options{}, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := connect(t, tt.serial, tt.opts)
			if has := r.ctrlr.Identify().OACS&nvme.OACSDoorbellBufferConfig != 0; has != tt.has {
				t.Fatalf("Doorbell Buffer Config: %v, want %v", has, tt.has)
			}
			ns := r.namespace(1)
			for _, o := range []host.QPairOptions{{}, {DelayCmdSubmit: true, Size: 8}} {
				q := r.queue(o)
				q.sweep(ns, writing, contiguous, 1)
				r.must(r.ctrlr.Reset(r.ctx)) // it has to be told of the buffers again
				q.sweep(ns, reading, scattered, 1)
				s := q.Stats()
				if tt.shadow && (s.ShadowDoorbells == 0 || s.SQDoorbells > s.Submitted) {
					t.Errorf("no shadow doorbells: %+v", s)
				}
				if !tt.shadow && (s.ShadowDoorbells != 0 || s.SQDoorbells == 0 || s.CQDoorbells == 0) {
					t.Errorf("shadow doorbells: %+v", s)
				}
				if s.Bad != 0 || s.Submitted != s.Completions {
					t.Errorf("%+v", s)
				}
				q.free()
			}
		})
	}
}
