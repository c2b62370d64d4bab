// SPDX-License-Identifier: BSD-3-Clause

package menu

import (
	"context"
	"errors"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/gospdk/gospdk/internal/machine"
	"github.com/gospdk/gospdk/internal/setup"
	"github.com/gospdk/gospdk/pci"
)

// person plays with a menu: keys go in, and what the menu asks for is done at
// once.
type person struct {
	*Model
	t       *testing.T
	asked   []Choice // previews
	applied []Choice
	fails   error // of applying
	left    bool
	during  func(context.Context) // while it is applied
}

func function(t *testing.T, address, driver string, holders ...machine.Holder) machine.Function {
	t.Helper()
	a, err := pci.ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	f := machine.Function{Kind: machine.KindNVMe, KernelDriver: "nvme", Holders: holders}
	f.Address, f.Driver, f.ID = a, driver, pci.ID{Vendor: 0x1b36, Device: 0x10, Class: pci.ClassNVMe}
	return f
}

func newPerson(t *testing.T, o setup.Options) *person {
	p := &person{t: t}
	functions := []machine.Function{
		function(t, "0000:03:00.0", "nvme", machine.Holder{Kind: machine.HeldMount, Block: "nvme0n1", What: "nvme0n1p1"}),
		function(t, "0000:0b:00.0", "nvme"),
		function(t, "0000:13:00.0", "nvme"),
	}
	p.Model = New(o, []Driver{{"vfio-pci", "safe"}, {setup.DriverNone, "unbind only"}}, Actions{
		Functions: func() ([]machine.Function, error) { return functions, nil },
		Preview: func(_ context.Context, c Choice) (string, error) {
			p.asked = append(p.asked, c)
			return "would bind something\n", nil
		},
		Apply: func(ctx context.Context, c Choice) (string, error) {
			p.applied = append(p.applied, c)
			if p.during != nil {
				p.during(ctx)
			}
			return "0000:0b:00.0 (1b36 0010): nvme -> vfio-pci\n", p.fails
		},
	})
	p.do(p.Init())
	return p
}

// do carries out what the menu asks for, and what follows from that.
func (p *person) do(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	msg := cmd()
	if _, quit := msg.(tea.QuitMsg); quit {
		p.left = true
		return
	}
	_, next := p.Update(msg)
	p.do(next)
}

// press presses keys: letters, and the names space, enter, esc, up, down,
// ctrl+c, backspace.
func (p *person) press(keys ...string) {
	special := map[string]tea.KeyPressMsg{
		"space": {Code: tea.KeySpace, Text: " "}, "enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEscape},
		"up": {Code: tea.KeyUp}, "down": {Code: tea.KeyDown}, "backspace": {Code: tea.KeyBackspace},
		"ctrl+c": {Code: 'c', Mod: tea.ModCtrl},
	}
	for _, k := range keys {
		msg, ok := special[k]
		if !ok {
			msg = tea.KeyPressMsg{Code: rune(k[0]), Text: k}
		}
		_, cmd := p.Update(msg)
		p.do(cmd)
	}
}

func (p *person) sees(parts ...string) {
	p.t.Helper()
	screen := p.View().Content
	for _, s := range parts {
		if !strings.Contains(screen, s) {
			p.t.Errorf("the screen lacks %q:\n%s", s, screen)
		}
	}
}

func allowed(c Choice) string {
	var all []string
	for _, a := range c.Options.Allowed.Addresses {
		all = append(all, a.String())
	}
	return strings.Join(all, " ")
}

func TestHandOver(t *testing.T) {
	p := newPerson(t, setup.Defaults())
	p.sees("-  0000:03:00.0", "held: mount@nvme0n1:nvme0n1p1", "[x] 0000:0b:00.0", "[x] 0000:13:00.0", "chosen for you", "2048 MB")
	p.press("space") // on the one that is held
	p.sees("0000:03:00.0 must stay where it is: mount@nvme0n1:nvme0n1p1")
	p.press("down", "down", "space", "d", "h", "1", "0", "2", "5", "backspace", "4", "x", "enter")
	p.sees("[x] 0000:0b:00.0", "[ ] 0000:13:00.0", "vfio-pci (safe)", "1024 MB")
	p.press("enter")
	p.sees("would bind something", "Do it?")
	if len(p.applied) > 0 {
		t.Fatal("done without a yes")
	}
	p.press("y")
	p.sees("nvme -> vfio-pci", "Done.")
	if len(p.applied) != 1 || len(p.asked) != 1 {
		t.Fatalf("asked %d times, applied %d times", len(p.asked), len(p.applied))
	}
	c := p.applied[0]
	if c.Reset || allowed(c) != "0000:0b:00.0" || !c.Options.Allowed.Given || c.Options.DriverOverride != "vfio-pci" || c.Options.HugeMem != 1024 {
		t.Errorf("applied %+v", c)
	}
	p.press("x")
	if text, err := p.Result(); !p.left || err != nil || !strings.Contains(text, "nvme -> vfio-pci") {
		t.Errorf("left %v, %q, %v", p.left, text, err)
	}
}

func TestGiveBack(t *testing.T) {
	p := newPerson(t, setup.Defaults())
	p.press("a", "r", "esc")
	if p.sees("[ ] 0000:0b:00.0", "[ ] 0000:13:00.0"); len(p.asked) != 1 || !p.asked[0].Reset || allowed(p.asked[0]) != "" {
		t.Errorf("asked %+v", p.asked)
	}
	p.press("a", "r", "y")
	if len(p.applied) != 1 || !p.applied[0].Reset || allowed(p.applied[0]) != "0000:0b:00.0 0000:13:00.0" {
		t.Errorf("applied %+v", p.applied)
	}
}

// TestBeginning: options and variables are the beginning of the choice.
func TestBeginning(t *testing.T) {
	o := setup.Defaults()
	a, err := pci.ParseAddress("0000:13:00.0")
	if err != nil {
		t.Fatal(err)
	}
	o.Blocked = setup.AddressList{Given: true, Addresses: []pci.Address{a}}
	o.DriverOverride, o.NRHuge = "/lib/igb_uio.ko", 7
	p := newPerson(t, o)
	p.sees("[x] 0000:0b:00.0", "[ ] 0000:13:00.0", "/lib/igb_uio.ko", "7 pages")
	p.press("enter", "enter")
	if c := p.applied[0].Options; c.NRHuge != 7 || c.DriverOverride != "/lib/igb_uio.ko" {
		t.Errorf("applied %+v", c)
	}
}

func TestLeave(t *testing.T) {
	for _, key := range []string{"q", "esc", "ctrl+c"} {
		p := newPerson(t, setup.Defaults())
		if p.press(key); !p.left || len(p.asked)+len(p.applied) > 0 {
			t.Errorf("%s: left %v", key, p.left)
		}
	}
	p := newPerson(t, setup.Defaults())
	if _, cmd := p.Update(Interrupt{}); cmd == nil {
		t.Error("a signal does not end it")
	}
}

// TestInterrupt: ^C and a signal end what is being done; the menu waits until
// it has been taken back.
func TestInterrupt(t *testing.T) {
	for _, signal := range []bool{false, true} {
		p := newPerson(t, setup.Defaults())
		p.fails = errors.New("interrupted")
		p.during = func(ctx context.Context) {
			if signal {
				p.Update(Interrupt{})
			} else {
				p.press("ctrl+c")
			}
			if ctx.Err() == nil {
				t.Error("what is being done is not interrupted")
			}
			if p.left {
				t.Error("the menu left before it was taken back")
			}
		}
		p.press("enter", "y")
		if p.left != signal {
			t.Errorf("signal %v: left %v", signal, p.left)
		}
		p.Wait()
		if !signal {
			p.sees("It failed:", "interrupted")
		}
		if _, err := p.Result(); err == nil {
			t.Error("no error")
		}
	}
}

// TestErrors: an error of a preview is shown, and leads back.
func TestErrors(t *testing.T) {
	p := newPerson(t, setup.Defaults())
	p.actions.Preview = func(context.Context, Choice) (string, error) {
		return "No valid drivers found\n", errors.New("no driver")
	}
	p.press("enter")
	p.sees("No valid drivers found", "It cannot be done: no driver")
	p.press("y")
	if len(p.applied) > 0 {
		t.Error("done in spite of the error")
	}
	p.sees("space choose")
	p.actions.Functions = func() ([]machine.Function, error) { return nil, errors.New("no /sys") }
	p.press("u")
	if _, err := p.Result(); !p.left || err == nil {
		t.Errorf("left %v, %v", p.left, err)
	}
}

// TestSmallTerminal: lines are cut and the list scrolls.
func TestSmallTerminal(t *testing.T) {
	p := newPerson(t, setup.Defaults())
	for range 5 {
		p.functions = append(p.functions, p.functions...)
	}
	p.Update(tea.WindowSizeMsg{Width: 40, Height: 20})
	p.press("down", "down", "down", "down", "down", "down")
	p.sees("more above", "more below")
	for _, l := range strings.Split(p.View().Content, "\n") {
		for _, code := range []string{bold, faint, reverse, plain} {
			l = strings.ReplaceAll(l, code, "")
		}
		if n := len([]rune(l)); n > 40 {
			t.Errorf("%d columns: %s", n, l)
		}
	}
}
