// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"encoding/json"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"
)

// QMP is QEMU's monitor (QEMU, docs/interop/qmp-spec.rst).
type QMP struct {
	conn net.Conn
	one  sync.Mutex // held by a command, of which there is one at a time

	mu     sync.Mutex // guards what follows
	more   *sync.Cond
	next   int // number of the last command
	reply  *qmpMessage
	events []qmpMessage
	err    error
}

type qmpMessage struct {
	ID       int             `json:"id"`
	Greeting json.RawMessage `json:"QMP"`
	Return   json.RawMessage `json:"return"`
	Error    *struct {
		Class string `json:"class"`
		Desc  string `json:"desc"`
	} `json:"error"`
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
}

func newQMP(conn net.Conn) (*QMP, error) {
	q := &QMP{conn: conn}
	q.more = sync.NewCond(&q.mu)
	go q.receive()
	return q, q.execute("qmp_capabilities", nil, nil)
}

func (q *QMP) receive() {
	in := json.NewDecoder(q.conn)
	for {
		var m qmpMessage
		err := in.Decode(&m)
		q.mu.Lock()
		switch {
		case err != nil:
			q.err = fmt.Errorf("QMP: %w", err)
		case m.Event != "":
			q.events = append(q.events, m)
		case m.ID == q.next: // not one that was given up
			q.reply = &m
		}
		q.more.Broadcast()
		q.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (q *QMP) close() { _ = q.conn.Close() }

// wait returns what take finds, which is asked whenever something came.
func (q *QMP) wait(limit time.Duration, take func() bool) error {
	end := time.Now().Add(limit)
	timer := time.AfterFunc(limit, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.more.Broadcast()
	})
	defer timer.Stop()
	q.mu.Lock()
	defer q.mu.Unlock()
	for !take() {
		if q.err != nil {
			return q.err
		}
		if !time.Now().Before(end) {
			return fmt.Errorf("not within %v", limit)
		}
		q.more.Wait()
	}
	return nil
}

const qmpTime = 30 * time.Second

func (q *QMP) execute(command string, args, into any) error {
	q.one.Lock()
	defer q.one.Unlock()
	q.mu.Lock()
	q.next++
	q.reply = nil
	request := map[string]any{"execute": command, "id": q.next}
	q.mu.Unlock()
	if args != nil {
		request["arguments"] = args
	}
	if err := json.NewEncoder(q.conn).Encode(request); err != nil {
		return fmt.Errorf("QMP %s: %w", command, err)
	}
	var m *qmpMessage
	err := q.wait(qmpTime, func() bool {
		m = q.reply
		return m != nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("QMP %s: %w", command, err)
	case m.Error != nil:
		return fmt.Errorf("QMP %s: %s: %s", command, m.Error.Class, m.Error.Desc)
	case into != nil:
		if err := json.Unmarshal(m.Return, into); err != nil {
			return fmt.Errorf("QMP %s returned %s: %w", command, m.Return, err)
		}
	}
	return nil
}

// Execute runs a command with its arguments (nil for none) and decodes what
// it returns (into nil: nothing).
func (q *QMP) Execute(t testing.TB, command string, args, into any) {
	t.Helper()
	if err := q.execute(command, args, into); err != nil {
		t.Fatal(err)
	}
}

// WaitEvent waits for an event, also one that has come already, and takes it
// off the list. match may be nil.
func (q *QMP) WaitEvent(t testing.TB, name string, match func(data json.RawMessage) bool, limit time.Duration) json.RawMessage {
	t.Helper()
	var data json.RawMessage
	err := q.wait(limit, func() bool {
		for i, e := range q.events {
			if e.Event == name && (match == nil || match(e.Data)) {
				data = e.Data
				q.events = append(q.events[:i:i], q.events[i+1:]...)
				return true
			}
		}
		return false
	})
	if err != nil {
		t.Fatalf("QMP event %s: %v", name, err)
	}
	return data
}

// QMP returns QEMU's monitor.
func (vm *VM) QMP(testing.TB) *QMP { return vm.qmp }

// DeviceAdd plugs a device in: driver, id, bus and its properties.
func (vm *VM) DeviceAdd(t testing.TB, properties map[string]any) {
	t.Helper()
	vm.qmp.Execute(t, "device_add", properties, nil)
}

// DeviceDel asks the guest for a device and waits until it is out.
func (vm *VM) DeviceDel(t testing.TB, id string) {
	t.Helper()
	vm.qmp.Execute(t, "device_del", map[string]any{"id": id}, nil)
	vm.qmp.WaitEvent(t, "DEVICE_DELETED", func(data json.RawMessage) bool {
		var d struct{ Device string }
		return json.Unmarshal(data, &d) == nil && d.Device == id
	}, time.Minute)
}
