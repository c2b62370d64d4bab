// SPDX-License-Identifier: BSD-3-Clause

// Package wire is what a test and the agent in its guest say to each other
// over a virtio-serial port: lines, each a JSON value.
package wire

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"sync"
)

// Port names the virtio-serial port.
const Port = "gospdk.agent"

// Operations of a Request.
const (
	Ping   = "ping"   // answered by an empty last Reply
	Run    = "run"    // runs Args; Replies carry the output, the last one the exit code
	Signal = "signal" // sends Signal to what request Target runs, and to its children
	Write  = "write"  // writes Data to Path, at its end if Append is set
	Read   = "read"   // Replies carry what Path holds
	Reboot = "reboot" // restarts the machine; no answer
)

// Request goes to the agent.
type Request struct {
	ID     uint64
	Op     string
	Args   []string `json:",omitempty"`
	Path   string   `json:",omitempty"`
	Data   []byte   `json:",omitempty"`
	Append bool     `json:",omitempty"`
	Mode   uint32   `json:",omitempty"`
	Target uint64   `json:",omitempty"`
	Signal int      `json:",omitempty"`
}

// Streams of a Reply.
const (
	Stdout = 1
	Stderr = 2
)

// Reply comes from the agent. A request has any number of them; the last one
// has Done set.
type Reply struct {
	ID     uint64
	Stream int    `json:",omitempty"`
	Data   []byte `json:",omitempty"`
	Done   bool   `json:",omitempty"`
	Code   int    `json:",omitempty"` // exit code; 128 and the signal's number after a signal
	Err    string `json:",omitempty"` // the request could not be carried out
}

// maxLine is more than the longest line: a piece of a file of 256 KiB.
const maxLine = 1 << 20

// Reader reads values. A machine that is reset may stop in the middle of a
// line: what is not a whole value is passed over.
type Reader[T any] struct {
	in *bufio.Reader
}

// NewReader returns a Reader of r.
func NewReader[T any](r io.Reader) *Reader[T] {
	return &Reader[T]{bufio.NewReaderSize(r, maxLine)}
}

// Next reads one value. The error is that of reading.
func (r *Reader[T]) Next() (T, error) {
	for {
		line, err := r.in.ReadSlice('\n')
		for errors.Is(err, bufio.ErrBufferFull) { // longer than any value
			line = nil
			_, err = r.in.ReadSlice('\n')
		}
		var value T
		if err != nil {
			return value, err
		}
		if len(line) > 1 && json.Unmarshal(line, &value) == nil {
			return value, nil
		}
	}
}

// Writer writes values. Any goroutine may use it.
type Writer struct {
	mu  sync.Mutex
	out io.Writer
}

// NewWriter returns a Writer to w.
func NewWriter(w io.Writer) *Writer { return &Writer{out: w} }

// Write writes one value.
func (w *Writer) Write(value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	// An earlier line may have been left unfinished.
	line := append(append(make([]byte, 0, len(text)+2), '\n'), text...)
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err = w.out.Write(append(line, '\n'))
	return err
}
