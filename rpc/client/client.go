// SPDX-License-Identifier: BSD-3-Clause

// Package client calls the methods of a target over JSON-RPC, gospdk's or
// SPDK's. Every method has a typed function, which is generated; Call takes
// any method by its name.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gospdk/gospdk/rpc"
)

// DefaultAddress is where targets listen unless they are told otherwise.
const DefaultAddress = "/var/tmp/spdk.sock"

// DefaultTimeout bounds a call whose context has no deadline.
const DefaultTimeout = time.Minute

// Client is a connection to a target. Its methods may be called from any
// goroutine, and calls may wait beside one another.
type Client struct {
	t       transport
	timeout time.Duration
	id      atomic.Uint64
}

// transport carries requests.
type transport interface {
	// roundTrip sends a request or batch and returns the answer to it. ids
	// are those of its requests; without any there is no answer.
	roundTrip(ctx context.Context, ids []uint64, request []byte) (json.RawMessage, error)
	close() error
}

// request is a request on the wire.
type request struct {
	Version string  `json:"jsonrpc"`
	Method  string  `json:"method"`
	Params  any     `json:"params,omitempty"`
	ID      *uint64 `json:"id,omitempty"`
}

// response is an answer on the wire.
type response struct {
	ID     *uint64         `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *rpc.Error      `json:"error"`
}

// Call calls a method. params is a struct, a map, a json.RawMessage, or nil;
// result points to what the result is decoded into, nil to ignore it. If the
// target refuses, the error wraps an *rpc.Error, so that errors.Is(err,
// syscall.ENODEV) tells why.
func (c *Client) Call(ctx context.Context, method string, params, result any) error {
	answers, err := c.send(ctx, []rpc.Call{{Method: method, Params: params}}, false)
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	return answers[0].decode(method, result)
}

// Call calls a method and returns its result.
func Call[R any](ctx context.Context, c *Client, method string, params any) (result R, err error) {
	err = c.Call(ctx, method, params, &result)
	return result, err
}

// Notify calls a method without waiting for it. That it has been sent is all
// that is known afterwards.
func (c *Client) Notify(ctx context.Context, method string, params any) error {
	b, err := json.Marshal(request{Version: "2.0", Method: method, Params: emptyToNil(params)})
	if err == nil {
		ctx, cancel := c.bound(ctx)
		defer cancel()
		_, err = c.t.roundTrip(ctx, nil, b)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	return nil
}

// Answer is the answer to one call of a batch.
type Answer struct {
	Result json.RawMessage
	Err    error // wraps an *rpc.Error
}

// Batch sends calls together. The target begins them in their order. The
// answers are in that order too.
func (c *Client) Batch(ctx context.Context, calls []rpc.Call) ([]Answer, error) {
	if len(calls) == 0 {
		return nil, nil
	}
	responses, err := c.send(ctx, calls, true)
	if err != nil {
		return nil, err
	}
	answers := make([]Answer, len(calls))
	for i, r := range responses {
		answers[i].Err = r.decode(calls[i].Method, &answers[i].Result)
	}
	return answers, nil
}

// send sends calls and returns their answers in order.
func (c *Client) send(ctx context.Context, calls []rpc.Call, batch bool) ([]*response, error) {
	requests, ids, index := make([]request, len(calls)), make([]uint64, len(calls)), map[uint64]int{}
	for i, call := range calls {
		ids[i] = c.id.Add(1)
		index[ids[i]] = i
		requests[i] = request{Version: "2.0", Method: call.Method, Params: emptyToNil(call.Params), ID: &ids[i]}
	}
	var what any = requests
	if !batch {
		what = requests[0]
	}
	b, err := json.Marshal(what)
	if err != nil {
		return nil, err
	}
	ctx, cancel := c.bound(ctx)
	defer cancel()
	raw, err := c.t.roundTrip(ctx, ids, b)
	if err != nil {
		return nil, err
	}
	var got []*response
	if got, err = parse(raw); err != nil {
		return nil, err
	}
	answers := make([]*response, len(calls))
	for _, r := range got {
		if r.ID == nil {
			if r.Error != nil {
				return nil, r.Error
			}
			continue
		}
		if i, ok := index[*r.ID]; ok {
			answers[i] = r
		}
	}
	for i, a := range answers {
		if a == nil {
			return nil, fmt.Errorf("the target has not answered request %d of %d", i+1, len(calls))
		}
	}
	return answers, nil
}

// parse reads an answer or an array of answers.
func parse(raw json.RawMessage) (all []*response, err error) {
	if len(raw) > 0 && raw[0] == '[' {
		err = json.Unmarshal(raw, &all)
	} else {
		r := new(response)
		err = json.Unmarshal(raw, r)
		all = []*response{r}
	}
	if err != nil {
		return nil, fmt.Errorf("the answer is no JSON-RPC response: %w", err)
	}
	for _, r := range all {
		if r == nil {
			return nil, errors.New("the answer is no JSON-RPC response: it holds null")
		}
	}
	return all, nil
}

// decode takes a response's result, or error.
func (r *response) decode(method string, result any) error {
	if r.Error != nil {
		return fmt.Errorf("%s: %w", method, r.Error)
	}
	if result == nil {
		return nil
	}
	if raw, ok := result.(*json.RawMessage); ok {
		*raw = r.Result
		return nil
	}
	if err := json.Unmarshal(r.Result, result); err != nil {
		return fmt.Errorf("%s: the result is not what was expected: %w", method, err)
	}
	return nil
}

// bound gives a call the client's timeout if it has none.
func (c *Client) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has || c.timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("Timeout while waiting for response: there was none within %v: %w", c.timeout, context.DeadlineExceeded))
}

// emptyToNil leaves out parameters that say nothing: SPDK's methods without
// parameters refuse even an empty object.
func emptyToNil(params any) any {
	if raw, ok := params.(json.RawMessage); params == nil || ok && len(raw) == 0 {
		return nil
	}
	b, err := json.Marshal(params)
	if err != nil {
		return params // Marshal of the whole says so
	}
	if b = bytes.TrimSpace(b); string(b) == "{}" || string(b) == "null" {
		return nil
	}
	return json.RawMessage(b)
}

// Close closes the connection. Calls that wait fail.
func (c *Client) Close() error { return c.t.close() }
