// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

var faults = flag.Bool("faults", false, "the machine has a controller whose disk fails, and somebody outside who lets it warn")

// The blocks of the disk that fail, as faults_test.go outside has them.
const (
	badRead  = 2048
	badWrite = 4096
)

// TestFaults gets errors from a disk that has some, and a warning that comes
// by itself.
func TestFaults(t *testing.T) {
	if !*faults {
		t.Skip("it needs a machine of its own (-faults)")
	}
	r := connect(t, "faulty", host.Options{DisableErrorLogging: true})
	ns := r.namespace(1)
	q := r.queue(host.QPairOptions{})
	buf := buffer(t, 8*512)
	fill(buf, 0, 1)
	q.write(ns, buf, badRead-8, 8)
	q.want("a block that cannot be read", nvme.StatusUnrecoveredReadError, func(req *host.Request) error {
		return q.Read(ns, req, buf, badRead, 1, 0)
	})
	q.want("a range with such a block", nvme.StatusUnrecoveredReadError, func(req *host.Request) error {
		return q.Read(ns, req, buf, badRead-4, 8, 0)
	})
	q.want("a block that cannot be written", nvme.StatusWriteFault, func(req *host.Request) error {
		return q.Write(ns, req, buf, badWrite, 1, 0)
	})
	clear(buf)
	q.read(ns, buf, badRead-8, 8) // beside it all is well
	check(t, "beside the bad block", buf, 0, 1)

	var events []host.Event
	r.ctrlr.OnEvent(func(e host.Event) { events = append(events, e) })
	fmt.Println("warn me")
	for end := time.Now().Add(patience); len(events) == 0; {
		_, err := r.ctrlr.ProcessAdminCompletions()
		r.must(err)
		if time.Now().After(end) {
			t.Fatalf("no event within %v", patience)
		}
	}
	e := events[0]
	if e.Type != uint8(nvme.AsyncEventSMART) || e.Info != nvme.SMARTReliability || e.LogPage != uint8(nvme.LogSMART) {
		t.Errorf("event type %d, information %d, log page %d", e.Type, e.Info, e.LogPage)
	}
}
