// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// maxMapCountFile says how many mappings the kernel allows a process.
const maxMapCountFile = "/proc/sys/vm/max_map_count"

// defaultMapCount is the kernel's own default of it.
const defaultMapCount = 65530

// mappings counts those of all clients. A process that has none left cannot
// go on at all, so clients together get half of what the kernel allows.
var mappings atomic.Int64

var mappingBudget = sync.OnceValue(func() int64 { return mapCount(maxMapCountFile) / 2 })

func mapCount(file string) int64 {
	b, err := os.ReadFile(file)
	if err != nil {
		return defaultMapCount
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil || n <= 0 {
		return defaultMapCount
	}
	return n
}

// takeMapping takes one of the budget; it answers false if there is none.
func takeMapping() bool {
	if mappings.Add(1) > mappingBudget() {
		mappings.Add(-1)
		return false
	}
	return true
}

func giveMapping() { mappings.Add(-1) }
