// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"context"
	"errors"
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// prpTransport keeps the driver from using SGLs, which QEMU's controller
// always has, so that PRP lists are read by it too.
type prpTransport struct{ host.Transport }

type prpLink struct {
	host.MappedLink
	host.MemoryBuffers
}

func (p prpTransport) Open(ctx context.Context, trid nvme.TransportID, o *host.Options) (host.Link, error) {
	l, err := p.Transport.Open(ctx, trid, o)
	if err != nil {
		return nil, err
	}
	m, ok := l.(host.MemoryBuffers)
	if !ok {
		return nil, errors.Join(errors.New("the link has no memory buffers"), l.Close())
	}
	return prpLink{l.(host.MappedLink), m}, nil
}

func (p prpLink) Configure(c host.LinkConfig) {
	c.SGL, c.MetadataSGL = false, false
	p.MappedLink.Configure(c)
}

// TestSizes writes and reads all small sizes, and those beside each power of
// two up to beyond MDTS, at addresses that are and are not on a page.
func TestSizes(t *testing.T) {
	var sizes []int
	for n := 1; n <= 40; n++ {
		sizes = append(sizes, n)
	}
	for n := 64; n <= 2048; n *= 2 {
		sizes = append(sizes, n-1, n, n+1)
	}
	for _, tt := range []struct {
		name string
		tr   host.Transport
	}{{"SGL", transport}, {"PRP", prpTransport{transport}}} {
		t.Run(tt.name, func(t *testing.T) {
			r := connectAt(t, tt.tr, need(t, "kernel512"), host.Options{})
			if limit := r.ctrlr.MaxTransfer(); limit != 512<<10 {
				t.Fatalf("the largest transfer has %d bytes, want 512 KiB", limit)
			}
			ns := r.namespace(1)
			q := r.queue(host.QPairOptions{})
			const blocks = 2049
			out, in := buffer(t, blocks*512+8192), buffer(t, blocks*512+8192)
			for i, n := range sizes {
				lba := uint64(i) * 37
				at := []int{0, 4, 512, 2048, 4092, 3584}[i%6]
				w, rd := out[at:at+n*512], in[at:at+n*512]
				seed := uint64(100 + i)
				fill(w, lba*512, seed)
				clear(in)
				q.write(ns, w, lba, n)
				q.read(ns, rd, lba, n)
				check(t, "read back", rd, lba*512, seed)
				checkZero(t, "before the buffer", in[:at])
				checkZero(t, "behind the buffer", in[at+n*512:])
			}
		})
	}
}

// TestPageVectors scatters data as PRP lists can describe them: only the first
// element starts, and only the last ends, within a page.
func TestPageVectors(t *testing.T) {
	r := connectAt(t, prpTransport{transport}, need(t, "kernel512"), host.Options{})
	ns := r.namespace(1)
	q := r.queue(host.QPairOptions{})
	const page = 4096
	mem, back := buffer(t, 64*page), buffer(t, 64*page)
	for i, tt := range []struct{ start, pages, end int }{
		{0, 0, 512}, {512, 0, 512}, {0, 1, 0}, {1024, 1, 3072}, {2048, 5, 1024}, {512, 20, 512},
	} {
		// Elements lie behind one another from the last page to the first.
		iov := [][]byte{mem[63*page+page-max(tt.start, 512) : 64*page]}
		for p := range tt.pages {
			at := (60 - 2*p) * page
			iov = append(iov, mem[at:at+page])
		}
		if tt.end > 0 {
			iov = append(iov, mem[:tt.end])
		}
		n := 0
		for _, e := range iov {
			fill(e, uint64(n), uint64(i+1))
			n += len(e)
		}
		q.ok("write", func(r *host.Request) error { return q.WriteV(ns, r, iov, 4000, uint32(n/512), 0) })
		q.read(ns, back, 4000, n/512)
		check(t, "read back", back[:n], 0, uint64(i+1))
		clear(mem)
		q.ok("read", func(r *host.Request) error { return q.ReadV(ns, r, iov, 4000, uint32(n/512), 0) })
		n = 0
		for _, e := range iov {
			check(t, "read scattered", e, uint64(n), uint64(i+1))
			n += len(e)
		}
	}
}

// TestManyInFlight keeps more commands going than a queue holds, on several
// queues, with the doorbell rung once a poll.
func TestManyInFlight(t *testing.T) {
	r := connect(t, "kernel512", host.Options{})
	ns := r.namespace(1)
	const commands, block = 400, 4096
	var queues []*queue
	for _, o := range []host.QPairOptions{{Size: 16}, {Size: 64, DelayCmdSubmit: true}, {}} {
		queues = append(queues, r.queue(o))
	}
	mem := buffer(t, commands*block)
	for _, write := range []bool{true, false} {
		clear(mem)
		var cs []*command
		for i := range commands {
			q, c, p := queues[i%len(queues)], newCommand(), mem[i*block:(i+1)*block]
			lba := uint64(i) * block / 512
			cs = append(cs, c)
			var err error
			if write {
				fill(p, uint64(i)*block, 9)
				err = q.Write(ns, &c.Request, p, lba, block/512, 0)
			} else {
				err = q.Read(ns, &c.Request, p, lba, block/512, 0)
			}
			r.must(err)
		}
		for i, c := range cs {
			queues[i%len(queues)].wait(c)
			if s := c.Status(); s.IsError() {
				t.Fatalf("command %d: %v", i, s)
			}
		}
	}
	check(t, "read back", mem, 0, 9)
	for _, q := range queues {
		if s := q.Stats(); s.Bad != 0 || s.Submitted != s.Completions {
			t.Errorf("%+v", s)
		}
	}
}
