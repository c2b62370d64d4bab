// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"context"

	"github.com/gospdk/gospdk/thread"
)

// second is another listener on the same subsystem and thread.
func (g *rig) second() *rig {
	g.t.Helper()
	o := *g
	o.dir = g.t.TempDir()
	var err error
	if o.l, err = Listen(context.Background(), g.target, g.sub, o.dir, []*thread.Thread{g.thread}, Options{}); err != nil {
		g.t.Fatal(err)
	}
	g.beforeClose = append(g.beforeClose, func() {
		if err := o.l.Close(); err != nil {
			g.t.Errorf("closing the second listener: %v", err)
		}
	})
	return &o
}
