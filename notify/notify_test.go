// SPDX-License-Identifier: BSD-3-Clause

package notify_test

import (
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/gospdk/gospdk/notify"
)

func TestTypes(t *testing.T) {
	l := notify.New()
	for _, name := range []string{"a", "b", "a"} {
		l.RegisterType(name)
	}
	if got := l.Types(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("Types = %q", got)
	}
}

func ids(l *notify.Log, first, limit uint64) (got []uint64) {
	n := l.ForEach(first, limit, func(id uint64, e notify.Event) bool {
		if e.Context != strconv.FormatUint(id, 10) || e.Type != "kind" {
			panic("wrong event")
		}
		got = append(got, id)
		return true
	})
	if n != uint64(len(got)) {
		panic("wrong count")
	}
	return got
}

func TestForEach(t *testing.T) {
	l := notify.New()
	if got := ids(l, 0, 10); got != nil {
		t.Errorf("empty: %d", got)
	}
	for i := range uint64(5) {
		if id := l.Send("kind", strconv.FormatUint(i, 10)); id != i {
			t.Errorf("Send = %d, want %d", id, i)
		}
	}
	all := ^uint64(0)
	for _, test := range []struct {
		first, limit uint64
		want         []uint64
	}{
		{0, all, []uint64{0, 1, 2, 3, 4}},
		{3, all, []uint64{3, 4}},
		{1, 2, []uint64{1, 2}},
		{1, 0, nil},
		{5, all, nil},
		{all, all, nil},
	} {
		if got := ids(l, test.first, test.limit); !slices.Equal(got, test.want) {
			t.Errorf("from %d, %d at most: %d, want %d", test.first, test.limit, got, test.want)
		}
	}
	n := l.ForEach(0, all, func(id uint64, _ notify.Event) bool {
		l.Send("kind", "5") // it may be called from here
		return id < 1
	})
	if n != 2 {
		t.Errorf("%d calls, want 2", n)
	}
}

func TestOldOnesAreDropped(t *testing.T) {
	l := notify.New()
	total := uint64(3*notify.Capacity + 7)
	for i := range total {
		l.Send("kind", strconv.FormatUint(i, 10))
	}
	got := ids(l, 0, total)
	if len(got) != notify.Capacity || got[0] != total-notify.Capacity || got[len(got)-1] != total-1 {
		t.Errorf("%d notifications from %d on", len(got), got[0])
	}
	if got := ids(l, total-2, 1); !slices.Equal(got, []uint64{total - 2}) {
		t.Errorf("from %d: %d", total-2, got)
	}
}

func TestConcurrentSend(t *testing.T) {
	l := notify.New()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				l.Send("kind", "x")
				l.ForEach(0, 10, func(uint64, notify.Event) bool { return true })
			}
		})
	}
	wg.Wait()
	if id := l.Send("kind", "x"); id != 4000 {
		t.Errorf("next identifier %d, want 4000", id)
	}
}
