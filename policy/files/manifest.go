package files

import (
	"bytes"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/countersign/countersign/policy"
)

// part is one YAML document of a file, which begins after a number of lines.
type part struct {
	line int
	text []byte
}

// split cuts a file at its "---" lines.
func split(data []byte) []part {
	parts := []part{{}}
	line := 0
	for text := range bytes.Lines(data) {
		line++
		if bytes.HasPrefix(text, []byte("---")) && len(bytes.TrimSpace(text[3:])) == 0 {
			parts = append(parts, part{line: line})
			continue
		}
		last := &parts[len(parts)-1]
		last.text = append(last.text, text...)
	}
	return parts
}

// manifest is what tells the kinds of a file apart.
type manifest struct {
	Kind     string `yaml:"kind"`
	Metadata struct {
		Name   string            `yaml:"name"`
		Labels map[string]string `yaml:"labels"`
	} `yaml:"metadata"`
	Data  yaml.Node   `yaml:"data"`
	Items []yaml.Node `yaml:"items"`
}

// take finds policy in one part of a file.
func (l *loader) take(path string, p part) {
	var root yaml.Node
	if err := yaml.Unmarshal(p.text, &root); err != nil {
		// Parse says what is wrong, with its place.
		l.add(policy.ParseAt(policy.Origin{File: path, Line: p.line}, sourceOf(path), "", p.text))
		return
	}
	if len(root.Content) > 0 {
		l.node(path, p, root.Content[0])
	}
}

func (l *loader) node(path string, p part, node *yaml.Node) {
	var m manifest
	// What does not decode is of another kind.
	_ = node.Decode(&m)
	switch m.Kind {
	case policy.Kind:
		l.add(policy.ParseAt(policy.Origin{File: path, Line: p.line}, sourceOf(path), "", p.text))
	case "ConfigMap":
		l.configMap(path, p, &m)
	case "List", "ConfigMapList":
		for i := range m.Items {
			l.node(path, p, &m.Items[i])
		}
	}
}

// configMap takes the keys that hold policy: all that end in .yaml where the
// policy label is set, as the process does, and without the label those of the
// right kind.
func (l *loader) configMap(path string, p part, m *manifest) {
	_, labelled := m.Metadata.Labels[policy.Label]
	for i := 0; i+1 < len(m.Data.Content); i += 2 {
		key, value := m.Data.Content[i], m.Data.Content[i+1]
		if !strings.HasSuffix(key.Value, ".yaml") || !labelled && !holdsPolicy(value.Value) {
			continue
		}
		l.add(policy.ParseAt(originOf(path, p, key, value), m.Metadata.Name, key.Value, []byte(value.Value)))
	}
}

func holdsPolicy(text string) bool {
	var m manifest
	return yaml.Unmarshal([]byte(text), &m) == nil && m.Kind == policy.Kind
}

// originOf is exact for a literal block ("|"), the usual way to write a
// document into a ConfigMap.
func originOf(path string, p part, key, value *yaml.Node) policy.Origin {
	if value.Style&yaml.LiteralStyle == 0 {
		return policy.Origin{File: path, Line: p.line + key.Line, Column: key.Column, Folded: true}
	}
	return policy.Origin{File: path, Line: p.line + value.Line, Column: indentation(p.text, value.Line, value.Value)}
}

// indentation is how far a block is moved to the right: by its first line that
// is not empty.
func indentation(text []byte, line int, block string) int {
	lines := strings.Split(string(text), "\n")
	for i, inner := range strings.Split(block, "\n") {
		if at := line + i; strings.TrimSpace(inner) != "" && at < len(lines) {
			return max(strings.Index(lines[at], inner), 0)
		}
	}
	return 0
}
