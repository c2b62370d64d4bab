// SPDX-License-Identifier: BSD-3-Clause

package doctor

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Style is how a report looks.
type Style struct {
	// Paint colours a text that stands for a level; nil leaves it plain.
	Paint func(Level, string) string
	// Width is that of the terminal in characters; 0 does not break lines.
	Width int
}

// Print writes the report as text: a line for each finding, and below it the
// commands that mend it.
func (r *Report) Print(w io.Writer, s Style) error {
	if s.Paint == nil {
		s.Paint = func(_ Level, text string) string { return text }
	}
	out := bufio.NewWriter(w)
	fmt.Fprintln(out, r.heading())
	const level = 9 // "problem" and two spaces
	column := 0
	for _, f := range r.Findings {
		column = max(column, utf8.RuneCountInString(f.What)+2)
	}
	indent := strings.Repeat(" ", level+column)
	for _, f := range r.Findings {
		fmt.Fprintf(out, "%s%-*s", s.Paint(f.Level, fmt.Sprintf("%-*s", level, f.Level)), column, f.What)
		for i, line := range wrap(f.Why, s.Width-level-column) {
			if i > 0 {
				fmt.Fprint(out, indent)
			}
			fmt.Fprintln(out, line)
		}
		for _, c := range f.Fix {
			// Commands stay on one line, so that they can be copied.
			fmt.Fprintf(out, "%s$ %s\n", indent, c)
		}
	}
	fmt.Fprintln(out, s.Paint(r.Level, r.verdict()))
	return out.Flush()
}

func (r *Report) heading() string {
	parts := []string{}
	for _, s := range []string{r.Distro, "Linux " + r.Kernel, "user " + r.User} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if r.Container != "" {
		parts = append(parts, r.Container+" container")
	}
	return strings.Join(parts, ", ")
}

func (r *Report) verdict() string {
	ready := 0
	for _, c := range r.Controllers {
		if c.Ready {
			ready++
		}
	}
	controllers := fmt.Sprintf("%d of %d NVMe controllers handed to user space", ready, len(r.Controllers))
	switch r.Level {
	case Problem:
		return "User-space I/O to devices does not work yet; " + controllers + "."
	case Warning:
		return "User-space I/O works; " + controllers + "."
	}
	return "All is well; " + controllers + "."
}

// wrap breaks a text into lines of at most width characters; words that are
// longer have lines of their own. A width below 20 does not break.
func wrap(text string, width int) []string {
	if width < 20 {
		return []string{text}
	}
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}
