// SPDX-License-Identifier: BSD-3-Clause

// Package log prints lines in the format that users of SPDK know:
//
//	[2026-01-31 15:04:05.123456] ctrlr.go: 123:Controller.setState: *DEBUG*: message
//
// There are two kinds of lines. [Errorf], [Warnf], [Noticef] and [Infof]
// are filtered by level. The lines of a [Component] belong to a flag, which
// is off until somebody asks for it (-L nvme); then all of them are printed,
// whatever the level. A component's check costs one atomic load:
//
//	var l = log.Flag("nvme")
//	if l.Enabled() {
//		l.Debugf("state %v", state)
//	}
//
// The guard is for hot paths only: it keeps the arguments from being
// evaluated and converted. All functions may be called from any goroutine.
package log

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Record is one line before it is formatted.
type Record struct {
	Time    time.Time
	Level   Level
	Flag    string // component's flag, empty for unflagged lines
	File    string // base name of the source file
	Line    int
	Func    string // function without its package: "Controller.init"
	Message string // without a trailing newline
}

// Append appends the line in SPDK's format, newline included.
func (r *Record) Append(b []byte) []byte {
	if !noTime.Load() {
		b = append(b, '[')
		b = r.Time.AppendFormat(b, "2006-01-02 15:04:05.000000")
		b = append(b, "] "...)
	}
	return fmt.Appendf(b, "%s:%4d:%s: *%s*: %s\n", r.File, r.Line, r.Func, r.Level, r.Message)
}

var (
	printLevel  atomic.Int32 // lines up to it go to the output
	handleLevel atomic.Int32 // lines up to it go to the handler
	handler     atomic.Pointer[func(*Record)]

	noTime atomic.Bool

	outputMu sync.Mutex
	output   io.Writer = os.Stderr
	lineBuf  []byte
)

func init() {
	printLevel.Store(int32(LevelNotice))
	handleLevel.Store(int32(LevelNotice))
}

// SetPrintLevel sets up to which level unflagged lines are printed. The
// default is LevelNotice; LevelDisabled silences everything, flagged lines
// too.
func SetPrintLevel(l Level) { printLevel.Store(int32(l)) }

// PrintLevel returns what SetPrintLevel set.
func PrintLevel() Level { return Level(printLevel.Load()) }

// SetLevel sets up to which level unflagged lines go to the handler (see
// [SetHandler]). The default is LevelNotice.
func SetLevel(l Level) { handleLevel.Store(int32(l)) }

// GetLevel returns what SetLevel set.
func GetLevel() Level { return Level(handleLevel.Load()) }

// SetOutput makes lines go to w, one Write a line, and returns what was
// there before. The default is os.Stderr.
func SetOutput(w io.Writer) (old io.Writer) {
	outputMu.Lock()
	defer outputMu.Unlock()
	old, output = output, w
	return old
}

// EnableTimestamps sets whether lines begin with the time. The default is that
// they do.
func EnableTimestamps(on bool) { noTime.Store(!on) }

// SetHandler gives every record within [SetLevel] to fn too, beside the
// output: for syslog, JSON or an embedding program's own log. The record is
// fn's to keep. nil removes the handler.
func SetHandler(fn func(*Record)) {
	if fn == nil {
		handler.Store(nil)
		return
	}
	handler.Store(&fn)
}

// Errorf logs something that failed.
func Errorf(format string, args ...any) { unflagged(LevelError, format, args) }

// Warnf logs something that works, but probably not as the user wishes.
func Warnf(format string, args ...any) { unflagged(LevelWarning, format, args) }

// Noticef logs what every user wants to see.
func Noticef(format string, args ...any) { unflagged(LevelNotice, format, args) }

// Infof logs what only some want to see.
func Infof(format string, args ...any) { unflagged(LevelInfo, format, args) }

func unflagged(level Level, format string, args []any) {
	toOutput := level <= PrintLevel()
	toHandler := level <= GetLevel() && handler.Load() != nil
	if toOutput || toHandler {
		emit(level, "", toOutput, toHandler, format, args)
	}
}

// emit must be called at a fixed depth: emit, unflagged or flagged, the
// exported function, its caller.
func emit(level Level, flag string, toOutput, toHandler bool, format string, args []any) {
	var pcs [1]uintptr
	runtime.Callers(4, pcs[:])
	frame, _ := runtime.CallersFrames(pcs[:]).Next()
	r := Record{
		Time:    time.Now(),
		Level:   level,
		Flag:    flag,
		File:    frame.File[strings.LastIndexByte(frame.File, '/')+1:],
		Line:    frame.Line,
		Func:    shortFunc(frame.Function),
		Message: strings.TrimSuffix(fmt.Sprintf(format, args...), "\n"),
	}
	if toOutput {
		write(&r)
	}
	if h := handler.Load(); toHandler && h != nil {
		(*h)(&r)
	}
}

func write(r *Record) {
	outputMu.Lock()
	defer outputMu.Unlock()
	lineBuf = r.Append(lineBuf[:0])
	// A log that cannot be written has nowhere to complain.
	_, _ = output.Write(lineBuf)
}

// decoration is what a function's name has around its words.
var decoration = strings.NewReplacer("(*", "", "(", "", ")", "", "[...]", "")

// shortFunc turns "example.org/a/b.(*T[...]).Method.func1" into "T.Method".
func shortFunc(name string) string {
	name = name[strings.LastIndexByte(name, '/')+1:]
	if i := strings.IndexByte(name, '.'); i >= 0 {
		name = name[i+1:]
	}
	name = decoration.Replace(name)
	if i := strings.Index(name, ".func"); i > 0 {
		name = name[:i]
	}
	return name
}
