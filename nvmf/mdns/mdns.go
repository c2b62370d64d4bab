// SPDX-License-Identifier: BSD-3-Clause

// Package mdns announces discovery services of NVMe-oF by multicast DNS (RFC
// 6762) and DNS service discovery (RFC 6763), as the service _nvme-disc._tcp
// (NVMe TP 8009).
//
// The instance and the host name of a service have the name of the machine in
// them, so that they are no other machine's, and none is probed for.
package mdns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvmf"
)

var flag = log.Flag("nvmf_mdns")

// announceGap is between the two announcements of a change (RFC 6762, 8.3).
const announceGap = time.Second

// Announcer implements nvmf.Announcer on all interfaces of the machine.
type Announcer struct{}

var _ nvmf.Announcer = Announcer{}

// responder answers questions about services until it is closed.
type responder struct {
	machine string // first label of the machine's name
	links   []link // a socket for each family
	readers sync.WaitGroup

	mu       sync.Mutex
	services []nvmf.Service
	again    *time.Timer // second announcement
}

// Announce implements nvmf.Announcer.
func (Announcer) Announce(_ context.Context, services []nvmf.Service) (nvmf.Announcement, error) {
	machine, err := machineName()
	if err != nil {
		return nil, err
	}
	r := &responder{machine: machine}
	var errs []error
	for _, open := range []func() (link, error){openIPv4, openIPv6} {
		l, err := open()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		r.links = append(r.links, l)
	}
	if len(r.links) == 0 {
		return nil, fmt.Errorf("mdns: no interface for multicast; is another program at port 5353 without sharing it? %w", errors.Join(errs...))
	}
	for _, l := range r.links {
		r.readers.Go(func() { r.read(l) })
	}
	r.Update(services)
	return r, nil
}

// machineName is the first label of the host name.
func machineName() (string, error) {
	name, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("mdns: %w", err)
	}
	name, _, _ = strings.Cut(name, ".")
	if len(name) > 48 { // with what comes before, a label
		name = name[:48]
	}
	return name, nil
}

// Update implements nvmf.Announcement: what has come is announced, and what
// has gone is taken back.
func (r *responder) Update(services []nvmf.Service) {
	r.mu.Lock()
	before := r.services
	r.services = services
	if r.again != nil {
		r.again.Stop()
	}
	r.again = time.AfterFunc(announceGap, func() { r.announce(r.now(), false) })
	r.mu.Unlock()
	kept := map[string]bool{}
	for _, s := range services {
		kept[s.Name] = true
	}
	var gone []nvmf.Service
	for _, s := range before {
		if !kept[s.Name] {
			gone = append(gone, s)
		}
	}
	r.announce(gone, true)
	r.announce(services, false)
}

// Close implements nvmf.Announcement.
func (r *responder) Close() error {
	r.mu.Lock()
	services := r.services
	r.services = nil
	r.again.Stop()
	r.mu.Unlock()
	r.announce(services, true)
	var errs []error
	for _, l := range r.links {
		errs = append(errs, l.Close())
	}
	r.readers.Wait()
	return errors.Join(errs...)
}

func (r *responder) now() []nvmf.Service {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.services
}

// announce tells all interfaces of services, or that they are gone.
func (r *responder) announce(services []nvmf.Service, gone bool) {
	ifaces, err := net.Interfaces()
	if err != nil {
		log.Warnf("mdns: %v", err)
		return
	}
	for i := range ifaces {
		z := r.zoneOn(&ifaces[i], services)
		msg, err := z.announcement(gone)
		if err != nil {
			log.Warnf("mdns: %v", err)
			return
		}
		if msg == nil {
			continue
		}
		for _, l := range r.links {
			if err := l.send(msg, ifaces[i].Index, nil); err != nil {
				flag.Debugf("%s: %v", ifaces[i].Name, err)
			}
		}
	}
}

// read answers what comes to a socket until that is closed.
func (r *responder) read(l link) {
	buf := make([]byte, 9000)
	for {
		n, index, from, err := l.receive(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			log.Warnf("mdns: the announcements have no answers any more: %v", err)
			return
		}
		iface, err := net.InterfaceByIndex(index)
		if err != nil {
			continue // gone since
		}
		msg, unicast := r.zoneOn(iface, r.now()).answer(buf[:n], from.Port != port)
		if msg == nil {
			continue
		}
		to := from
		if !unicast {
			to = nil
		}
		if err := l.send(msg, index, to); err != nil {
			flag.Debugf("%s: %v", iface.Name, err)
		}
	}
}
