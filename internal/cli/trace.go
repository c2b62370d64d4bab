// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gospdk/gospdk/trace"
)

type traceFlags struct {
	program string
	pid, id int
	file    string
	lcore   int
	json    bool
}

func (a *app) traceCommand() *cobra.Command {
	f := new(traceFlags)
	cmd := &cobra.Command{
		Use:   "trace",
		Short: "Show what the tracepoints of a target have recorded",
		Long: `trace shows the last records of each thread's ring, in the order of their time:
of the target that runs, or from a file that one has left or that was copied
from /dev/shm. Files of SPDK's programs can be read, and spdk_trace reads those
of gospdk.

An object, such as an I/O, has a letter and a number; the column AGE tells how
long it has been there. Points are turned on by --tpoint-group of the target, or
while it runs by trace_enable_tpoint_group.`,
		Example: `  gospdk tgt --tpoint-group bdev,nvmf_tcp &
  gospdk trace
  gospdk rpc trace_enable_tpoint_group thread
  gospdk trace -p 4711 --json
  gospdk trace -f /dev/shm/spdk_tgt_trace.pid4711`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := f.path(cmd)
			if err != nil {
				return err
			}
			all, err := trace.Read(path)
			if err != nil {
				return err
			}
			return a.printTrace(all, f)
		},
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.program, "app", "s", "", "name of the program that records, such as spdk_tgt (default: any)")
	fl.IntVarP(&f.pid, "pid", "p", 0, "its process id")
	fl.IntVarP(&f.id, "shm-id", "i", -1, "its --shm-id")
	fl.StringVarP(&f.file, "file", "f", "", "file to read")
	fl.IntVarP(&f.lcore, "core", "c", -1, "show this ring alone, by its number")
	fl.BoolVarP(&f.json, "json", "j", false, "print JSON")
	cmd.MarkFlagsMutuallyExclusive("pid", "shm-id", "file")
	_ = cmd.MarkFlagFilename("file") // fails for unknown flags only
	return cmd
}

// path finds the file: the one that is named, or the only one that fits.
func (f *traceFlags) path(cmd *cobra.Command) (string, error) {
	if f.file != "" {
		return f.file, nil
	}
	end := "*"
	switch {
	case cmd.Flags().Changed("pid"):
		end = "pid" + strconv.Itoa(f.pid)
	case cmd.Flags().Changed("shm-id"):
		end = strconv.Itoa(f.id)
	}
	program := f.program
	if program == "" {
		program = "*"
	}
	found, err := filepath.Glob("/dev/shm/" + program + "_trace." + end)
	switch {
	case err != nil:
		return "", usagef("--app %q: %v", f.program, err)
	case len(found) == 0:
		return "", fmt.Errorf("no program records: there is no /dev/shm/%s_trace.%s; start one, or name a file with --file", program, end)
	case len(found) > 1:
		return "", fmt.Errorf("there are several; choose one with --pid or --file: %s", strings.Join(found, ", "))
	}
	return found[0], nil
}

func (a *app) printTrace(all []trace.Record, f *traceFlags) error {
	rows := [][]cell{{{text: "TIME µs"}, {text: "CORE"}, {text: "THREAD"}, {text: "POINT"}, {text: "OWNER"}, {text: "OBJECT"}, {text: "SIZE"}, {text: "AGE µs"}, {text: "ARGUMENTS"}}}
	out := []traceRecord{}
	for _, r := range all {
		if f.lcore >= 0 && r.Lcore != f.lcore {
			continue
		}
		if f.json {
			out = append(out, asTraceRecord(r))
			continue
		}
		size, age := "", ""
		if r.Size > 0 {
			size = strconv.Itoa(int(r.Size))
		}
		if r.Age >= 0 {
			age = micros(r.Age)
		}
		rows = append(rows, []cell{{text: micros(r.Time)}, {text: strconv.Itoa(r.Lcore)}, {text: r.Thread}, {text: r.Point}, {text: r.Owner}, {text: r.Object}, {text: size}, {text: age}, {text: arguments(r.Args)}})
	}
	if f.json {
		e := json.NewEncoder(a.out)
		e.SetIndent("", "  ")
		return e.Encode(out)
	}
	if len(rows) == 1 {
		fmt.Fprintln(a.err, "Nothing has been recorded. Turn points on with gospdk rpc trace_enable_tpoint_group.")
		return nil
	}
	return a.printTable(a.out, rows)
}

func micros(d time.Duration) string { return fmt.Sprintf("%.3f", float64(d)/1000) }

func arguments(args []trace.Arg) string {
	var all []string
	for _, arg := range args {
		all = append(all, arg.Name+"="+argument(arg))
	}
	return strings.Join(all, " ")
}

func argument(a trace.Arg) string {
	switch {
	case a.Text != "":
		return strconv.Quote(a.Text)
	case a.Pointer:
		return fmt.Sprintf("%#x", a.Value)
	}
	return strconv.FormatUint(a.Value, 10)
}

// traceRecord is a record in JSON.
type traceRecord struct {
	Time   float64           `json:"time_us"`
	Lcore  int               `json:"lcore"`
	Thread string            `json:"thread"`
	Point  string            `json:"tpoint"`
	Owner  string            `json:"owner,omitempty"`
	Object string            `json:"object,omitempty"`
	Size   uint32            `json:"size,omitempty"`
	Age    *float64          `json:"age_us,omitempty"`
	Args   map[string]string `json:"args,omitempty"`
}

func asTraceRecord(r trace.Record) traceRecord {
	out := traceRecord{Time: float64(r.Time) / 1000, Lcore: r.Lcore, Thread: r.Thread, Point: r.Point, Owner: r.Owner, Object: r.Object, Size: r.Size}
	if r.Age >= 0 {
		age := float64(r.Age) / 1000
		out.Age = &age
	}
	for _, a := range r.Args {
		if out.Args == nil {
			out.Args = map[string]string{}
		}
		out.Args[a.Name] = argument(a)
	}
	return out
}
