// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/host/pcie"
)

func TestServesUntilStopped(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "disk")
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, dir) }()

	id := nvme.TransportID{Trtype: nvme.TrtypeVFIOUser, Traddr: dir}
	var ctrlr *host.Controller
	for ctrlr == nil { // until it listens
		var err error
		if ctrlr, err = host.Connect(ctx, pcie.Transport{}, id, host.Options{}); err != nil && ctx.Err() != nil {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			t.Fatalf("the target ended: %v", err)
		default:
		}
	}
	if n := ctrlr.Namespaces(); len(n) != 1 || n[0].Size() != 64<<20 {
		t.Errorf("namespaces %v, want one of 64 MiB", n)
	}
	if err := ctrlr.Detach(context.Background()); err != nil {
		t.Error(err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
