// SPDX-License-Identifier: BSD-3-Clause

package app

import (
	"context"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/rpc"
)

type levelParams struct {
	Level log.Level `json:"level" rpc:"required" enum:"ERROR,WARNING,NOTICE,INFO,DEBUG" doc:"most detailed level to let through"`
}

type flagParams struct {
	Flag string `json:"flag" rpc:"required" doc:"component, as log_get_flags lists them, or all"`
}

type timestampParams struct {
	Enabled bool `json:"enabled" rpc:"required" doc:"whether lines begin with the time"`
}

func registerLog(r *rpc.Registry) {
	rpc.Register(r, "log_set_print_level", func(_ context.Context, p levelParams) (rpc.True, error) {
		log.SetPrintLevel(p.Level)
		return true, nil
	}, rpc.Always(), rpc.Doc("Sets up to which level lines are printed."))
	rpc.Register(r, "log_get_print_level", func(context.Context, none) (string, error) {
		return log.PrintLevel().String(), nil
	}, rpc.Always(), rpc.Doc("Returns up to which level lines are printed."))
	rpc.Register(r, "log_set_level", func(_ context.Context, p levelParams) (rpc.True, error) {
		log.SetLevel(p.Level)
		return true, nil
	}, rpc.Always(), rpc.Doc("Sets up to which level lines go to the log handler (syslog)."))
	rpc.Register(r, "log_get_level", func(context.Context, none) (string, error) {
		return log.GetLevel().String(), nil
	}, rpc.Always(), rpc.Doc("Returns up to which level lines go to the log handler (syslog)."))
	rpc.Register(r, "log_set_flag", func(_ context.Context, p flagParams) (rpc.True, error) {
		return true, badFlag(log.SetFlag(p.Flag))
	}, rpc.Always(), rpc.Doc("Turns the lines of a component on."))
	rpc.Register(r, "log_clear_flag", func(_ context.Context, p flagParams) (rpc.True, error) {
		return true, badFlag(log.ClearFlag(p.Flag))
	}, rpc.Always(), rpc.Doc("Turns the lines of a component off."))
	rpc.Register(r, "log_get_flags", func(context.Context, none) (map[string]bool, error) {
		flags := map[string]bool{}
		for _, f := range log.Flags() {
			flags[f] = log.FlagEnabled(f)
		}
		return flags, nil
	}, rpc.Always(), rpc.Doc("Lists the components with whether their lines are on."))
	rpc.Register(r, "log_enable_timestamps", func(_ context.Context, p timestampParams) (rpc.True, error) {
		log.EnableTimestamps(p.Enabled)
		return true, nil
	}, rpc.Doc("Turns the time at the beginning of lines on or off."))
}

func badFlag(err error) error {
	if err != nil {
		return rpc.Errorf(rpc.InvalidParams, "invalid log flag: %v", err)
	}
	return nil
}
