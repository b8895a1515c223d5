package expression

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxYAML bounds the text that yaml.load reads: the parser makes much of it.
const maxYAML = 256 << 10

func loadYAML(scope *Scope, argument any) (any, error) {
	text, err := stringOf(argument)
	if err != nil {
		return nil, err
	}
	if len(text) > maxYAML {
		return nil, fmt.Errorf("more than %d KiB of YAML", maxYAML>>10)
	}
	if err := scope.spend(len(text)); err != nil {
		return nil, err
	}
	document, err := onlyDocument(text)
	if err != nil {
		return nil, err
	}
	return (&yamlReader{tree{scope}}).value(document, 0)
}

func onlyDocument(text string) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(strings.NewReader(text))
	var document, second yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, errors.New("there is no YAML in it")
	} else if err != nil {
		return nil, malformedYAML(err)
	}
	if err := decoder.Decode(&second); err == nil {
		return nil, errors.New("more than one YAML document")
	} else if !errors.Is(err, io.EOF) {
		return nil, malformedYAML(err)
	}
	return document.Content[0], nil
}

// malformedYAML keeps the place only, which the parser tells up to a line: its
// error may quote the text.
func malformedYAML(err error) error {
	var line int
	if _, scanErr := fmt.Sscanf(err.Error(), "yaml: line %d:", &line); scanErr == nil {
		return fmt.Errorf("malformed YAML near line %d", line)
	}
	return errors.New("malformed YAML")
}

// yamlReader takes plain YAML: no alias, so that nothing multiplies, and no tag.
type yamlReader struct{ tree }

func (r *yamlReader) value(n *yaml.Node, depth int) (any, error) {
	if err := r.add(depth); err != nil {
		return nil, err
	}
	if n.Style&yaml.TaggedStyle != 0 {
		return nil, unsupported(n, "a tag is")
	}
	switch n.Kind {
	case yaml.MappingNode:
		return r.mapping(n, depth)
	case yaml.SequenceNode:
		return r.sequence(n, depth)
	case yaml.AliasNode:
		return nil, unsupported(n, "an alias is")
	default:
		return scalar(n)
	}
}

func unsupported(n *yaml.Node, what string) error {
	return fmt.Errorf("line %d: %s not supported", n.Line, what)
}

func (r *yamlReader) mapping(n *yaml.Node, depth int) (any, error) {
	read := newObject()
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str" && key.ShortTag() != "!!int" {
			return nil, unsupported(key, "a key that is not text is")
		}
		if _, twice := read.values[key.Value]; twice {
			return nil, unsupported(key, "a key that is there already is")
		}
		value, err := r.value(n.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}
		read.set(key.Value, value)
	}
	return read, nil
}

func (r *yamlReader) sequence(n *yaml.Node, depth int) (any, error) {
	read := make([]any, len(n.Content))
	for i, item := range n.Content {
		value, err := r.value(item, depth+1)
		if err != nil {
			return nil, err
		}
		read[i] = value
	}
	return read, nil
}

func scalar(n *yaml.Node) (any, error) {
	switch n.ShortTag() {
	case "!!str":
		return n.Value, nil
	case "!!null":
		return nil, nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true"), nil
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			return json.Number(n.Value), nil
		}
		return nil, unsupported(n, "a number that is not in decimal is")
	}
	return nil, unsupported(n, "a value that is neither text, number, boolean nor null (quote a date) is")
}

// dumpYAML writes what JavaScript's yaml.dump writes, up to quotes and folds.
func dumpYAML(scope *Scope, argument any) (any, error) {
	node, err := yamlOf(argument)
	if err != nil {
		return nil, err
	}
	var out bounded
	encoder := yaml.NewEncoder(&out)
	const indent = 2
	encoder.SetIndent(indent)
	if err := errors.Join(encoder.Encode(node), encoder.Close()); err != nil {
		return nil, errors.New(tooLong)
	}
	return out.String(), scope.spend(out.Len())
}

// bounded is text that does not grow beyond maxText.
type bounded struct{ strings.Builder }

func (b *bounded) Write(text []byte) (int, error) {
	if b.Len()+len(text) > maxText {
		return 0, errors.New(tooLong)
	}
	return b.Builder.Write(text)
}

func yamlOf(value any) (*yaml.Node, error) {
	switch value := value.(type) {
	case *object:
		return yamlMapping(value)
	case []any:
		return yamlSequence(value)
	case string:
		return yamlText(value), nil
	case nil:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: "null"}, nil
	}
	text, err := textOf(value)
	return &yaml.Node{Kind: yaml.ScalarNode, Value: text}, err
}

func yamlText(text string) *yaml.Node {
	node := &yaml.Node{}
	node.SetString(text)
	margin := text[:len(text)-len(strings.TrimLeft(text, " \t\n"))]
	switch {
	case isMistaken(text):
		node.Style = yaml.SingleQuotedStyle
	case strings.Contains(margin, "\t"):
		// The encoder would write a block that no parser reads.
		node.Style = yaml.DoubleQuotedStyle
	}
	return node
}

// isMistaken reports text that is read as something else unless it is quoted:
// by YAML 1.1, also yes, no, and 1:30 as a number of base 60.
func isMistaken(text string) bool {
	plain := yaml.Node{Kind: yaml.ScalarNode, Value: text}
	old := []string{"y", "n", "yes", "no", "on", "off", "<<", "="}
	return plain.ShortTag() != "!!str" || slices.Contains(old, strings.ToLower(text)) ||
		strings.Trim(text, "0123456789_:.+-") == ""
}

func yamlMapping(value *object) (*yaml.Node, error) {
	node := &yaml.Node{Kind: yaml.MappingNode}
	for _, key := range value.keys {
		keyNode, err := yamlOf(key)
		if err != nil {
			return nil, err
		}
		valueNode, err := yamlOf(value.values[key])
		if err != nil {
			return nil, err
		}
		node.Content = append(node.Content, keyNode, valueNode)
	}
	return node, nil
}

func yamlSequence(value []any) (*yaml.Node, error) {
	node := &yaml.Node{Kind: yaml.SequenceNode}
	for _, item := range value {
		itemNode, err := yamlOf(item)
		if err != nil {
			return nil, err
		}
		node.Content = append(node.Content, itemNode)
	}
	return node, nil
}
