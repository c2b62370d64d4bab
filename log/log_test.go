// SPDX-License-Identifier: BSD-3-Clause

package log

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var test = Flag("test_flag")

// capture returns what is printed until the test ends, with everything at its
// default.
func capture(t testing.TB) *bytes.Buffer {
	b := new(bytes.Buffer)
	old := SetOutput(b)
	t.Cleanup(func() {
		SetOutput(old)
		SetPrintLevel(LevelNotice)
		SetLevel(LevelNotice)
		SetHandler(nil)
		if err := ClearFlag("all"); err != nil {
			t.Error(err)
		}
	})
	return b
}

func TestFormat(t *testing.T) {
	b := capture(t)
	test.on.Store(true)
	test.Debugf("state %d", 7)
	Errorf("with a newline\n")
	func() { Noticef("in a function") }()
	type1{}.method()
	(&type2[int]{}).method()
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	stamp := `^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\] log_test\.go: +\d+:`
	for i, want := range []string{
		`TestFormat: \*DEBUG\*: state 7$`,
		`TestFormat: \*ERROR\*: with a newline$`,
		`TestFormat: \*NOTICE\*: in a function$`,
		`type1\.method: \*NOTICE\*: 1$`,
		`type2\.method: \*WARNING\*: 2$`,
	} {
		if i >= len(lines) || !regexp.MustCompile(stamp+want).MatchString(lines[i]) {
			t.Errorf("line %d of\n%sdoes not match %s", i, b, want)
		}
	}
}

type type1 struct{}

func (type1) method() { Noticef("1") }

type type2[T any] struct{}

func (*type2[T]) method() { Warnf("2") }

func TestGoldenLine(t *testing.T) {
	r := Record{
		Time: time.Date(2026, 1, 31, 15, 4, 5, 123456789, time.UTC), Level: LevelDebug,
		File: "ctrlr.go", Line: 42, Func: "Controller.setState", Message: "setting state to 100%",
	}
	const want = "[2026-01-31 15:04:05.123456] ctrlr.go:  42:Controller.setState: *DEBUG*: setting state to 100%\n"
	if got := string(r.Append(nil)); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

func TestLevels(t *testing.T) {
	all := []string{"ERROR", "WARNING", "NOTICE", "INFO"}
	for n, level := range []Level{LevelDisabled, LevelError, LevelWarning, LevelNotice, LevelInfo, LevelDebug} {
		b := capture(t)
		SetPrintLevel(level)
		if PrintLevel() != level {
			t.Errorf("PrintLevel() = %v, want %v", PrintLevel(), level)
		}
		Errorf("m")
		Warnf("m")
		Noticef("m")
		Infof("m")
		got := regexp.MustCompile(`[A-Z]{2,}`).FindAllString(b.String(), -1)
		if want := all[:min(n, 4)]; !slices.Equal(got, want) {
			t.Errorf("level %v prints %v, want %v", level, got, want)
		}
		if l, err := ParseLevel(strings.ToLower(level.String())); err != nil || l != level {
			t.Errorf("ParseLevel(%v) = %v, %v", level, l, err)
		}
	}
	if _, err := ParseLevel("loud"); err == nil || !strings.Contains(err.Error(), `"loud"`) || !strings.Contains(err.Error(), "WARNING") {
		t.Errorf("ParseLevel = %v", err)
	}
	if s := Level(9).String(); s != "Level(9)" {
		t.Errorf("Level(9) prints as %s", s)
	}
}

func TestFlags(t *testing.T) {
	b := capture(t)
	other := Flag("test_other")
	if Flag("test_flag") != test || test.Name() != "test_flag" {
		t.Error("a flag's name does not find it")
	}
	if f := Flags(); !slices.IsSorted(f) || !slices.Contains(f, "test_flag") || !slices.Contains(f, "test_other") {
		t.Errorf("Flags() = %v", f)
	}
	test.Debugf("off")
	if err := SetFlag("TEST_flag"); err != nil {
		t.Fatal(err)
	}
	test.Infof("on1") // whatever the level
	other.Infof("off")
	if err := SetFlag("all"); err != nil || !other.Enabled() {
		t.Fatal(err)
	}
	other.Debugf("on2")
	if err := ClearFlag("test_flag"); err != nil || test.Enabled() {
		t.Error(err)
	}
	test.Debugf("off")
	SetPrintLevel(LevelDisabled)
	other.Debugf("off")
	if got := regexp.MustCompile(`\*: (\w+)`).FindAllString(b.String(), -1); !slices.Equal(got, []string{"*: on1", "*: on2"}) {
		t.Errorf("printed %v", got)
	}
	err := SetFlag("nvmee")
	if err == nil || !strings.Contains(err.Error(), `unknown flag "nvmee"`) || !strings.Contains(err.Error(), "test_flag, test_other") {
		t.Errorf("SetFlag = %v", err)
	}
}

func TestHandler(t *testing.T) {
	b := capture(t)
	SetPrintLevel(LevelDisabled)
	SetLevel(LevelWarning)
	var got []*Record
	SetHandler(func(r *Record) { got = append(got, r) })
	Warnf("w %d", 1)
	Noticef("no")
	test.on.Store(true)
	test.Debugf("d")
	SetLevel(LevelDisabled)
	test.Debugf("no")
	if b.Len() != 0 || len(got) != 2 || got[0].Message != "w 1" || got[0].Flag != "" || got[1].Flag != "test_flag" || got[1].Level != LevelDebug {
		t.Errorf("printed %q, handled %v", b, got)
	}
	if _, err := json.Marshal(got); err != nil {
		t.Error(err)
	}
}

type countWriter struct{ writes, lines int }

func (w *countWriter) Write(p []byte) (int, error) {
	w.writes++
	w.lines += bytes.Count(p, []byte("\n"))
	return len(p), nil
}

func TestConcurrentLinesAreWhole(t *testing.T) {
	capture(t)
	w := new(countWriter)
	SetOutput(w)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				Noticef("line")
			}
		})
	}
	wg.Wait()
	if w.writes != 800 || w.lines != 800 {
		t.Errorf("%d writes with %d lines, want 800 each", w.writes, w.lines)
	}
}

func TestFlagOffDoesNotAllocate(t *testing.T) {
	x := 12345
	if n := testing.AllocsPerRun(100, func() {
		if test.Enabled() {
			test.Debugf("state %d", x)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func ExampleFlag() {
	l := Flag("example")
	fmt.Println(l.Enabled())
	_ = SetFlag("example")
	fmt.Println(l.Enabled())
	_ = ClearFlag("example")
	// Output:
	// false
	// true
}

func BenchmarkEnabledOff(b *testing.B) {
	for b.Loop() {
		if test.Enabled() {
			b.Fatal("on")
		}
	}
}

func BenchmarkDebugf(b *testing.B) {
	capture(b)
	SetOutput(io.Discard)
	test.on.Store(true)
	b.ReportAllocs()
	for b.Loop() {
		test.Debugf("state %d", 7)
	}
}

func TestTimestampsCanBeLeftOut(t *testing.T) {
	r := Record{Level: LevelError, File: "f.go", Line: 7, Func: "g", Message: "m"}
	EnableTimestamps(false)
	defer EnableTimestamps(true)
	if got := string(r.Append(nil)); got != "f.go:   7:g: *ERROR*: m\n" {
		t.Errorf("got %q", got)
	}
}

func TestFlagEnabled(t *testing.T) {
	Flag("test_enabled")
	if err := SetFlag("test_enabled"); err != nil || !FlagEnabled("test_enabled") || FlagEnabled("test_nothing") {
		t.Errorf("%v, on %v, unknown %v", err, FlagEnabled("test_enabled"), FlagEnabled("test_nothing"))
	}
	if err := ClearFlag("test_enabled"); err != nil || FlagEnabled("test_enabled") {
		t.Error("still on")
	}
}
