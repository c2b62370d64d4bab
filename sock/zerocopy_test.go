// SPDX-License-Identifier: BSD-3-Clause

package sock

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// TestPinned sends without a copy by both implementations: the bytes come, and
// the kernel tells that it is done with each message. Over the loopback it
// copies after all, so that the connection stops asking.
func TestPinned(t *testing.T) {
	for _, impl := range []string{Posix, Uring} {
		t.Run(impl, func(t *testing.T) {
			g, err := NewGroup()
			if impl == Uring {
				g = uringGroup(t)
			} else if err != nil {
				t.Fatal(err)
			} else {
				t.Cleanup(g.Close)
			}
			c, peer := pair(t)
			defer c.Close()
			other, _ := pair(t) // a second output has the ring send
			defer other.Close()
			if err := c.EnableZeroCopy(0); err != nil {
				t.Fatal(err)
			}
			if err := g.Add(c, 3); err != nil {
				t.Fatal(err)
			}
			if err := g.Give(c); err != nil {
				t.Fatal(err)
			}
			for i := range copiesInVain {
				if !c.MayPin() {
					t.Fatalf("message %d may not be pinned", i)
				}
				data := bytes.Repeat([]byte{byte(i + 1)}, 32<<10)
				out := []Output{{Conn: c, Bufs: [][]byte{data[:10], data[10:]}, Pin: true}, {Conn: other, Bufs: [][]byte{{1}}}}
				g.Send(out)
				if out[0].Err != nil || out[0].N != len(data) || !out[0].Pin || out[1].Pin || out[1].N != 1 {
					t.Fatalf("results %+v", out)
				}
				if sent, _ := c.Pinned(); sent != uint32(i+1) {
					t.Errorf("%d messages pinned, want %d", sent, i+1)
				}
				got := make([]byte, len(data))
				peer.SetReadDeadline(time.Now().Add(patience))
				if _, err := io.ReadFull(peer, got); err != nil || !bytes.Equal(got, data) {
					t.Fatalf("message %d: %v, or other data", i, err)
				}
				for freed := uint32(0); freed != uint32(i+1); _, freed = c.Pinned() {
					if ev := await(t, g); !ev.Unpin || ev.ID != 3 {
						t.Fatalf("event %+v", ev)
					}
					c.Unpin()
				}
			}
			if c.MayPin() {
				t.Error("the kernel copies, and is still asked not to")
			}
			if ev := g.Poll(); len(ev) > 0 {
				t.Errorf("events %+v", ev)
			}
			peer.Close()
			if ev := await(t, g); !ev.Readable {
				t.Errorf("event %+v at the end", ev)
			}
		})
	}
}

func TestUnpinWithoutZeroCopy(t *testing.T) {
	c, _ := pair(t)
	defer c.Close()
	c.Unpin()
	if sent, freed := c.Pinned(); sent != 0 || freed != 0 || c.MayPin() {
		t.Errorf("%d sent, %d freed, may pin: %v", sent, freed, c.MayPin())
	}
}

// TestFree has the kernel be done with ranges of messages in random order,
// across the wrap of their numbers.
func TestFree(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		start := uint32(math.MaxUint32) - rnd.Uint32N(100)
		p := &pins{on: true, sent: start, freed: start}
		type span struct{ first, n uint32 }
		var spans []span
		for n := uint32(0); n < 900; {
			s := span{start + n, 1 + rnd.Uint32N(20)}
			spans, n = append(spans, s), n+s.n
			p.sent += s.n
		}
		rnd.Shuffle(len(spans), func(i, k int) { spans[i], spans[k] = spans[k], spans[i] })
		done := map[uint32]bool{}
		for _, s := range spans {
			p.free(s.first, s.first+s.n-1, false)
			for m := range s.n {
				done[s.first+m] = true
			}
			want := start
			for done[want] {
				want++
			}
			if p.freed != want {
				t.Fatalf("seed %d: %d freed, want %d", seed, p.freed-start, want-start)
			}
		}
		if p.freed != p.sent || p.early != [maxPinned / 64]uint64{} {
			t.Fatalf("seed %d: %d of %d freed", seed, p.freed-start, p.sent-start)
		}
	}
}

// TestFreeUnsent has the kernel tell of messages that were never sent, or are
// freed already.
func TestFreeUnsent(t *testing.T) {
	for _, r := range [][2]uint32{{0, 0}, {9, 10}, {9, 20}, {15, 15}, {14, 15}, {12, 11}, {10, 9}, {0, math.MaxUint32}, {10, 5000}} {
		t.Run(fmt.Sprint(r), func(t *testing.T) {
			p := &pins{on: true, sent: 15, freed: 10}
			p.free(r[0], r[1], false)
			if p.freed != 10 || p.early != [maxPinned / 64]uint64{} {
				t.Errorf("%d freed", p.freed)
			}
		})
	}
}
