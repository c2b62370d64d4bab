// SPDX-License-Identifier: BSD-3-Clause

// Package menu lets a person choose on a terminal what "gospdk setup" does:
// functions, their driver and hugepages. It shows what holds a function and
// what would be done, asks, and does it.
package menu

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/gospdk/gospdk/internal/machine"
	"github.com/gospdk/gospdk/internal/setup"
)

// Choice is what the person wants.
type Choice struct {
	Reset   bool // give functions back, in place of handing them over
	Options setup.Options
}

// Actions are what the menu can ask for. They may take long: they are called
// on goroutines of their own, one at a time.
type Actions struct {
	// Functions looks at the machine.
	Functions func() ([]machine.Function, error)
	// Preview returns the lines that a dry run prints.
	Preview func(context.Context, Choice) (string, error)
	// Apply does it and returns the lines that were printed.
	Apply func(context.Context, Choice) (string, error)
}

// Driver is one that can be chosen.
type Driver struct {
	Name string // as DRIVER_OVERRIDE; "" chooses by itself
	What string // for people
}

type screen int

const (
	choosing screen = iota
	editing         // the number of hugepages
	previewing
	confirming
	working
	finished
)

// Model is the menu. It is a [tea.Model].
type Model struct {
	actions Actions
	options setup.Options // of the environment and the flags
	drivers []Driver

	screen    screen
	functions []machine.Function
	chosen    map[string]bool // by address
	cursor    int
	driver    int
	huge      int // MB
	typed     string
	note      string // about the last key

	choice  Choice
	text    string // of the preview, then of the result
	err     error
	cancel  context.CancelFunc
	ended   chan struct{} // closed when Apply has returned
	leaving bool          // leave as soon as it has
	quit    bool
	width   int
	height  int
}

// New makes a menu. The options are its beginning.
func New(o setup.Options, drivers []Driver, a Actions) *Model {
	m := &Model{actions: a, options: o, huge: o.HugeMem, drivers: append([]Driver{{"", "chosen for you"}}, drivers...)}
	for i, d := range m.drivers {
		if d.Name == o.DriverOverride {
			m.driver = i
		}
	}
	if m.driver == 0 && o.DriverOverride != "" {
		m.drivers = append(m.drivers, Driver{o.DriverOverride, "as you said"})
		m.driver = len(m.drivers) - 1
	}
	return m
}

// Result returns what was printed while it was done, "" if nothing was, and
// how that ended.
func (m *Model) Result() (string, error) {
	if m.screen != finished {
		return "", m.err
	}
	return m.text, m.err
}

// Interrupt is a message that ends the menu, as a signal wants it. What is
// being done is taken back first.
type Interrupt struct{}

// Wait interrupts what is being done, if anything is, and returns when that
// has been taken back. It is for a terminal that went away.
func (m *Model) Wait() {
	if m.ended != nil {
		m.cancel()
		<-m.ended
	}
}

type (
	loadedMsg struct {
		functions []machine.Function
		err       error
	}
	previewMsg struct {
		text string
		err  error
	}
	doneMsg struct {
		text string
		err  error
	}
)

// Init looks at the machine.
func (m *Model) Init() tea.Cmd { return m.load }

func (m *Model) load() tea.Msg {
	all, err := m.actions.Functions()
	return loadedMsg{all, err}
}

// Update takes a message.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case loadedMsg:
		return m.loaded(msg)
	case previewMsg:
		m.text, m.err, m.screen = msg.text, msg.err, confirming
	case doneMsg:
		m.text, m.err, m.screen = msg.text, msg.err, finished
		m.cancel()
		if m.leaving {
			return m.leave()
		}
	case Interrupt:
		return m.interrupt()
	case tea.KeyPressMsg:
		return m.key(msg)
	}
	return m, nil
}

// loaded takes the functions. What nothing holds is chosen at first, as
// "setup config" would.
func (m *Model) loaded(msg loadedMsg) (tea.Model, tea.Cmd) {
	if msg.err != nil {
		m.err, m.quit = msg.err, true
		return m, tea.Quit
	}
	before := m.chosen
	m.functions, m.chosen = msg.functions, make(map[string]bool)
	for i := range m.functions {
		f := &m.functions[i]
		a := f.Address.String()
		_, was := before[a]
		m.chosen[a] = Locked(f) == "" && (before[a] || !was && m.options.Permits(f))
	}
	m.cursor = max(0, min(m.cursor, len(m.functions)-1))
	return m, nil
}

// Locked tells what keeps a function from being chosen, "" if nothing does.
func Locked(f *machine.Function) string {
	var why []string
	for _, h := range f.Holders {
		why = append(why, h.String())
	}
	for _, u := range f.Users {
		why = append(why, "used by "+u.String())
	}
	if f.ExamineErr != nil {
		why = append(why, f.ExamineErr.Error())
	}
	return strings.Join(why, ", ")
}

func (m *Model) key(msg tea.KeyPressMsg) (tea.Model, tea.Cmd) {
	m.note = ""
	name := msg.String()
	if name == "ctrl+c" {
		leaving := m.leaving
		defer func() { m.leaving = leaving }() // the person still reads how it ended
		return m.interrupt()
	}
	switch m.screen {
	case choosing:
		return m.chooseKey(name)
	case editing:
		return m.editKey(name)
	case confirming:
		return m.confirmKey(name)
	case finished:
		return m.leave()
	}
	return m, nil
}

// interrupt leaves; while something is being done it ends that, and doneMsg
// comes when it has been taken back.
func (m *Model) interrupt() (tea.Model, tea.Cmd) {
	if m.screen == working {
		m.leaving = true
		m.cancel()
		return m, nil
	}
	return m.leave()
}

func (m *Model) leave() (tea.Model, tea.Cmd) {
	m.quit = true
	return m, tea.Quit
}

func (m *Model) chooseKey(name string) (tea.Model, tea.Cmd) {
	switch name {
	case "up", "k":
		m.cursor = max(0, m.cursor-1)
	case "down", "j":
		m.cursor = max(0, min(len(m.functions)-1, m.cursor+1))
	case "space":
		m.toggle()
	case "a":
		m.toggleAll()
	case "d":
		m.driver = (m.driver + 1) % len(m.drivers)
	case "h":
		m.screen, m.typed = editing, ""
	case "u":
		return m, m.load
	case "enter":
		return m.preview(false)
	case "r":
		return m.preview(true)
	case "q", "esc":
		return m.leave()
	}
	return m, nil
}

func (m *Model) toggle() {
	if len(m.functions) == 0 {
		return
	}
	f := &m.functions[m.cursor]
	if why := Locked(f); why != "" {
		m.note = fmt.Sprintf("%s must stay where it is: %s", f.Address, why)
		return
	}
	m.chosen[f.Address.String()] = !m.chosen[f.Address.String()]
}

// toggleAll chooses all that may be, or none if all are.
func (m *Model) toggleAll() {
	all := true
	for i := range m.functions {
		f := &m.functions[i]
		all = all && (Locked(f) != "" || m.chosen[f.Address.String()])
	}
	for i := range m.functions {
		f := &m.functions[i]
		m.chosen[f.Address.String()] = !all && Locked(f) == ""
	}
}

func (m *Model) editKey(name string) (tea.Model, tea.Cmd) {
	switch {
	case len(name) == 1 && '0' <= name[0] && name[0] <= '9' && len(m.typed) < 9:
		m.typed += name
	case name == "backspace" && m.typed != "":
		m.typed = m.typed[:len(m.typed)-1]
	case name == "esc":
		m.screen = choosing
	case name == "enter":
		if n, err := strconv.Atoi(m.typed); err == nil {
			m.huge = n
			m.options.NRHuge, m.options.SkipHuge = -1, false // the last word counts
		}
		m.screen = choosing
	}
	return m, nil
}

// preview asks what would be done.
func (m *Model) preview(reset bool) (tea.Model, tea.Cmd) {
	m.choice = m.choose(reset)
	m.screen, m.text, m.err = previewing, "", nil
	choice := m.choice
	return m, func() tea.Msg {
		text, err := m.actions.Preview(context.Background(), choice)
		return previewMsg{text, err}
	}
}

// choose turns what is on the screen into options.
func (m *Model) choose(reset bool) Choice {
	c := Choice{Reset: reset, Options: m.options}
	c.Options.DriverOverride = m.drivers[m.driver].Name
	c.Options.HugeMem = m.huge
	c.Options.SkipHuge = c.Options.SkipHuge || !reset && m.huge == 0 && c.Options.NRHuge < 0
	c.Options.Allowed = setup.AddressList{Given: true}
	for i := range m.functions {
		if a := m.functions[i].Address; m.chosen[a.String()] {
			c.Options.Allowed.Addresses = append(c.Options.Allowed.Addresses, a)
		}
	}
	return c
}

func (m *Model) confirmKey(name string) (tea.Model, tea.Cmd) {
	switch {
	case name == "y" && m.err == nil, name == "enter" && m.err == nil:
		m.screen = working
		ctx, cancel := context.WithCancel(context.Background())
		m.cancel, m.ended = cancel, make(chan struct{})
		choice, ended := m.choice, m.ended
		return m, func() tea.Msg {
			defer close(ended)
			text, err := m.actions.Apply(ctx, choice)
			return doneMsg{text, err}
		}
	case name == "q":
		return m.leave()
	case name == "n", name == "esc", m.err != nil:
		m.screen, m.err = choosing, nil
	}
	return m, nil
}
