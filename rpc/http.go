// SPDX-License-Identifier: BSD-3-Clause

package rpc

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// ServeHTTP implements http.Handler: a request or batch is the body of a
// POST. What is no JSON is answered with 400, what needs no answer with 204,
// and everything else with 200, errors of methods too. Pages of other sites
// that a browser shows may not call methods.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "JSON-RPC requests are sent with POST", http.StatusMethodNotAllowed)
		return
	}
	if err := new(http.CrossOriginProtection).Check(r); err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	body := &struct{ io.ReadCloser }{r.Body}
	if !s.add(body, true) {
		http.Error(w, "too many requests at once", http.StatusServiceUnavailable)
		return
	}
	defer s.remove(body, true)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()

	control := http.NewResponseController(w)
	out, status := s.post(ctx, &framer{
		r: body, maxSize: s.opts.MaxRequest, maxDepth: s.opts.MaxDepth,
		deadline: control.SetReadDeadline, timeout: s.opts.ReadTimeout,
	})
	_ = control.SetWriteDeadline(time.Now().Add(s.opts.WriteTimeout)) // not every writer has one
	if out != nil {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(status)
	_, _ = w.Write(out)
}

// post carries out the body of a POST.
func (s *Server) post(ctx context.Context, f *framer) (out []byte, status int) {
	f.limitTime(true)
	raw, err := f.next()
	if errors.Is(err, io.EOF) {
		err = errors.New("the body is empty")
	}
	if err != nil {
		return fail(Errorf(ParseError, "Parse error: %v", err)), http.StatusBadRequest
	}
	raw = bytes.Clone(raw)
	f.limitTime(true)
	if _, err := f.next(); !errors.Is(err, io.EOF) {
		return fail(Errorf(ParseError, "Parse error: a POST holds one request or batch; this one holds more")), http.StatusBadRequest
	}
	f.limitTime(false) // the deadline would end the request
	all, batch, bad := parseRequests(raw)
	switch {
	case bad != nil && bad.Code == ParseError:
		return fail(bad), http.StatusBadRequest
	case bad != nil:
		return fail(bad), http.StatusOK
	case batch:
		out = s.batch(func(*request) context.Context { return ctx }, all)
	default:
		out = s.answer(ctx, all[0])
	}
	if out == nil {
		return nil, http.StatusNoContent
	}
	return out, http.StatusOK
}
