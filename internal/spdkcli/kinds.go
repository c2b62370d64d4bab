// SPDX-License-Identifier: BSD-3-Clause

package spdkcli

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/rpc"
)

// kind is how the text of a value is read.
type kind string

const (
	text     kind = ""         // as it is
	number   kind = "number"   // a whole number, decimal or hexadecimal
	decimal  kind = "decimal"  // a number
	boolean  kind = "bool"     // true, yes, on, 1 and their opposites
	inverse  kind = "not"      // a boolean whose opposite the method takes
	mebis    kind = "mib"      // a size that becomes num_blocks
	bdevName kind = "bdev"     // name of a block device
	bdevs    kind = "bdevs"    // names of block devices with spaces between them
	list     kind = "list"     // texts with spaces or commas between them
	numbers  kind = "numbers"  // numbers likewise
	file     kind = "file"     // path of a file, for the target
	lvstore  kind = "lvs"      // name or UUID of a lvol store
	luns     kind = "luns"     // bdev:lun pairs
	groupMap kind = "maps"     // portal group:initiator group pairs
	portals  kind = "portals"  // address:port pairs
	secret   kind = "secret"   // as it is, but not kept in the history
	secrets  kind = "secrets"  // user:NAME secret:TEXT …, several with commas between them
	nqn      kind = "nqn"      // NQN, or "discovery"
	anything kind = "anything" // JSON, or else a text
	nodePath kind = "path"     // of a node
	cmdName  kind = "command"  // name of a command
)

// reader is what is known about a kind.
type reader struct {
	doc     string
	read    func(p *param, s string) (any, error)
	members []string // that values of the kind choose among
}

var kinds = map[kind]reader{
	text:     {doc: "a text", read: asText},
	number:   {doc: "a whole number", read: asNumber},
	decimal:  {doc: "a number", read: func(p *param, s string) (any, error) { return asDecimal(s) }},
	boolean:  {doc: "true or false", read: asBool},
	inverse:  {doc: "true or false", read: asInverse},
	mebis:    {doc: "a size in MiB, or with K, M, G or T", read: asText, members: []string{"num_blocks"}},
	bdevName: {doc: "name of a block device", read: asText},
	bdevs:    {doc: `names of block devices, as in "A B"`, read: asList},
	list:     {doc: `texts with spaces between them, as in "A B"`, read: asList},
	numbers:  {doc: `numbers with spaces between them, as in "1 2"`, read: asNumbers},
	file:     {doc: "path of a file", read: asText},
	lvstore:  {doc: "name or UUID of a lvol store", read: asText, members: []string{"lvs_name", "uuid"}},
	luns:     {doc: `BDEV:LUN pairs, as in "Malloc0:0 Malloc1:1"`, read: pairs(func(a, b string) (any, error) { return object2("bdev_name", a, "lun_id", b, false) })},
	groupMap: {doc: `PORTAL_GROUP:INITIATOR_GROUP pairs, as in "1:2 1:3"`, read: pairs(func(a, b string) (any, error) { return object2("pg_tag", a, "ig_tag", b, true) })},
	portals:  {doc: `ADDRESS:PORT pairs, as in "10.0.0.1:3260 10.0.0.2:3260"`, read: pairs(asPortal)},
	secret:   {doc: "a secret", read: asText},
	secrets:  {doc: `"user:NAME secret:TEXT muser:NAME msecret:TEXT", several with commas between them`, read: asSecrets},
	nqn:      {doc: `an NQN, or "discovery"`, read: asNQN},
	anything: {doc: "JSON or a text", read: func(_ *param, s string) (any, error) { return asAnything(s), nil }},
	nodePath: {doc: "path of a node", read: asText},
	cmdName:  {doc: "name of a command", read: asText},
}

// kindOf returns how a parameter of the target's is read.
func kindOf(p *rpc.Param) kind {
	switch p.Kind() {
	case rpc.Boolean:
		return boolean
	case rpc.Integer:
		return number
	case rpc.Number:
		return decimal
	case rpc.Array:
		switch p.ElementKind() {
		case rpc.String:
			if strings.Contains(p.Name, "bdevs") {
				return bdevs
			}
			return list
		case rpc.Integer:
			return numbers
		}
		return anything
	case rpc.Object, rpc.Any:
		return anything
	}
	switch name := p.Name; {
	case name == "bdev_name" || name == "base_bdev_name" || name == "base_bdev" || name == "base_name":
		return bdevName
	case strings.HasSuffix(name, "filename") || strings.HasSuffix(name, "_file"):
		return file
	}
	return text
}

func asText(_ *param, s string) (any, error) { return s, nil }

func asNumber(p *param, s string) (any, error) {
	base := 10
	if digits := strings.ToLower(strings.TrimPrefix(s, "-")); strings.HasPrefix(digits, "0x") {
		base = 0
	}
	n, ok := new(big.Int).SetString(s, base)
	if !ok {
		if p.about != nil {
			return nil, fmt.Errorf("it must be %s", p.about.Describe())
		}
		return nil, errors.New("it must be a whole number")
	}
	return json.Number(n.String()), nil
}

func asDecimal(s string) (any, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, errors.New("it must be a number")
	}
	return f, nil
}

// asBool also takes the parameter's name: spdkcli's tests create read-only
// controllers by "readonly".
func asBool(p *param, s string) (any, error) {
	switch strings.ToLower(s) {
	case "true", "yes", "y", "on", "1", p.name:
		return true, nil
	case "false", "no", "n", "off", "0":
		return false, nil
	}
	return nil, errors.New("it must be true or false")
}

func asInverse(p *param, s string) (any, error) {
	b, err := asBool(p, s)
	if err != nil {
		return nil, err
	}
	return !b.(bool), nil
}

func fields(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' })
}

func asList(_ *param, s string) (any, error) {
	if strings.HasPrefix(strings.TrimSpace(s), "[") {
		var all []string
		if err := json.Unmarshal([]byte(s), &all); err != nil {
			return nil, errors.New("it must be texts with spaces between them, or a JSON array of strings")
		}
		return all, nil
	}
	return append([]string{}, fields(s)...), nil
}

func asNumbers(p *param, s string) (any, error) {
	all := []any{}
	for _, f := range fields(strings.Trim(s, "[] ")) {
		n, err := asNumber(&param{}, f)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", f, err)
		}
		all = append(all, n)
	}
	return all, nil
}

// pairs reads A:B with spaces between several. The last colon divides: there
// are others in IPv6 addresses.
func pairs(one func(a, b string) (any, error)) func(*param, string) (any, error) {
	return func(_ *param, s string) (any, error) {
		all := []any{}
		for _, f := range strings.Fields(s) {
			i := strings.LastIndexByte(f, ':')
			if i < 0 {
				return nil, fmt.Errorf("%q: there is no colon in it", f)
			}
			v, err := one(f[:i], f[i+1:])
			if err != nil {
				return nil, fmt.Errorf("%q: %w", f, err)
			}
			all = append(all, v)
		}
		return all, nil
	}
}

// object2 makes an object of two members, of which the second is a number, and
// the first too if both is set.
func object2(name1, value1, name2, value2 string, both bool) (any, error) {
	second, err := asNumber(&param{}, value2)
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w", name2, value2, err)
	}
	var first any = value1
	if both {
		if first, err = asNumber(&param{}, value1); err != nil {
			return nil, fmt.Errorf("%s %q: %w", name1, value1, err)
		}
	}
	return map[string]any{name1: first, name2: second}, nil
}

// asPortal leaves out the CPU mask that portals had once, as spdkcli does.
func asPortal(host, port string) (any, error) {
	port, _, _ = strings.Cut(port, "@")
	if port == "" || host == "" {
		return nil, errors.New("it must be ADDRESS:PORT")
	}
	return map[string]any{"host": host, "port": port}, nil
}

func asSecrets(_ *param, s string) (any, error) {
	all := []any{}
	for _, group := range strings.Split(s, ",") {
		one := map[string]any{}
		for _, f := range strings.Fields(group) {
			name, value, ok := strings.Cut(f, ":")
			switch name {
			case "user", "secret", "muser", "msecret":
			default:
				ok = false
			}
			if !ok {
				return nil, errors.New("it must be user:NAME secret:TEXT, and muser:NAME msecret:TEXT if both sides shall prove who they are")
			}
			one[name] = value
		}
		if len(one) > 0 {
			all = append(all, one)
		}
	}
	return all, nil
}

func asNQN(_ *param, s string) (any, error) {
	if s == "discovery" {
		return "nqn.2014-08.org.nvmexpress.discovery", nil
	}
	return s, nil
}

func asAnything(s string) any {
	if json.Valid([]byte(s)) {
		return json.RawMessage(s)
	}
	return s
}

// bytesOf reads a size. Without a unit it is in MiB.
func bytesOf(s string) (uint64, error) {
	digits, unit := s, float64(1<<20)
	if s != "" {
		if i := strings.IndexByte("KMGT", s[len(s)-1]&^0x20); i >= 0 {
			digits, unit = s[:len(s)-1], float64(uint64(1)<<(10*(i+1)))
		}
	}
	f, err := strconv.ParseFloat(digits, 64)
	const limit = 1 << 63
	if err != nil || !(f > 0) || f*unit >= limit {
		return 0, errors.New("it must be a number of MiB above 0, such as 64, or 512K or 1G")
	}
	return uint64(f * unit), nil
}

// lvstoreMember tells by which member a lvol store is named.
func lvstoreMember(s string) string {
	if len(s) == 36 && uuid.Validate(s) == nil {
		return "uuid"
	}
	return "lvs_name"
}
