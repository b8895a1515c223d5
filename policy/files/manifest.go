package files

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/countersign/countersign/policy"
)

// manifest is what matters of a ConfigMap or a list.
type manifest struct {
	Metadata struct {
		Name   string            `yaml:"name"`
		Labels map[string]string `yaml:"labels"`
	} `yaml:"metadata"`
	Data  yaml.Node   `yaml:"data"`
	Items []yaml.Node `yaml:"items"`
}

// part finds policy in one part of a file.
func (l *loader) part(p Part) {
	var root yaml.Node
	if err := yaml.Unmarshal(p.Text, &root); err != nil {
		// Parse says what is wrong, with its place.
		l.add(policy.ParseAt(policy.Origin{File: p.File, Line: p.Line}, sourceOf(p.File), "", p.Text))
		return
	}
	if len(root.Content) > 0 {
		l.node(p, root.Content[0])
	}
}

func (l *loader) node(p Part, node *yaml.Node) {
	switch kind := kindOf(node); kind {
	case policy.Kind:
		l.add(policy.ParseAt(policy.Origin{File: p.File, Line: p.Line}, sourceOf(p.File), "", p.Text))
	case "ConfigMap", "List", "ConfigMapList":
		var m manifest
		if err := node.Decode(&m); err != nil {
			l.undecodable(p)
			return
		}
		if kind == "ConfigMap" {
			l.configMap(p, &m)
		}
		for i := range m.Items {
			l.node(p, &m.Items[i])
		}
	}
}

// undecodable tells why, such as a key that is there twice.
func (l *loader) undecodable(p Part) {
	if _, err := policy.ReadNode(policy.Origin{File: p.File, Line: p.Line}, p.Text); err != nil {
		l.add(nil, err)
	}
}

// configMap takes the keys that hold policy: all that end in .yaml where the
// policy label is set, as the process does, and without the label those of the
// right kind.
func (l *loader) configMap(p Part, m *manifest) {
	_, labelled := m.Metadata.Labels[policy.Label]
	seen := map[string]bool{}
	for i := 0; i+1 < len(m.Data.Content); i += 2 {
		key, value := m.Data.Content[i], m.Data.Content[i+1]
		if !strings.HasSuffix(key.Value, ".yaml") || !labelled && !holdsPolicy(value.Value) {
			continue
		}
		if seen[key.Value] {
			l.problems = append(l.problems, policy.Problem{File: p.File, Line: p.Line + key.Line, Column: key.Column, Message: fmt.Sprintf("key %q is there already", key.Value)})
		}
		seen[key.Value] = true
		l.add(policy.ParseAt(originOf(p, key, value), m.Metadata.Name, key.Value, []byte(value.Value)))
	}
}

func holdsPolicy(text string) bool {
	kind, err := Part{Text: []byte(text)}.Kind()
	return err == nil && kind == policy.Kind
}

// originOf is exact for a literal block ("|"), the usual way to write a
// document into a ConfigMap.
func originOf(p Part, key, value *yaml.Node) policy.Origin {
	if value.Style&yaml.LiteralStyle == 0 {
		return policy.Origin{File: p.File, Line: p.Line + key.Line, Column: key.Column, Folded: true}
	}
	return policy.Origin{File: p.File, Line: p.Line + value.Line, Column: indentation(p.Text, value.Line, value.Value)}
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
