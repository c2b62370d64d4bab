// SPDX-License-Identifier: BSD-3-Clause

package menu

import (
	"fmt"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// Only attributes that every terminal has: the colours are the person's own.
const (
	bold    = "\x1b[1m"
	faint   = "\x1b[2m"
	reverse = "\x1b[7m"
	plain   = "\x1b[0m"
)

// View draws the screen.
func (m *Model) View() tea.View {
	if m.quit {
		return tea.NewView("")
	}
	v := tea.NewView(m.draw())
	v.AltScreen = true
	v.WindowTitle = "gospdk setup"
	return v
}

func (m *Model) draw() string {
	var b strings.Builder
	b.WriteString(bold + "gospdk setup" + plain + "\n\n")
	switch m.screen {
	case choosing, editing:
		m.drawFunctions(&b)
		m.drawSettings(&b)
	case previewing:
		b.WriteString("Looking at the machine …\n")
	case confirming:
		m.drawConfirm(&b)
	case working:
		b.WriteString("Working …\n\n" + faint + "ctrl+c takes back what was done" + plain + "\n")
	case finished:
		m.drawResult(&b)
	}
	return b.String()
}

func (m *Model) drawFunctions(b *strings.Builder) {
	if len(m.functions) == 0 {
		b.WriteString("  There is no NVMe, virtio, I/OAT or other function that SPDK has a driver for.\n")
	}
	first, last := m.window()
	if first > 0 {
		fmt.Fprintf(b, faint+"      … %d more above"+plain+"\n", first)
	}
	for i := first; i < last; i++ {
		b.WriteString(m.row(i) + "\n")
	}
	if rest := len(m.functions) - last; rest > 0 {
		fmt.Fprintf(b, faint+"      … %d more below"+plain+"\n", rest)
	}
}

// window returns which functions fit on the screen, around the cursor.
func (m *Model) window() (first, last int) {
	room := len(m.functions)
	if m.height > 0 {
		room = max(3, m.height-14)
	}
	if room >= len(m.functions) {
		return 0, len(m.functions)
	}
	first = max(0, min(m.cursor-room/2, len(m.functions)-room))
	return first, first + room
}

func (m *Model) row(i int) string {
	f := &m.functions[i]
	mark, why := "[ ]", Locked(f)
	switch {
	case why != "":
		mark = " - "
	case m.chosen[f.Address.String()]:
		mark = "[x]"
	}
	s := fmt.Sprintf("%s %-12s %-7s %04x %04x  %-16s %-8s %s", mark, f.Address, f.Kind, f.ID.Vendor, f.ID.Device,
		dash(f.Driver), dash(f.Controller), strings.Join(f.Blocks, " "))
	if why != "" {
		s += "  held: " + why
	}
	s = m.cut(strings.TrimRight(s, " "), 4)
	switch {
	case i == m.cursor:
		return "  " + reverse + s + plain
	case why != "":
		return "  " + faint + s + plain
	}
	return "  " + s
}

// cut shortens s to the screen, less some columns.
func (m *Model) cut(s string, less int) string {
	r := []rune(s)
	if m.width <= less || len(r) <= m.width-less {
		return s
	}
	return string(r[:m.width-less-1]) + "…"
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func (m *Model) drawSettings(b *strings.Builder) {
	d := m.drivers[m.driver]
	fmt.Fprintf(b, "\n  driver     %s (%s)\n", dash(d.Name), d.What)
	huge := strconv.Itoa(m.huge) + " MB"
	switch {
	case m.screen == editing:
		huge = reverse + m.typed + " " + plain + " MB, then enter"
	case m.options.SkipHuge:
		huge = "left alone"
	case m.options.NRHuge >= 0:
		huge = strconv.Itoa(m.options.NRHuge) + " pages"
	case m.huge == 0:
		huge = "left alone (0 MB)"
	}
	fmt.Fprintf(b, "  hugepages  %s\n\n", huge)
	if m.note != "" {
		fmt.Fprintf(b, "  %s\n\n", m.cut(m.note, 4))
	}
	m.drawKeys(b, "space choose", "a all or none", "d driver", "h hugepages", "u look again",
		"enter hand over", "r give back to the kernel", "q quit")
}

// drawKeys says what keys do, on as many lines as it takes.
func (m *Model) drawKeys(b *strings.Builder, keys ...string) {
	line := " "
	for i, k := range keys {
		if room := max(m.width, 30); i > 0 && m.width > 0 && len([]rune(line))+3+len(k) > min(room, 72) {
			b.WriteString(faint + line + plain + "\n")
			line = " "
		} else if i > 0 {
			line += " ·"
		}
		line += " " + k
	}
	b.WriteString(faint + line + plain + "\n")
}

func (m *Model) drawConfirm(b *strings.Builder) {
	what := "This would hand the chosen functions to user space:"
	if m.choice.Reset {
		what = "This would give the chosen functions back to the kernel:"
	}
	b.WriteString(what + "\n\n")
	m.drawText(b)
	if m.err != nil {
		fmt.Fprintf(b, "\n  It cannot be done: %v\n\n%s  esc back · q quit%s\n", m.err, faint, plain)
		return
	}
	b.WriteString("\n" + bold + "Do it?" + plain + faint + "  y yes · n back · q quit" + plain + "\n")
}

func (m *Model) drawResult(b *strings.Builder) {
	m.drawText(b)
	if m.err != nil {
		fmt.Fprintf(b, "\n%sIt failed:%s %v\n", bold, plain, m.err)
	} else {
		b.WriteString("\n" + bold + "Done." + plain + "\n")
	}
	b.WriteString(faint + "Press a key to leave." + plain + "\n")
}

// drawText prints the lines of the preview or the result, the last ones if
// they do not all fit.
func (m *Model) drawText(b *strings.Builder) {
	lines := strings.Split(strings.TrimRight(m.text, "\n"), "\n")
	if room := max(5, m.height-9); m.height > 0 && len(lines) > room {
		fmt.Fprintf(b, faint+"  … %d lines above"+plain+"\n", len(lines)-room)
		lines = lines[len(lines)-room:]
	}
	for _, l := range lines {
		b.WriteString("  " + m.cut(l, 4) + "\n")
	}
}

var _ tea.Model = (*Model)(nil)
