// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"io"
	"regexp"
	"testing"
	"time"
)

// TestInteractive sits in front of make vm's machine.
func TestInteractive(t *testing.T) {
	binary := Binary(t)
	keys, typed := io.Pipe()
	screen := newConsole()
	ended := make(chan error, 1)
	go func() {
		ended <- Interactive{Memory: 1024, CPUs: 1, Binary: binary, Stdin: keys, Stdout: screen, Stderr: screen}.Run(t.Context())
	}()
	seen := 0
	expect := func(pattern string) {
		t.Helper()
		re := regexp.MustCompile(pattern)
		for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			shown := screen.String()
			if at := re.FindStringIndex(shown[seen:]); at != nil {
				seen += at[1]
				return
			}
		}
		_, _ = io.WriteString(typed, "\x01x") // switches it off
		t.Fatalf("the screen does not show %q:\n%s", pattern, screen)
	}
	enter := func(text string) {
		t.Helper()
		if _, err := io.WriteString(typed, text); err != nil {
			t.Fatal(err)
		}
	}
	expect(`0000:03:00\.0 is mounted at /mnt`)
	expect(`vm:.*# `)
	enter("cat /mnt/file; gospdk lspci; ls /dev/nvme?n1 | wc -l\n")
	expect(`precious data`)
	for _, bdf := range []string{"03", "0b", "13"} {
		expect(`0000:` + bdf + `:00\.0`)
	}
	expect(`(?m)^3\r?$`)
	enter("\x01c")
	expect(`\(qemu\) `)
	enter("device_add nvme,id=new,serial=new,drive=plug,bus=rp5\n")
	expect(`\(qemu\) `)
	enter("\x01cuntil [ -b /dev/nvme3n1 ]; do sleep 0.1; done; echo plugged''in\n")
	expect(`pluggedin`)
	enter("exit\n")
	typed.Close() // what copies the keys ends too
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the machine ended with %v:\n%s", err, screen)
		}
	case <-time.After(time.Minute):
		t.Errorf("the machine does not switch itself off:\n%s", screen)
	}
}
