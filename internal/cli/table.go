// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"bufio"
	"io"
	"strings"
	"unicode/utf8"
)

// cell is a text in a table, with the colour that it has on a terminal.
type cell struct{ text, colour string }

// printTable writes rows with their columns aligned; the first row is the
// heading. Empty cells show a hyphen.
func (a *app) printTable(w io.Writer, rows [][]cell) error {
	var widths []int
	for _, row := range rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text), 1)
		}
	}
	out := bufio.NewWriter(w)
	for n, row := range rows {
		for i, c := range row {
			text := c.text
			if text == "" {
				text = "-"
			}
			if i+1 < len(row) {
				text += strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text)+2)
			}
			if n == 0 {
				c.colour = bold
			}
			if c.colour != "" {
				text = a.colour(w, c.colour, text)
			}
			out.WriteString(text)
		}
		out.WriteByte('\n')
	}
	return out.Flush()
}
