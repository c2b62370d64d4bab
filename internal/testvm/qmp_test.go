// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// monitor plays QEMU: it greets, and answers each command with what answer
// returns.
func monitor(t *testing.T, answer func(command string, id int, arguments json.RawMessage) string) *QMP {
	t.Helper()
	here, there := net.Pipe()
	t.Cleanup(func() { there.Close() })
	go func() {
		fmt.Fprint(there, `{"QMP": {"version": {}, "capabilities": ["oob"]}}`+"\r\n")
		for in := json.NewDecoder(there); ; {
			var c struct {
				Execute   string
				ID        int
				Arguments json.RawMessage
			}
			if in.Decode(&c) != nil {
				return
			}
			reply := fmt.Sprintf(`{"return": {}, "id": %d}`, c.ID)
			if c.Execute != "qmp_capabilities" {
				reply = answer(c.Execute, c.ID, c.Arguments)
			}
			if _, err := io.WriteString(there, reply+"\r\n"); err != nil {
				return
			}
		}
	}()
	q, err := newQMP(here)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.close)
	return q
}

func TestQMP(t *testing.T) {
	q := monitor(t, func(command string, id int, arguments json.RawMessage) string {
		switch command {
		case "echo":
			return fmt.Sprintf(`{"event": "RESET", "data": {"n": 1}, "timestamp": {}}
				{"return": "too late", "id": %d} {"return": %s, "id": %d}`, id-1, arguments, id)
		case "device_del":
			return fmt.Sprintf(`{"return": {}, "id": %d} {"event": "DEVICE_DELETED", "data": {"path": "/x"}} {"event": "DEVICE_DELETED", "data": {"device": "n1", "path": "/y"}}`, id)
		}
		return fmt.Sprintf(`{"error": {"class": "CommandNotFound", "desc": "no %s"}, "id": %d}`, command, id)
	})
	for range 2 {
		var got struct{ Device string }
		q.Execute(t, "echo", map[string]string{"device": "nvme"}, &got)
		if got.Device != "nvme" {
			t.Errorf("the command returned %q", got.Device)
		}
	}
	if err := q.execute("nonsense", nil, nil); err == nil || err.Error() != "QMP nonsense: CommandNotFound: no nonsense" {
		t.Errorf("an unknown command: %v", err)
	}
	if err := q.execute("echo", "text", new(int)); err == nil {
		t.Error("a string was decoded as a number")
	}
	// Events wait until they are asked for, each once, the first one first.
	for range 3 {
		if data := q.WaitEvent(t, "RESET", nil, time.Minute); string(data) != `{"n": 1}` {
			t.Errorf("the event holds %s", data)
		}
	}
	if err := q.wait(0, func() bool { return len(q.events) > 0 }); err == nil {
		t.Error("an event was not taken off the list")
	}
	vm := &VM{qmp: q}
	vm.DeviceDel(t, "n1")
}

func TestQMPEnds(t *testing.T) {
	for name, text := range map[string]string{"hangs up": "", "noise": "what?\n"} {
		t.Run(name, func(t *testing.T) {
			here, there := net.Pipe()
			go func() {
				go io.Copy(io.Discard, there)
				_, _ = io.WriteString(there, text)
				there.Close()
			}()
			if _, err := newQMP(here); err == nil || !strings.HasPrefix(err.Error(), "QMP qmp_capabilities: ") {
				t.Errorf("newQMP: %v", err)
			}
		})
	}
}

// FuzzQMP has the monitor say anything and hang up: a command ends with its
// answer or an error.
func FuzzQMP(f *testing.F) {
	f.Add([]byte(`{"QMP": {}}{"return": {}, "id": 1}{"event": "STOP"}`))
	f.Add([]byte(`{"error": {"class": "x", "desc": "y"}, "id": 1}`))
	f.Add([]byte(`{"return": null, "error": null, "id": 1}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		here, there := net.Pipe()
		go func() {
			go io.Copy(io.Discard, there)
			_, _ = there.Write(text)
			there.Close()
		}()
		q, err := newQMP(here)
		if err == nil {
			_ = q.execute("query-status", nil, new(map[string]any))
		}
		q.close()
	})
}
