// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/host/pcie"
)

// transport reaches the functions of the guest.
var transport host.Transport = pcie.Transport{}
