// SPDX-License-Identifier: BSD-3-Clause

package rpcdoc

import (
	"encoding/json"
	"reflect"
	"strings"

	"github.com/gospdk/gospdk/rpc"
)

// texts are examples of strings, by the end of the parameter's name.
var texts = []struct{ end, value string }{
	{"base_bdevs", "Disk1"}, {"base_bdev_name", "Disk1"}, {"base_bdev", "Disk1"}, {"base_name", "Disk1"}, {"src_bdev", "Disk1"},
	{"raid_bdev", "Raid0"}, {"bdev_name", "Disk0"}, {"names", "Disk0"}, {"bdev", "Disk0"},
	{"uuid", "6e3f3a3c-8a5b-4c65-9f0e-0b0f4f4f7f5e"}, {"filename", "/tmp/disk.img"}, {"path", "/tmp/file"},
	{"cpumask", "0x1"}, {"core_mask", "0x1"}, {"mappings", "1:0"}, {"key_name", "key0"}, {"key", "00112233445566778899aabbccddeeff"}, {"key2", "ffeeddccbbaa99887766554433221100"},
	{"flag", "bdev"}, {"opname", "crc32c"}, {"module", "software"}, {"alias", "alias0"},
	{"version", "SPDK v26.09"}, {"subsystem", "bdev"}, {"method", "bdev_malloc_create"},
}

// exampleText is a string for an example.
func exampleText(method, name string) string {
	if name == "name" {
		switch {
		case strings.HasPrefix(method, "bdev_raid"):
			return "Raid0"
		case strings.HasPrefix(method, "bdev"):
			return "Disk0"
		case method == "framework_get_config":
			return "bdev"
		case method == "framework_set_scheduler":
			return "dynamic"
		}
		return name + "0"
	}
	for _, t := range texts {
		if strings.HasSuffix(name, t.end) {
			return t.value
		}
	}
	return name
}

// numbers are examples of integers, by the parameter's name.
var numbers = map[string]string{
	"block_size": "512", "num_blocks": "131072", "split_count": "2", "strip_size_kb": "64", "zone_capacity": "8192", "optimal_open_zones": "1",
}

// exampleParam is a value for an example.
func exampleParam(method string, p *rpc.Param) any {
	switch {
	case p.Default != "":
		return defaultOf(p)
	case p.Kind() != rpc.Array && len(p.Enum) > 0:
		return enum(p)[0]
	}
	switch p.Kind() {
	case rpc.Boolean:
		return true
	case rpc.Integer:
		lo, _ := p.Limits()
		if n := numbers[p.Name]; n != "" {
			return json.Number(n)
		}
		if lo == "0" || strings.HasPrefix(lo, "-") {
			lo = "1"
		}
		return json.Number(lo)
	case rpc.Number:
		return 1.5
	case rpc.Array:
		element := *p
		element.Type = plain(p.Type).Elem()
		return []any{exampleParam(method, &element)}
	case rpc.Object:
		var o object
		for _, m := range p.Members {
			o.set(m.Name, exampleParam(method, m))
		}
		return o
	}
	return exampleText(method, p.Name)
}

// exampleParams are parameters for an example: those that are required, or
// all of a few.
func exampleParams(m *rpc.Method) object {
	o := object{}
	const few = 2
	for _, p := range m.Parameters {
		if p.Required || len(m.Parameters) <= few {
			o.set(p.Name, exampleParam(m.Name, p))
		}
	}
	return o
}

// exampleResult is a result for an example; ok is false if its type does not
// say what it looks like.
func exampleResult(method, name string, t reflect.Type, depth int) (v any, ok bool) {
	const deepest = 6
	t = plain(t)
	k := resultKind(t)
	switch {
	case depth > deepest, k == rpc.Any:
		return nil, false
	case k == rpc.Boolean:
		return true, true
	case k == rpc.Integer:
		if n := numbers[name]; n != "" {
			return json.Number(n), true
		}
		return 0, true
	case k == rpc.Number:
		return 0.5, true
	case k == rpc.String:
		if isUUID(t) {
			name = "uuid"
		}
		return exampleText(method, name), true
	case k == rpc.Array:
		if v, ok := exampleResult(method, name, t.Elem(), depth+1); ok {
			return []any{v}, true
		}
		return []any{}, true
	case t.Kind() == reflect.Map:
		if v, ok := exampleResult(method, name, t.Elem(), depth+1); ok {
			return object{{"key", v}}, true
		}
		return object{}, true
	}
	o := object{}
	for _, f := range fieldsOf(t) {
		if v, ok := exampleResult(method, f.name, f.typ, depth+1); ok {
			o.set(f.name, v)
		}
	}
	return o, true
}
