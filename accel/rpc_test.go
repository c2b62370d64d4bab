// SPDX-License-Identifier: BSD-3-Clause

package accel_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/accel"
	"github.com/gospdk/gospdk/accel/software"
	"github.com/gospdk/gospdk/rpc"
)

// TestRPC calls every method. What SPDK answers has been read from its own
// program.
func TestRPC(t *testing.T) {
	f := accel.New()
	if err := f.AddModule(software.New()); err != nil {
		t.Fatal(err)
	}
	reg := rpc.NewRegistry()
	f.RegisterRPC(reg)
	const key = `"key":"00112233445566778899aabbccddeeff"`
	const key2 = `"key2":"ffeeddccbbaa99887766554433221100"`
	ops := []string{"copy", "fill", "dualcast", "compare", "crc32c", "copy_crc32c", "compress", "decompress", "encrypt", "decrypt", "xor",
		"dif_verify", "dif_verify_copy", "dif_generate", "dif_generate_copy", "dix_generate", "dix_verify"}
	for _, test := range []struct {
		method, params, want string
		code                 int // of the error, whose message has want in it
	}{
		{"accel_set_options", `{"task_count":7}`, "Invalid argument", -22},
		{"accel_set_options", `{"task_count":-1}`, "task_count", -32602},
		{"accel_set_options", `{"task_count":8,"small_cache_size":64}`, `true`, 0},
		{"accel_set_driver", `{"name":"mlx5"}`, "No such device", -19},
		{"accel_set_driver", `{"name":""}`, `true`, 0},
		{"accel_set_driver", ``, `true`, 0},
		{"accel_assign_opc", `{"opname":"dance","module":"software"}`, "spdk_json_decode_object failed: opname", -32602},
		{"accel_assign_opc", `{"opname":"copy"}`, `"module"`, -32602},
		{"accel_assign_opc", `{"opname":"copy","module":"software"}`, `true`, 0},
		{"", "", "", 0}, // the start
		{"accel_get_module_info", ``, `[{"module":"software","supported ops":["` + strings.Join(ops, `","`) + `"]}]`, 0},
		{"accel_get_opc_assignments", ``, `{"` + strings.Join(ops, `":"software","`) + `":"software"}`, 0},
		{"accel_get_opc_assignments", `{"x":1}`, "requires no parameters", -32602},
		{"accel_crypto_keys_get", ``, `[]`, 0},
		{"accel_crypto_key_create", `{"name":"k","cipher":"AES_XTS",` + key + `}`, "failed to create DEK, rc -22", -32602},
		{"accel_crypto_key_create", `{"name":"k","cipher":"AES_XTS",` + key + `,"key2":"00112233445566778899aabbccddeeff"}`, "failed to create DEK, rc -22", -32602},
		{"accel_crypto_key_create", `{"name":"k","cipher":"DES",` + key + `}`, `cipher`, -32602},
		{"accel_crypto_key_create", `{"name":"k","cipher":"AES_XTS",` + key + `,` + key2 + `}`, `true`, 0},
		{"accel_crypto_key_create", `{"name":"k","cipher":"AES_XTS",` + key + `,` + key2 + `}`, `failed to create DEK, rc -17`, -32602},
		{"accel_crypto_key_create", `{"name":"c","cipher":"AES_CBC","tweak_mode":"SIMPLE_LBA",` + key + `}`, `true`, 0},
		{"accel_crypto_keys_get", ``, `[{"name":"k","cipher":"AES_XTS",` + key + `,` + key2 + `,"tweak_mode":"SIMPLE_LBA"},{"name":"c","cipher":"AES_CBC",` + key + `,"tweak_mode":"SIMPLE_LBA"}]`, 0},
		{"accel_crypto_keys_get", `{"key_name":"c"}`, `[{"name":"c","cipher":"AES_CBC",` + key + `,"tweak_mode":"SIMPLE_LBA"}]`, 0},
		{"accel_crypto_keys_get", `{"key_name":"z"}`, "key was not found", -32602},
		{"accel_crypto_key_destroy", `{"key_name":"z"}`, "No key object found", -32602},
		{"accel_crypto_key_destroy", `{"key_name":"c"}`, `true`, 0},
		{"accel_get_stats", ``, `{"sequence_executed":0,"sequence_failed":0,"sequence_outstanding":0,"task_outstanding":0,"operations":[],"retry_task":0,"retry_sequence":0,"retry_iobuf":0,"retry_bufdesc":0}`, 0},
		{"accel_assign_opc", `{"opname":"copy","module":"software"}`, "", -1},
	} {
		if test.method == "" {
			if err := f.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			reg.SetState(rpc.StateRuntime)
			continue
		}
		result, rerr := reg.Call(t.Context(), test.method, json.RawMessage(test.params))
		err, _ := errors.AsType[*rpc.Error](rerr)
		got, jerr := json.Marshal(result)
		if jerr != nil {
			t.Fatal(jerr)
		}
		switch {
		case test.code != 0:
			if err == nil || err.Code != test.code || !strings.Contains(err.Message, test.want) {
				t.Errorf("%s %s: %s %+v, want code %d, %s", test.method, test.params, got, err, test.code, test.want)
			}
			if err != nil && strings.Contains(err.Message, "2233") {
				t.Errorf("%s: the message shows the key: %s", test.method, err.Message)
			}
		case err != nil || string(got) != test.want:
			t.Errorf("%s %s:\n got %s %v\nwant %s", test.method, test.params, got, err, test.want)
		}
	}
	testSave(t, f)
}

// testSave saves what TestRPC has set, and loads it again.
func testSave(t *testing.T, f *accel.Framework) {
	t.Helper()
	const key = `"key":"00112233445566778899aabbccddeeff"`
	const key2 = `"key2":"ffeeddccbbaa99887766554433221100"`
	saved, err := json.Marshal(f.SaveConfig())
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"method":"accel_set_options","params":{"small_cache_size":64,"large_cache_size":16,"task_count":8,"sequence_count":2048,"buf_count":2048}},` +
		`{"method":"accel_assign_opc","params":{"opname":"copy","module":"software"}},` +
		`{"method":"accel_crypto_key_create","params":{"name":"k","cipher":"AES_XTS",` + key + `,` + key2 + `,"tweak_mode":"SIMPLE_LBA"}}]`
	if string(saved) != want {
		t.Errorf("saved\n     %s\nwant %s", saved, want)
	}
	// A saved configuration can be loaded.
	g := accel.New()
	if err := g.AddModule(software.New()); err != nil {
		t.Fatal(err)
	}
	reg := rpc.NewRegistry()
	g.RegisterRPC(reg)
	var calls []struct {
		Method string
		Params json.RawMessage
	}
	if err := json.Unmarshal(saved, &calls); err != nil {
		t.Fatal(err)
	}
	for i, c := range calls {
		if i == 2 {
			if err := g.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			reg.SetState(rpc.StateRuntime)
		}
		if _, err := reg.Call(t.Context(), c.Method, c.Params); err != nil {
			t.Errorf("%s: %v", c.Method, err)
		}
	}
	again, err := json.Marshal(g.SaveConfig())
	if err != nil || string(again) != want {
		t.Errorf("saved again %s: %v", again, err)
	}
}
