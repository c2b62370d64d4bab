// SPDX-License-Identifier: BSD-3-Clause

package tcp_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/host/tcp"
	"github.com/gospdk/gospdk/nvme/pdu"
	target "github.com/gospdk/gospdk/nvmf/tcp"
)

// clock stands still unless it is moved.
type clock struct{ now atomic.Int64 }

func (c *clock) Now() time.Duration { return time.Duration(c.now.Load()) }
func (c *clock) Pause(int)          { c.now.Add(int64(time.Microsecond)); time.Sleep(time.Microsecond) }

// commands returns those on the first connection, in their order.
func (r *relay) commands() (cmds []nvme.Command) {
	said := r.heard()
	rules := pdu.Rules{FromHost: true, MaxInCapsule: 8192, MaxData: 1 << 20}
	for len(said) >= pdu.CommonSize {
		l, err := rules.Check(said)
		if err != nil {
			r.t.Fatal(err)
		}
		if int(l.Len) > len(said) {
			break
		}
		if l.Type == pdu.TypeCapsuleCmd {
			cmds = append(cmds, nvme.Command{})
			pdu.ParseCapsuleCmd(said, &cmds[len(cmds)-1])
		}
		said = said[l.Len:]
	}
	return cmds
}

// TestKeepAlive looks at what Connect says, and that Keep Alive is sent when
// half of the time is over.
func TestKeepAlive(t *testing.T) {
	r, trid := newRelay(t, newRig(t, target.Options{}).trid())
	now := new(clock)
	c := connect(t, tcp.Transport{}, trid, host.Options{KeepAliveTimeout: 20 * time.Second, Clock: now, DisableSQFlowControl: true})
	first := nvme.ParseConnect(&r.commands()[0])
	if want := (nvme.Connect{SQSize: host.DefaultAdminQueueSize, KATO: 20000, Attributes: nvme.ConnectNoSQFlow}); first != want {
		t.Errorf("%+v, want %+v", first, want)
	}
	count := func() (n int) {
		for _, cmd := range r.commands() {
			if cmd.Opcode == nvme.AdminKeepAlive {
				n++
			}
		}
		return n
	}
	for i := 1; i <= 3; i++ {
		now.now.Add(int64(10 * time.Second))
		for end := time.Now().Add(patience); count() < i; {
			if _, err := c.ProcessAdminCompletions(); err != nil {
				t.Fatal(err)
			}
			if time.Now().After(end) {
				t.Fatalf("%d Keep Alive commands, want %d", count(), i)
			}
		}
	}
	if count() != 3 {
		t.Errorf("%d Keep Alive commands, want 3", count())
	}
}
