// SPDX-License-Identifier: BSD-3-Clause

package identify

import (
	"fmt"
	"io"
	"strings"

	"github.com/gospdk/gospdk/nvme"
)

// Widths of the column of names, as users of spdk_nvme_identify know them.
const (
	wide   = 39
	narrow = 29
)

// text writes the report and keeps the first error.
type text struct {
	w     io.Writer
	width int // of the column of names
	dump  bool
	err   error
}

func (t *text) printf(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format, args...)
	}
}

// section starts a section: a title, underlined.
func (t *text) section(width int, title string) {
	t.width = width
	t.printf("%s\n%s\n", title, strings.Repeat("=", len(title)))
}

// field writes one line; name ends with its colon where it has one.
func (t *text) field(name, format string, args ...any) {
	t.printf("%-*s"+format+"\n", append([]any{t.width, name}, args...)...)
}

func (t *text) line() { t.printf("\n") }

func (t *text) supported(name string, on bool) { t.choice(name, on, "Supported", "Not Supported") }

func (t *text) yesNo(name string, on bool) { t.choice(name, on, "Yes", "No") }

func (t *text) choice(name string, on bool, yes, no string) {
	if on {
		t.field(name, "%s", yes)
	} else {
		t.field(name, "%s", no)
	}
}

// bit is a capability and its name.
type bit struct {
	name string
	mask uint32
}

// bits writes a line for each capability in v.
func (t *text) bits(v uint32, all []bit) {
	for _, b := range all {
		t.supported(b.name, v&b.mask != 0)
	}
}

// hexDump writes raw data, 16 bytes a line, if it was asked for.
func (t *text) hexDump(p []byte) {
	if !t.dump {
		return
	}
	for i := 0; i < len(p); i += 16 {
		row := p[i:min(i+16, len(p))]
		chars := make([]byte, len(row))
		for j, c := range row {
			if chars[j] = c; c < 0x20 || c > 0x7e {
				chars[j] = '.'
			}
		}
		t.printf("%08x: % -47x  %s\n", i, row, chars)
	}
	t.line()
}

// str returns the text of a field. A terminal obeys control characters, so
// what the controller has of them becomes dots.
func str(p []byte) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e {
			return '.'
		}
		return r
	}, nvme.Text(p))
}

func kelvin(v uint16) string { return fmt.Sprintf("%d Kelvin (%d Celsius)", v, int(v)-273) }
