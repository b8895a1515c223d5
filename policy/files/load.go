package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/countersign/countersign/policy"
)

// Stdin is the path that stands for standard input.
const Stdin = "-"

// Load reads the policy documents of each path: a file, a directory, or Stdin.
// In a directory, and below, files of YAML and JSON are read and objects of
// other kinds passed over; a file that is named has to hold policy. Mistakes
// come as policy.Problems, all of them; any other error is of reading.
func Load(stdin io.Reader, paths ...string) ([]*policy.Document, error) {
	l := loader{}
	for _, path := range paths {
		if err := l.load(stdin, path); err != nil {
			return nil, err
		}
	}
	return l.documents, l.problems.Err()
}

// loader collects what is found.
type loader struct {
	documents []*policy.Document
	problems  policy.Problems
}

func (l *loader) load(stdin io.Reader, path string) error {
	if path == Stdin {
		data, err := io.ReadAll(stdin)
		if err != nil {
			return fmt.Errorf("standard input: %w", err)
		}
		return l.named("stdin", data)
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return l.directory(path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return l.named(path, data)
}

// named takes in a file that was asked for by name.
func (l *loader) named(path string, data []byte) error {
	before := len(l.documents) + len(l.problems)
	l.file(path, data)
	if len(l.documents)+len(l.problems) == before {
		return fmt.Errorf("%s: neither an AccessPolicy nor a ConfigMap with one", path)
	}
	return nil
}

func (l *loader) directory(root string) error {
	before := len(l.documents) + len(l.problems)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path)) {
			return err
		}
		data, err := os.ReadFile(path)
		if err == nil {
			l.file(path, data)
		}
		return err
	})
	if err == nil && len(l.documents)+len(l.problems) == before {
		return fmt.Errorf("%s: no file holds an AccessPolicy, or a ConfigMap with one", root)
	}
	return err
}

func (l *loader) file(path string, data []byte) {
	for _, part := range split(data) {
		l.take(path, part)
	}
}

// add takes a parsed document, or what is wrong with it.
func (l *loader) add(document *policy.Document, err error) {
	if problems, ok := errors.AsType[policy.Problems](err); ok {
		l.problems = append(l.problems, problems...)
		return
	}
	l.documents = append(l.documents, document)
}

// sourceOf names the rules of a raw document: the file's name without its
// extension.
func sourceOf(path string) string {
	base := filepath.Base(path)
	return strings.TrimSuffix(base, filepath.Ext(base))
}
