// SPDX-License-Identifier: BSD-3-Clause

package nvme

import "bytes"

// Text returns a text field of Identify data: what stands before the first zero
// byte, without the spaces around it.
func Text(p []byte) string {
	if i := bytes.IndexByte(p, 0); i >= 0 {
		p = p[:i]
	}
	return string(bytes.Trim(p, " "))
}

// PutText fills p with s padded with spaces, as the fields SN, MN and FR want.
// What does not fit is cut off.
func PutText(p []byte, s string) {
	for i := copy(p, s); i < len(p); i++ {
		p[i] = ' '
	}
}
