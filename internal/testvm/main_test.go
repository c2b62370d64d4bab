// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	code := m.Run()
	RemoveBuilds()
	os.Exit(code)
}
