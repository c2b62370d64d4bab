// SPDX-License-Identifier: BSD-3-Clause

package notify

import (
	"context"

	"github.com/gospdk/gospdk/rpc"
)

// RegisterRPC adds the methods that show the log.
func (l *Log) RegisterRPC(r *rpc.Registry) {
	rpc.Register(r, "notify_get_types", l.rpcTypes,
		rpc.Doc("Lists the types of notifications."))
	rpc.Register(r, "notify_get_notifications", l.rpcNotifications,
		rpc.Doc("Returns the notifications with an identifier of id or more. The latest 1024 are kept."))
}

func (l *Log) rpcTypes(context.Context, struct{}) ([]string, error) {
	return append([]string{}, l.Types()...), nil
}

type notificationsParams struct {
	ID  uint64 `json:"id" default:"0" doc:"identifier of the first one; they count from 0"`
	Max uint64 `json:"max" default:"18446744073709551615" doc:"how many at most"`
}

type notification struct {
	Type    string `json:"type"`
	Context string `json:"ctx"`
	ID      uint64 `json:"id"`
}

func (l *Log) rpcNotifications(_ context.Context, p notificationsParams) ([]notification, error) {
	list := []notification{}
	l.ForEach(p.ID, p.Max, func(id uint64, e Event) bool {
		list = append(list, notification{e.Type, e.Context, id})
		return true
	})
	return list, nil
}
