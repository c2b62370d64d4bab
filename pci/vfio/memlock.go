// SPDX-License-Identifier: BSD-3-Clause

package vfio

import (
	"fmt"
	"math"
	"os"
)

// raiseMemlock raises the limit of locked memory to what this process may
// have, and tells whether that was more.
func (s *space) raiseMemlock() bool {
	soft, hard, err := s.k.memlock()
	return err == nil && soft < hard && s.k.setMemlock(hard, hard) == nil
}

// explainMemlock explains why size bytes were not locked.
func (s *space) explainMemlock(err error, size uint64) error {
	soft, _, limitErr := s.k.memlock()
	if limitErr != nil || soft == math.MaxUint64 {
		return fmt.Errorf("%w (the limit of locked memory is not the cause: the machine or the control group is short of memory)", err)
	}
	return fmt.Errorf("%w: this process may lock %d KiB of memory, has %d KiB mapped for devices and needs %d KiB more: run \"ulimit -l unlimited\" as root before it starts, or \"prlimit --pid %d --memlock=unlimited\" now; for a service set LimitMEMLOCK=infinity, for a container --ulimit memlock=-1",
		err, soft>>10, s.mapped.Load()>>10, size>>10, os.Getpid())
}
