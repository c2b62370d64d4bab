// SPDX-License-Identifier: BSD-3-Clause

package diskfile

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	content := bytes.Repeat([]byte{0xaa}, 64<<10)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path, false)
	if err != nil {
		t.Fatal(err)
	}
	if f.Size() != 64<<10 || f.Block || f.BlockSize != 0 {
		t.Errorf("%+v", f)
	}
	if a, err := f.Prepare(4096); err != nil || a == 0 || a > 4096 {
		t.Errorf("alignment %d, %v", a, err)
	}
	if e := f.PunchHole(4096, 8192); e != 0 {
		t.Error(e)
	}
	if e := f.ZeroRange(32768, 4096); e != 0 {
		t.Error(e)
	}
	clear(content[4096 : 4096+8192])
	clear(content[32768 : 32768+4096])
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
		t.Errorf("the content differs: %v", err)
	}
	if e := f.PunchHole(-1, 1); e == 0 {
		t.Error("a hole before the file")
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error("closed twice:", err)
	}
	if f.Size() != 0 {
		t.Error("a closed file has a size")
	}
}

// A file whose blocks are too small for direct transfers is used through the
// page cache.
func TestPrepareGivesDirectTransfersUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path, true)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.Direct, f.fileAlign = true, 4096
	if a, err := f.Prepare(512); a != 1 || err != nil || f.Direct {
		t.Errorf("alignment %d, %v", a, err)
	}
	if f.Size() != 4096 {
		t.Error("the file is not open any more")
	}
}

func TestBlockSizeFor(t *testing.T) {
	for _, test := range []struct{ device, want, size uint32 }{
		{0, 512, 512}, {512, 0, 512}, {512, 4096, 4096}, {4096, 0, 4096},
		{0, 0, 0}, {4096, 512, 0}, {0, 256, 0}, {0, 513, 0}, {512, 1536, 0},
	} {
		f := &File{Path: "f", BlockSize: test.device}
		size, err := f.BlockSizeFor(test.want)
		if size != test.size || (err == nil) != (test.size > 0) {
			t.Errorf("block size %d on a device of %d: %d, %v", test.want, test.device, size, err)
		}
	}
}
