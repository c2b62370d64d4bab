// SPDX-License-Identifier: BSD-3-Clause

package rpc

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/gospdk/gospdk/log"
)

// request is a request as it came.
type request struct {
	method string
	params json.RawMessage
	id     json.RawMessage // nil for a notification, which has no answer
	err    *Error          // what is wrong with it
}

// response is the answer to one request.
type response struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Error   *Error          `json:"error,omitempty"`
	Result  any             `json:"result,omitempty"`
}

var null = json.RawMessage("null")

// maxBatch is how many requests one array may hold.
const maxBatch = 1024

// parseRequests reads one value of the stream: a request or a batch.
func parseRequests(raw []byte) (all []*request, batch bool, err *Error) {
	if !json.Valid(raw) {
		var v any
		return nil, false, Errorf(ParseError, "Parse error: %v", json.Unmarshal(raw, &v))
	}
	if raw[0] != '[' {
		return []*request{parseRequest(raw)}, false, nil
	}
	var items []json.RawMessage
	if e := json.Unmarshal(raw, &items); e != nil {
		return nil, false, Errorf(ParseError, "Parse error: %v", e)
	}
	if len(items) == 0 || len(items) > maxBatch {
		return nil, false, Errorf(InvalidRequest, "Invalid request: a batch has 1 to %d requests, this one %d", maxBatch, len(items))
	}
	for _, i := range items {
		all = append(all, parseRequest(i))
	}
	return all, true, nil
}

func parseRequest(raw json.RawMessage) *request {
	r := &request{id: null}
	bad := func(format string, args ...any) *request {
		r.err = Errorf(InvalidRequest, "Invalid request: "+format, args...)
		return r
	}
	if raw[0] != '{' {
		return bad("it is %s, not an object", kindOf(raw))
	}
	members, err := membersOf(raw)
	if err != nil {
		return bad("%v", err)
	}
	seen := map[string]json.RawMessage{}
	for _, m := range members {
		switch m.name {
		case "jsonrpc", "method", "params", "id":
		default:
			return bad("unknown member %q", m.name)
		}
		if seen[m.name] != nil {
			return bad("member %q is given twice", m.name)
		}
		seen[m.name] = m.value
	}
	if id := seen["id"]; id == nil {
		r.id = nil
	} else if id[0] == '{' || id[0] == '[' || id[0] == 't' || id[0] == 'f' {
		return bad("id is %s: it must be a string, a number or null", id)
	} else {
		r.id = id
	}
	if v := seen["jsonrpc"]; v != nil && string(v) != `"2.0"` {
		return bad(`jsonrpc is %s: it must be "2.0" or left out`, v)
	}
	if v := seen["method"]; v == nil || json.Unmarshal(v, &r.method) != nil {
		return bad("there is no method name")
	}
	if v := seen["params"]; v != nil && string(v) != "null" {
		if v[0] != '{' && v[0] != '[' {
			return bad("params is %s: it must be an object", kindOf(v))
		}
		r.params = v
	}
	return r
}

// answer carries a request out; nil if it wants no answer.
func (s *Server) answer(ctx context.Context, q *request) *response {
	a := &response{Version: "2.0", ID: q.id, Error: q.err}
	if q.err == nil {
		s.logRequest(q)
		result, err := s.reg.Call(ctx, q.method, q.params)
		if err != nil {
			a.Error = asError(err)
		} else if a.Result = result; result == nil {
			a.Result = null
		}
		if flag.Enabled() && a.Error != nil {
			flag.Debugf("%s: error %d: %s", q.method, a.Error.Code, a.Error.Message)
		}
	}
	if q.id == nil && q.err == nil {
		return nil
	}
	return a
}

func (s *Server) logRequest(q *request) {
	if !flag.Enabled() && s.opts.Log == nil {
		return
	}
	line := fmt.Sprintf("%s %s", q.method, s.reg.Redact(q.method, q.params))
	flag.Debugf("request: %s", line)
	if s.opts.Log != nil {
		if _, err := fmt.Fprintln(s.opts.Log, line); err != nil {
			log.Errorf("writing the log of requests: %v", err)
		}
	}
}

// encode turns an answer into bytes.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err == nil {
		return append(b, '\n')
	}
	log.Errorf("an RPC result cannot be encoded: %v", err)
	id := null
	if r, ok := v.(*response); ok {
		id = r.ID
	}
	b, _ = json.Marshal(&response{Version: "2.0", ID: id, Error: Errorf(InternalError, "Internal error: the result cannot be encoded: %v", err)})
	return append(b, '\n')
}
