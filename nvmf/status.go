// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/nvme"
)

// statusOf is what a host is told of an error of a block device. Errors that
// would come again get the Do Not Retry bit.
func statusOf(s bdev.Status) nvme.Status {
	sct, sc := s.NVMe()
	st := nvme.NewStatus(nvme.SCT(sct), sc)
	switch s {
	case bdev.StatusInvalid, bdev.StatusOutOfRange, bdev.StatusLength, bdev.StatusMisaligned,
		bdev.StatusUnsupported, bdev.StatusReadOnly:
		return st.WithDNR()
	}
	return st
}
