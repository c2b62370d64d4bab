// SPDX-License-Identifier: BSD-3-Clause

// Code generated from the registered methods (make docs). DO NOT EDIT.

package client

import (
	"context"
)

// NotifyGetNotifications calls notify_get_notifications. Returns the notifications with an identifier of id or more. The latest 1024 are kept.
func (c *Client) NotifyGetNotifications(ctx context.Context, p NotifyGetNotificationsParams) ([]NotifyGetNotificationsResult, error) {
	return Call[[]NotifyGetNotificationsResult](ctx, c, "notify_get_notifications", p)
}

// NotifyGetNotificationsParams are the parameters of notify_get_notifications.
type NotifyGetNotificationsParams struct {
	ID  *uint64 `json:"id,omitempty"`  // identifier of the first one; they count from 0; default 0
	Max *uint64 `json:"max,omitempty"` // how many at most; default 18446744073709551615
}

// NotifyGetNotificationsResult is a result, or a part of one.
type NotifyGetNotificationsResult struct {
	Type string `json:"type"`
	Ctx  string `json:"ctx"`
	ID   uint64 `json:"id"`
}

// NotifyGetTypes calls notify_get_types. Lists the types of notifications.
func (c *Client) NotifyGetTypes(ctx context.Context) ([]string, error) {
	return Call[[]string](ctx, c, "notify_get_types", nil)
}
