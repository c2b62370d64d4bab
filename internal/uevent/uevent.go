// SPDX-License-Identifier: BSD-3-Clause

// Package uevent hears what the kernel tells about devices that come, go and
// change (Linux, lib/kobject_uevent.c).
package uevent

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// Event is one message of the kernel.
type Event struct {
	Action    string // add, remove, bind, unbind, change, move, online, offline
	DevPath   string // in sysfs, without /sys: "/devices/pci0000:00/0000:00:04.0"
	Subsystem string // pci, uio, nvme, block, …
	Vars      map[string]string
}

// Synthetic tells that somebody asked for the event by writing to a file
// named uevent, as udevadm trigger does: nothing has happened.
func (e *Event) Synthetic() bool { return e.Vars["SYNTH_UUID"] != "" }

// ErrNotKernel is returned for the messages that udev sends to its own
// listeners.
var ErrNotKernel = errors.New("the message is not the kernel's")

// Parse parses a message: "ACTION@DEVPATH", then NAME=VALUE, each ended by a
// zero byte. Where variables say again what the header says, they must agree.
func Parse(msg []byte) (Event, error) {
	if bytes.HasPrefix(msg, []byte("libudev\x00")) {
		return Event{}, ErrNotKernel
	}
	header, rest, ended := bytes.Cut(msg, []byte{0})
	action, path, found := strings.Cut(string(header), "@")
	if !ended || !found || action == "" || !strings.HasPrefix(path, "/") {
		return Event{}, fmt.Errorf("uevent %.80q: it does not start with ACTION@/PATH", header)
	}
	e := Event{Action: action, DevPath: path, Vars: make(map[string]string)}
	for len(rest) > 0 {
		var field []byte
		if field, rest, ended = bytes.Cut(rest, []byte{0}); !ended {
			return Event{}, fmt.Errorf("uevent %.80q: variable %.80q is cut short", header, field)
		}
		name, value, found := strings.Cut(string(field), "=")
		if !found || name == "" {
			return Event{}, fmt.Errorf("uevent %.80q: %.80q is not NAME=VALUE", header, field)
		}
		e.Vars[name] = value
	}
	for name, want := range map[string]string{"ACTION": action, "DEVPATH": path} {
		if v, ok := e.Vars[name]; ok && v != want {
			return Event{}, fmt.Errorf("uevent %.80q: %s is %.80q", header, name, v)
		}
	}
	e.Subsystem = e.Vars["SUBSYSTEM"]
	return e, nil
}
