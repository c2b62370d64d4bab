// SPDX-License-Identifier: BSD-3-Clause

package spdkcli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/gospdk/gospdk/rpc"
	"github.com/gospdk/gospdk/rpc/client"
)

// target is the connection to a target. It is made when it is needed, and
// again when the target has been away.
type target struct {
	dial func(context.Context) (*client.Client, error)
	c    *client.Client // nil: not connected
}

// connect returns the connection and the methods that may be called now. They
// are asked for in any case: that tells a connection that has ended.
func (t *target) connect(ctx context.Context) (c *client.Client, methods map[string]bool, err error) {
	fresh := t.c == nil
	if fresh {
		if t.c, err = t.dial(ctx); err != nil {
			return nil, nil, err
		}
	}
	var names []string
	err = t.c.Call(ctx, "rpc_get_methods", map[string]bool{"current": true}, &names)
	if err != nil && !answered(err) {
		t.close()
		if !fresh && ctx.Err() == nil {
			return t.connect(ctx)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	methods = make(map[string]bool, len(names))
	for _, n := range names {
		methods[n] = true
	}
	return t.c, methods, nil
}

// call calls a method over the connection that connect made.
func (t *target) call(ctx context.Context, method string, params any) (result json.RawMessage, err error) {
	if t.c == nil {
		return nil, fmt.Errorf("%s: the connection to the target has ended; the next command connects again", method)
	}
	err = t.c.Call(ctx, method, params, &result)
	if err != nil && !answered(err) {
		t.close()
	}
	return result, explain(err)
}

// answered tells whether an error is the target's answer, so that the
// connection is as it was.
func answered(err error) bool {
	_, ok := errors.AsType[*rpc.Error](err)
	return ok
}

func (t *target) close() {
	if t.c != nil {
		_ = t.c.Close() // it has ended, or nobody needs it any more
		t.c = nil
	}
}

// advice says what to do about an error of the target, by its errno.
var advice = map[syscall.Errno]string{
	syscall.ENODEV: "ls shows what there is",
	syscall.ENOENT: "ls shows what there is",
	syscall.EEXIST: "choose another name, or delete what has this one",
	syscall.EBUSY:  "something uses it: delete that first",
	syscall.EPERM:  "something may have claimed it: ls shows who is",
	syscall.ENOMEM: "the target is short of memory, or of that many blocks",
	syscall.EINVAL: "help and the command's name show what it takes",
}

// explain adds code and advice to an error of the target, and says of a lost
// connection that it can be made again.
func explain(err error) error {
	e, ok := errors.AsType[*rpc.Error](err)
	switch {
	case ok && e.Code == rpc.InvalidParams && strings.Contains(e.Message, "arameter"):
		return fmt.Errorf("%w (code %d); help and the command's name show what it takes", err, e.Code)
	case ok:
		if no, is := e.Errno(); is && advice[no] != "" {
			return fmt.Errorf("%w (code %d); %s", err, e.Code, advice[no])
		}
		return fmt.Errorf("%w (code %d)", err, e.Code)
	case errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET):
		return fmt.Errorf("%w; the next command connects again", err)
	}
	return err
}
