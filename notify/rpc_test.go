// SPDX-License-Identifier: BSD-3-Clause

package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/gospdk/gospdk/notify"
	"github.com/gospdk/gospdk/rpc"
)

// TestRPC compares answers with those that SPDK's target gives for the same
// calls.
func TestRPC(t *testing.T) {
	l, r := notify.New(), rpc.NewRegistry()
	l.RegisterRPC(r)
	r.SetState(rpc.StateRuntime)
	l.RegisterType("bdev_register")
	l.RegisterType("bdev_resize")
	for _, name := range []string{"A", "B", "C"} {
		l.Send("bdev_register", name)
	}
	for _, test := range []struct{ method, params, want string }{
		{"notify_get_types", ``, `["bdev_register","bdev_resize"]`},
		{"notify_get_types", `{}`, `["bdev_register","bdev_resize"]`},
		{"notify_get_notifications", `{"id":1,"max":1}`, `[{"type":"bdev_register","ctx":"B","id":1}]`},
		{"notify_get_notifications", `{"id":2}`, `[{"type":"bdev_register","ctx":"C","id":2}]`},
		{"notify_get_notifications", `{"max":0}`, `[]`},
		{"notify_get_notifications", `{"id":1000}`, `[]`},
	} {
		got, err := r.Call(context.Background(), test.method, json.RawMessage(test.params))
		if err != nil {
			t.Errorf("%s %s: %v", test.method, test.params, err)
			continue
		}
		if text, _ := json.Marshal(got); string(text) != test.want {
			t.Errorf("%s %s = %s, want %s", test.method, test.params, text, test.want)
		}
	}
	all, _ := r.Call(context.Background(), "notify_get_notifications", nil)
	if text, _ := json.Marshal(all); len(text) < 100 {
		t.Errorf("all notifications: %s", text)
	}
	_, err := r.Call(context.Background(), "notify_get_notifications", json.RawMessage(`{"id":-1}`))
	if e, ok := errors.AsType[*rpc.Error](err); !ok || e.Code != rpc.InvalidParams {
		t.Errorf("a negative identifier: %v", err)
	}
	empty := rpc.NewRegistry()
	empty.SetState(rpc.StateRuntime)
	notify.New().RegisterRPC(empty)
	if got, _ := empty.Call(context.Background(), "notify_get_types", nil); got == nil {
		t.Error("no types are null, not an empty array")
	}
}
