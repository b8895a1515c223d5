package policy

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// position is a place in a document; lines and columns start at 1.
type position struct{ line, column int }

// positions say where each field of a document stands, by its path with dots
// only: allow.0.paths.1.
type positions map[string]position

// readPositions walks the document's nodes. It also finds duplicate keys, each
// with its place: a decoder would tell the first one only. Aliases are refused,
// so that a document is never larger than its text.
func readPositions(data []byte) (positions, []misplaced, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, nil, err
	}
	found := positions{}
	var wrong []misplaced
	var walk func(node *yaml.Node, at string)
	walk = func(node *yaml.Node, at string) {
		switch node.Kind {
		case yaml.DocumentNode:
			for _, child := range node.Content {
				walk(child, at)
			}
		case yaml.MappingNode:
			seen := map[string]bool{}
			for i := 0; i+1 < len(node.Content); i += 2 {
				key := node.Content[i]
				child := join(at, key.Value)
				if seen[key.Value] {
					wrong = append(wrong, misplaced{position{key.Line, key.Column}, fmt.Sprintf("key %q is there already", child)})
				}
				seen[key.Value] = true
				found[child] = position{key.Line, key.Column}
				walk(node.Content[i+1], child)
			}
		case yaml.SequenceNode:
			for i, child := range node.Content {
				item := join(at, strconv.Itoa(i))
				found[item] = position{child.Line, child.Column}
				walk(child, item)
			}
		case yaml.AliasNode:
			wrong = append(wrong, misplaced{position{node.Line, node.Column}, fmt.Sprintf("%s: write the value out; an alias (*%s) may stand for far more than a reviewer sees", at, node.Value)})
		case yaml.ScalarNode:
		}
	}
	walk(&root, "")
	return found, wrong, nil
}

// misplaced is a message and its place.
type misplaced struct {
	position

	message string
}

func join(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}

// of is the place of a field, or of the nearest field around it that is there.
func (p positions) of(field string) position {
	at := strings.NewReplacer("[", ".", "]", "").Replace(field)
	for at != "" {
		if found, ok := p[at]; ok {
			return found
		}
		at = at[:max(strings.LastIndexByte(at, '.'), 0)]
	}
	return position{line: 1, column: 1}
}

// syntaxPosition takes the line out of the text of a YAML error, which has it
// nowhere else.
func syntaxPosition(err error) position {
	match := regexp.MustCompile(`line (\d+)`).FindStringSubmatch(err.Error())
	if match == nil {
		return position{}
	}
	line, err := strconv.Atoi(match[1])
	if err != nil {
		return position{}
	}
	return position{line: line, column: 1}
}

// syntaxMessage is the text without what the position says already.
func syntaxMessage(err error) string {
	var many *yaml.TypeError
	if errors.As(err, &many) && len(many.Errors) > 0 {
		return many.Errors[0]
	}
	return regexp.MustCompile(`^yaml: (line \d+: )?`).ReplaceAllString(err.Error(), "")
}
