// SPDX-License-Identifier: BSD-3-Clause

package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// overHTTP carries each request in a POST.
type overHTTP struct {
	client *http.Client
	url    *url.URL
	token  string
}

func (h *overHTTP) roundTrip(ctx context.Context, ids []uint64, request []byte) (json.RawMessage, error) {
	u := *h.url
	u.User = nil
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(request))
	if err != nil {
		return nil, err
	}
	q.Header.Set("Content-Type", "application/json")
	if user := h.url.User; user != nil {
		password, _ := user.Password()
		q.SetBasicAuth(user.Username(), password)
	} else if h.token != "" {
		q.Header.Set("Authorization", "Bearer "+h.token)
	}
	resp, err := h.client.Do(q)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	// A target that has seen the connection end may have answered yet.
	if cause := context.Cause(ctx); cause != nil {
		return nil, cause
	}
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 && resp.StatusCode < 300 {
		return nil, nil
	}
	if !json.Valid(body) {
		text := strings.TrimSpace(string(body))
		if len(text) > 200 {
			text = text[:200]
		}
		return nil, fmt.Errorf("HTTP status %s: %s", resp.Status, text)
	}
	return body, nil
}

func (h *overHTTP) close() error {
	h.client.CloseIdleConnections()
	return nil
}
