package files

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"go.yaml.in/yaml/v3"
)

// Stdin is the path that stands for standard input.
const Stdin = "-"

// Part is one YAML document of a file.
type Part struct {
	// File is the path of the file, Line how many of its lines come before.
	File string
	Line int
	Text []byte
}

// Parts are the YAML documents of a path: of a file, of all files of YAML and
// JSON in a directory and below, or of Stdin. JSON is YAML.
func Parts(stdin io.Reader, path string) ([]Part, error) {
	if path == Stdin {
		data, err := io.ReadAll(stdin)
		if err != nil {
			return nil, fmt.Errorf("standard input: %w", err)
		}
		return split("stdin", data), nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return directory(path)
	}
	data, err := os.ReadFile(path)
	return split(path, data), err
}

func directory(root string) ([]Part, error) {
	var parts []Part
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path)) {
			return err
		}
		data, err := os.ReadFile(path)
		parts = append(parts, split(path, data)...)
		return err
	})
	return parts, err
}

// split cuts a file at its "---" lines, which may end in a comment.
func split(path string, data []byte) []Part {
	parts := []Part{{File: path}}
	line := 0
	for text := range bytes.Lines(data) {
		line++
		if marker, _, _ := bytes.Cut(text, []byte(" #")); string(bytes.TrimRight(marker, " \t\r\n")) == "---" {
			parts = append(parts, Part{File: path, Line: line})
			continue
		}
		last := &parts[len(parts)-1]
		last.Text = append(last.Text, text...)
	}
	return parts
}

// Kind is the kind of a part's object, and empty for what is none. An error is
// one of syntax.
func (p Part) Kind() (string, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(p.Text, &root); err != nil || len(root.Content) == 0 {
		return "", err
	}
	return kindOf(root.Content[0]), nil
}

// kindOf does not decode: that would fail where any key is there twice, and
// pass the object over.
func kindOf(node *yaml.Node) string {
	for i := 0; node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == "kind" {
			return node.Content[i+1].Value
		}
	}
	return ""
}
