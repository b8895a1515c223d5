package harness

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWriteAtomicallyReplacesAllFilesAtOnce(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "mounted")
	tests := []map[string][]byte{
		{},
		{"tls.crt": []byte("a"), "tls.key": []byte("b")},
		{"tls.crt": []byte("c"), "tls.key": []byte("d"), "ca.crt": []byte("e")},
	}
	for _, want := range tests {
		if err := writeAtomically(folder, want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, readFolder(t, folder)); diff != "" {
			t.Errorf("content (-want +got):\n%s", diff)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(folder, "..content-*")); len(left) != 1 {
		t.Errorf("%d generations are kept, want the last", len(left))
	}
}

func readFolder(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, entry := range must(os.ReadDir(folder))(t) {
		if !strings.HasPrefix(entry.Name(), "..") {
			files[entry.Name()] = must(os.ReadFile(filepath.Join(folder, entry.Name())))(t)
		}
	}
	return files
}
