// SPDX-License-Identifier: BSD-3-Clause

package app

import (
	"fmt"
	"os"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/trace"
)

// Trace says how tracepoints are recorded. The zero value has none.
type Trace struct {
	// Name is what the file in /dev/shm is named by, together with ID, or
	// with the process's if ID is negative.
	Name string
	ID   int
	// Entries is how many a thread's ring has, a power of two; 0 for no
	// trace.
	Entries int
	// Points are those that are on from the start, as --tpoint-group of
	// SPDK's programs names them; none if it is empty.
	Points string
}

// start makes the file. That there is no room for it matters only to who wants
// points from the start.
func (t Trace) start() error {
	if t.Entries == 0 {
		if t.Points != "" {
			log.Noticef("--tpoint-group has no effect: --num-trace-entries is 0")
		}
		return nil
	}
	trace.RemoveUnused(t.Name)
	path := trace.Path(t.Name, t.ID, os.Getpid())
	err := trace.Start(path, t.Entries)
	switch {
	case t.Points == "":
		if err != nil {
			log.Warnf("nothing can be traced: %v", err)
		}
		return nil
	case err != nil:
		return err
	}
	if err := trace.EnableAs(t.Points); err != nil {
		return fmt.Errorf("--tpoint-group: %w", err)
	}
	log.Noticef("Tracepoints %s are on. 'gospdk trace -f %s' shows what they record.", t.Points, path)
	return nil
}

// stopTrace is called when no thread runs any more.
func stopTrace() error {
	left, err := trace.Stop()
	if left != "" {
		log.Noticef("What tracepoints have recorded stays in %s; 'gospdk trace -f' shows it.", left)
	}
	return err
}
