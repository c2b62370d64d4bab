// SPDX-License-Identifier: BSD-3-Clause

package bdevtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gospdk/gospdk/bdev"
)

// parallel runs fn for each user on a goroutine, which is its thread. A
// thread is polled until all have ended, since others may need its answers.
func (r *rig) parallel(users []*user, fn func(i int, u *user)) {
	var working, all sync.WaitGroup
	working.Add(len(users))
	done := make(chan struct{})
	for i, u := range users {
		all.Go(func() {
			func() {
				defer working.Done()
				fn(i, u)
			}()
			for {
				select {
				case <-done:
					return
				default:
					u.t.Poll()
					time.Sleep(0)
				}
			}
		})
	}
	working.Wait()
	close(done)
	all.Wait()
}

func (r *rig) twoUsers() []*user { return []*user{r.user, r.newUser(r.desc)} }

// testTwoThreads gives each of two threads a half.
func testTwoThreads(r *rig) {
	r.needs(bdev.OpWrite)
	half := r.size() / 2
	r.Logf("seed %d", r.seed)
	r.parallel(r.twoUsers(), func(i int, u *user) {
		rng := rand.New(rand.NewPCG(r.seed, uint64(i)))
		base := uint64(i) * half
		for gen := range uint32(100) {
			blocks := 1 + rng.Uint64N(min(half, 32))
			first := base + rng.Uint64N(half-blocks+1)
			u.write(first, blocks, gen)
			u.expect(first, blocks, gen)
		}
	})
}

// testCompareAndWriteIsAtomic counts in a block, from two threads.
func testCompareAndWriteIsAtomic(r *rig) {
	r.needs(bdev.OpCompareAndWrite)
	if r.discards {
		r.Skip("the device keeps no data")
	}
	const turns = 50
	r.user.must(&bdev.IO{Op: bdev.OpWriteZeroes, Blocks: 1})
	r.parallel(r.twoUsers(), func(_ int, u *user) {
		old, data := r.mem(r.bytes(1)), r.mem(r.bytes(1))
		for won := 0; won < turns; {
			binary.LittleEndian.PutUint64(data, binary.LittleEndian.Uint64(old)+1)
			s := u.do(&bdev.IO{Op: bdev.OpCompareAndWrite, Blocks: 1, Iov: [][]byte{old}, WriteIov: [][]byte{data}})
			switch s {
			case bdev.StatusSuccess:
				copy(old, data)
				won++
			case bdev.StatusMiscompare: // the other thread was there
				binary.LittleEndian.PutUint64(old, binary.LittleEndian.Uint64(old)+1)
			default:
				r.Errorf("compare and write: %v", s)
				return
			}
		}
	})
	if n := binary.LittleEndian.Uint64(r.user.read(0, 1)); n != 2*turns {
		r.Errorf("counted to %d, want %d", n, 2*turns)
	}
}

// reader reads the same blocks over and over until told to stop.
type reader struct {
	io    bdev.IO
	u     *user
	ended int
	stop  bool
}

func (l *reader) Complete(*bdev.IO) {
	if l.stop {
		l.ended++
		return
	}
	l.u.ch.Submit(&l.io)
}

// testRemoval unregisters the device while IO is going on.
func testRemoval(r *rig) {
	removed := make(chan bdev.Event, 1)
	desc, err := r.reg.Open(context.Background(), r.info.Name, bdev.Read, func(e bdev.Event) { removed <- e })
	if err != nil {
		r.Fatal(err)
	}
	u := &user{r: r, t: r.user.t}
	if u.ch, err = desc.Channel(u.t); err != nil {
		r.Fatal(err)
	}
	readers := make([]*reader, 16)
	for i := range readers {
		l := &reader{u: u}
		l.io = bdev.IO{Op: bdev.OpRead, Offset: uint64(i), Blocks: 4, Iov: [][]byte{r.mem(r.bytes(4))}, Done: l}
		readers[i] = l
		u.ch.Submit(&l.io)
	}
	result := make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	go func() { result <- r.reg.Unregister(ctx, r.info.Name) }()
	var event bdev.Event
	u.until("the event of the removal", func() bool {
		select {
		case event = <-removed:
			return true
		default:
			return false
		}
	})
	if event.Kind != bdev.EventRemove || event.Name != r.info.Name {
		r.Errorf("event %+v", event)
	}
	if _, err := r.reg.Open(ctx, r.info.Name, bdev.Read, nil); !errors.Is(err, bdev.ErrRemoving) {
		r.Errorf("open of a device that is being removed: %v", err)
	}
	for _, l := range readers {
		l.stop = true
	}
	for _, l := range readers {
		u.until("the last read", func() bool { return l.ended > 0 })
		if l.ended != 1 {
			r.Errorf("a read ended %d times", l.ended)
		}
	}
	if err := errors.Join(u.ch.Close(), desc.Close()); err != nil {
		r.Fatal(err)
	}
	select {
	case err := <-result:
		r.Fatalf("Unregister returned %v while the device was open", err)
	default:
	}
	r.user.close()
	if err := r.desc.Close(); err != nil {
		r.Fatal(err)
	}
	if err := <-result; err != nil {
		r.Errorf("Unregister: %v", err)
	}
	if _, err := r.reg.Get(r.info.Name); !errors.Is(err, bdev.ErrNotFound) {
		r.Errorf("after Unregister, Get = %v", err)
	}
}

// testBlocking uses the device as a file, at odd offsets.
// testBlocking uses a handle on a goroutine; meanwhile the test polls its own
// thread, which the core may have to ask.
func testBlocking(r *rig) {
	r.needs(bdev.OpWrite)
	r.Logf("seed %d", r.seed)
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := r.desc.Blocking()
		err = errors.Join(r.useBlocking(b), b.Close())
	}()
	r.user.until("the goroutine to end", func() bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	})
	if err != nil {
		r.Fatal(err)
	}
	if r.desc.Supports(bdev.OpWriteZeroes) {
		r.user.expectZeroes(1, 2)
	}
}

func (r *rig) useBlocking(b *bdev.Blocking) error {
	bs := int(r.info.BlockSize)
	if err := r.blockingHistory(b, 64*bs); err != nil {
		return err
	}
	end := b.Size()
	if n, err := b.ReadAt(make([]byte, 2*bs), end-int64(bs)); n != bs || err != io.EOF {
		return fmt.Errorf("ReadAt across the end = %d, %v", n, err)
	}
	if n, err := b.WriteAt(make([]byte, 2), end-1); n != 1 || err != io.ErrShortWrite {
		return fmt.Errorf("WriteAt across the end = %d, %v", n, err)
	}
	if err := b.Flush(context.Background()); err != nil {
		return err
	}
	if !r.desc.Supports(bdev.OpWriteZeroes) {
		return nil
	}
	return b.WriteZeroes(context.Background(), int64(bs), int64(2*bs))
}

// blockingHistory reads and writes at random within size bytes.
func (r *rig) blockingHistory(b *bdev.Blocking, size int) error {
	rng := rand.New(rand.NewPCG(r.seed, 2))
	model := make([]byte, size)
	if _, err := b.WriteAt(model, 0); err != nil {
		return err
	}
	for range 100 {
		n := 1 + rng.IntN(1<<rng.IntN(16))
		n = min(n, size)
		off := rng.IntN(size - n + 1)
		p := make([]byte, n)
		if rng.IntN(2) == 0 {
			for i := range p {
				p[i] = byte(rng.Uint32())
			}
			copy(model[off:], p)
			if done, err := b.WriteAt(p, int64(off)); done != n || err != nil {
				return fmt.Errorf("WriteAt(%d bytes, %d) = %d, %v", n, off, done, err)
			}
			continue
		}
		if done, err := b.ReadAt(p, int64(off)); done != n || err != nil {
			return fmt.Errorf("ReadAt(%d bytes, %d) = %d, %v", n, off, done, err)
		}
		if !r.discards && !bytes.Equal(p, model[off:off+n]) {
			return fmt.Errorf("ReadAt(%d bytes, %d): the data differ", n, off)
		}
	}
	return nil
}
