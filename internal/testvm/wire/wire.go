// SPDX-License-Identifier: BSD-3-Clause

// Package wire is what a test and the agent in its guest say to each other:
// JSON values, one after the other, over a virtio-serial port.
package wire

// Port names the virtio-serial port.
const Port = "gospdk.agent"

// Operations of a Request.
const (
	Ping   = "ping"   // answered by an empty last Reply
	Run    = "run"    // runs Args; Replies carry the output, the last one the exit code
	Signal = "signal" // sends Signal to the program that request Target runs
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
