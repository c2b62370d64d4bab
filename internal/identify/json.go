// SPDX-License-Identifier: BSD-3-Clause

package identify

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/nvme"
)

// PrintJSON writes reports as one JSON array. Names are the specification's
// acronyms in lower case, values are as the structures hold them (0's based
// values stay 0's based).
func PrintJSON(w io.Writer, reports []*Report) error {
	out := make([]map[string]any, len(reports))
	for i, r := range reports {
		out[i] = r.tree()
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}

func (r *Report) tree() map[string]any {
	m := map[string]any{
		"name":      r.Name,
		"transport": r.Trid.String(),
		"registers": map[string]any{
			"cap": fmt.Sprintf("%#x", uint64(r.CAP)), "vs": r.Version.String(), "cmbsz": uint32(r.CMBSZ), "pmrcap": uint32(r.PMRCAP),
			"max_queue_entries": r.CAP.MaxQueueEntries(), "timeout_ms": r.CAP.TimeoutMS(), "doorbell_stride": r.CAP.DoorbellStride(),
			"min_page_size": r.CAP.MinPageSize(), "max_page_size": r.CAP.MaxPageSize(),
		},
		"num_io_queues": r.NumIOQueues,
		"controller":    fields(reflect.ValueOf(r.Controller).Elem()),
		"features":      featureTree(r.Features),
		"error_log":     r.errorTree(),
	}
	if r.Health != nil {
		health := fields(reflect.ValueOf(r.Health).Elem())
		delete(health, "ctemp") // unaligned, so bytes
		health["temperature"] = r.Health.Temperature()
		m["health"] = health
	}
	if r.Firmware != nil {
		m["firmware"] = fields(reflect.ValueOf(r.Firmware).Elem())
	}
	if r.Effects != nil {
		m["effects"] = map[string]any{"admin": effectTree(&r.Effects.Admin), "io": effectTree(&r.Effects.IO)}
	}
	if r.ANA != nil {
		m["ana"] = r.ANA
	}
	if r.Discovery != nil {
		m["discovery_log"] = newDiscoveryLog(r.Discovery)
	}
	if r.Pages != nil {
		pages := make([]int, len(r.Pages))
		for i, p := range r.Pages {
			pages[i] = int(p)
		}
		m["supported_log_pages"] = pages
	}
	var all []map[string]any
	for _, ns := range r.Namespaces {
		all = append(all, ns.tree())
	}
	m["namespaces"] = all
	return m
}

func (n *Namespace) tree() map[string]any {
	m := map[string]any{
		"nsid": n.ID, "csi": n.CSI, "block_size": n.Data.BlockSize(), "metadata_size": n.Data.MetadataSize(),
		"size": n.Data.NSZE * uint64(n.Data.BlockSize()), "data": fields(reflect.ValueOf(n.Data).Elem()),
		"features": featureTree(n.Features),
	}
	if n.UUID != [16]byte{} {
		m["uuid"] = uuid.UUID(n.UUID).String()
	}
	for _, s := range n.Extra {
		extra := map[string]string{}
		for _, f := range s.Fields {
			extra[f.Name] = f.Value
		}
		m[s.Title] = extra
	}
	return m
}

// errorTree lists the entries that are used.
func (r *Report) errorTree() []any {
	list := []any{}
	for i := range r.Errors {
		if r.Errors[i].ErrorCount != 0 {
			list = append(list, fields(reflect.ValueOf(&r.Errors[i]).Elem()))
		}
	}
	return list
}

func featureTree(f map[nvme.FeatureID]uint32) map[string]uint32 {
	m := map[string]uint32{}
	for id, v := range f {
		m[fmt.Sprintf("%#02x", uint8(id))] = v
	}
	return m
}

func effectTree(e *[256]nvme.CommandEffects) map[string]uint32 {
	m := map[string]uint32{}
	for op, v := range e {
		if v&nvme.EffectSupported != 0 {
			m[fmt.Sprintf("%#02x", op)] = uint32(v)
		}
	}
	return m
}

// asText are fields of bytes that hold text.
var asText = map[string]bool{"SN": true, "MN": true, "FR": true, "SUBNQN": true, "FRS": true}

// fields turns a structure of package nvme into a map. Reserved and vendor
// specific parts are left out, arrays end with their last entry that is not
// zero.
func fields(v reflect.Value) map[string]any {
	m := map[string]any{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() || f.Name == "VS" {
			continue
		}
		m[snake(f.Name)] = value(f.Name, v.Field(i))
	}
	return m
}

// snake turns SQID into sqid and PowerOnHours into power_on_hours.
func snake(name string) string {
	var b strings.Builder
	for i, c := range name {
		if i > 0 && unicode.IsUpper(c) && i+1 < len(name) && unicode.IsLower(rune(name[i+1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

func value(name string, v reflect.Value) any {
	if t, ok := v.Interface().(fmt.Stringer); ok && v.Kind() != reflect.Struct {
		return t.String()
	}
	switch v.Kind() {
	case reflect.Struct:
		return fields(v)
	case reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			p := make([]byte, v.Len())
			reflect.Copy(reflect.ValueOf(p), v)
			if asText[name] {
				return str(p)
			}
			return fmt.Sprintf("%x", p)
		}
		n := v.Len()
		for n > 0 && v.Index(n-1).IsZero() {
			n--
		}
		list := make([]any, n)
		for i := range list {
			list[i] = value(name, v.Index(i))
		}
		return list
	}
	return v.Interface()
}
