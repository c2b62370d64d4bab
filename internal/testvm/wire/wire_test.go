// SPDX-License-Identifier: BSD-3-Clause

package wire

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReader(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("{\"ID\":1,\"Op\":\"wri") // the machine was reset here
	w := NewWriter(&b)
	want := []Request{
		{ID: 7, Op: Run, Args: []string{"sh", "-c", "echo 'a\nb'"}},
		{ID: 8, Op: Write, Path: "/x", Data: bytes.Repeat([]byte{0, '\n', 255}, 80<<10), Append: true, Mode: 0o600},
	}
	for _, r := range want {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	// A line that is too long, though its pieces look like a value.
	long := `{ "ID":666,"Op":"ping"}`
	b.WriteString(long + strings.Repeat(" ", maxLine-len(long)) + "{\n")
	b.WriteString("noise\n" + strings.Repeat("x", 3*maxLine) + "\n{\"ID\":9,\"Op\":\"ping\"}\nunfinished")
	want = append(want, Request{ID: 9, Op: Ping})
	r := NewReader[Request](iotest.OneByteReader(&b)) // so that pieces are overwritten singly
	for i := range want {
		got, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want[i]) {
			t.Errorf("value %d is %+v", i, got)
		}
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

// FuzzReader reads what a broken agent, or half a line, may send: the value
// that follows on a line of its own is always found.
func FuzzReader(f *testing.F) {
	f.Add([]byte(`{"ID":1,"Stream":1,"Data":"aGVsbG8="}` + "\n" + `{"ID":1,"Done":true,"Code":3}`))
	f.Add([]byte(`{"ID":1,"Str`))
	f.Add([]byte("\n\n\x00\xff{}[]\n\"\n"))
	f.Fuzz(func(t *testing.T, noise []byte) {
		r := NewReader[Reply](io.MultiReader(bytes.NewReader(noise), strings.NewReader("\n{\"ID\":4242424242,\"Done\":true}\n")))
		for {
			reply, err := r.Next()
			if err != nil {
				t.Fatalf("the value after the noise was not found: %v", err)
			}
			if reply.ID == 4242424242 && reply.Done {
				return
			}
		}
	})
}
