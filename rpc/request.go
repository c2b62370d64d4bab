// SPDX-License-Identifier: BSD-3-Clause

package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/gospdk/gospdk/log"
)

// request is a request as it came.
type request struct {
	method string
	params json.RawMessage
	id     json.RawMessage // nil for a notification
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
			return bad("unknown member %q: allowed are jsonrpc, method, params and id", m.name)
		}
		if seen[m.name] != nil {
			return bad("member %q is given twice", m.name)
		}
		seen[m.name] = m.value
	}
	if id := seen["id"]; id == nil {
		r.id = nil
	} else if id[0] == '{' || id[0] == '[' || id[0] == 't' || id[0] == 'f' {
		return bad("id is %s: it must be a string, a number or null", kindOf(id))
	} else {
		r.id = id
	}
	if v := seen["jsonrpc"]; v != nil && string(v) != `"2.0"` {
		return bad(`jsonrpc is %s: it must be "2.0" or left out`, short(v))
	}
	if v := seen["method"]; v == nil || v[0] != '"' || json.Unmarshal(v, &r.method) != nil {
		return bad("method is missing: it must be a method's name")
	}
	if v := seen["params"]; v != nil && string(v) != "null" {
		if v[0] != '{' && v[0] != '[' {
			return bad("params is %s: it must be an object", kindOf(v))
		}
		r.params = v
	}
	return r
}

// wanted tells whether a result is to be sent. SPDK takes an id of null for
// none; and it sends errors in any case.
func (q *request) wanted() bool { return q.id != nil && string(q.id) != "null" }

// answer carries a request out and returns what is to be sent, nil for
// nothing.
func (s *Server) answer(ctx context.Context, q *request) []byte {
	a := &response{Version: "2.0", ID: q.id, Error: q.err}
	if a.ID == nil {
		a.ID = null
	}
	if q.err == nil {
		s.logRequest(q)
		result, err := s.reg.Call(ctx, q.method, q.params)
		if err != nil {
			a.Error = asError(err)
		} else if a.Result = result; result == nil {
			a.Result = null
		}
	}
	if a.Error != nil {
		flag.Debugf("%s: error %d: %s", q.method, a.Error.Code, a.Error.Message)
	} else if !q.wanted() {
		return nil
	}
	return encode(a)
}

func (s *Server) logRequest(q *request) {
	if !flag.Enabled() && s.opts.Log == nil {
		return
	}
	line := fmt.Sprintf("%s %s", q.method, s.reg.Redact(q.method, q.params))
	flag.Debugf("request: %s", line)
	if s.opts.Log != nil {
		s.logMu.Lock()
		defer s.logMu.Unlock()
		if _, err := fmt.Fprintln(s.opts.Log, line); err != nil {
			log.Errorf("writing the log of requests: %v", err)
		}
	}
}

// batch carries out requests in order, except that those that may wait run
// beside the ones after them. It returns their answers together, nil if none
// wants one.
func (s *Server) batch(ctx func(*request) context.Context, all []*request) []byte {
	answers := make([][]byte, len(all))
	var wg sync.WaitGroup
	for i, q := range all {
		if m, ok := s.reg.Lookup(q.method); ok && m.Concurrent && q.err == nil {
			wg.Go(func() { answers[i] = s.answer(ctx(q), q) })
		} else {
			answers[i] = s.answer(ctx(q), q)
		}
	}
	wg.Wait()
	var b bytes.Buffer
	for _, a := range answers {
		if a = bytes.TrimSuffix(a, []byte("\n")); len(a) > 0 {
			if b.Len() > 0 {
				b.WriteByte(',')
			}
			b.Write(a)
		}
	}
	if b.Len() == 0 {
		return nil
	}
	return []byte("[" + b.String() + "]\n")
}

// fail is the answer to what is no request.
func fail(err *Error) []byte {
	return encode(&response{Version: "2.0", ID: null, Error: err})
}

// encode turns an answer into bytes.
func encode(a *response) []byte {
	b, err := marshal(a)
	if err == nil {
		return b
	}
	log.Errorf("an RPC result cannot be encoded: %v", err)
	b, _ = marshal(&response{Version: "2.0", ID: a.ID, Error: Errorf(InternalError, "Internal error: the result cannot be encoded: %v", err)})
	return b
}

// marshal is json.Marshal that writes texts as they are, with a line feed at
// the end. A result is a handler's, so it may panic too.
func marshal(v any) (out []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			log.Errorf("encoding an RPC result: panic: %v\n%s", p, debug.Stack())
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err = e.Encode(v)
	return b.Bytes(), err
}
