package template

import (
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"
)

// toYAML answers no text for what cannot be written as YAML, as in ESO.
func toYAML(value any) string {
	document, err := yaml.Marshal(value)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(document), "\n")
}

// fromYAML answers an error as the entry "Error", as in ESO.
func fromYAML(document string) dict {
	read := dict{}
	if err := yaml.Unmarshal([]byte(document), &read); err != nil {
		read["Error"] = err.Error()
	}
	return read
}

// guardYAML refuses a document whose aliases would write out as too much.
func guardYAML(b *Budget, args []any) error {
	document := args[0].(string)
	if err := b.spend(yamlUnits * (size{bytes: len(document)}.units())); err != nil {
		return err
	}
	if !strings.Contains(document, "&") || !strings.Contains(document, "*") {
		return nil
	}
	var node yamlv3.Node
	if err := yamlv3.Unmarshal([]byte(document), &node); err != nil {
		return failed
	}
	m := meter{limit: maxValue()}
	return m.addYAML(&node, 0)
}

// addYAML follows aliases, as whoever decodes the node does.
func (m *meter) addYAML(node *yamlv3.Node, depth int) error {
	if depth > maxDepth {
		return tooDeep
	}
	m.entries++
	if err := m.within(len(node.Value)); err != nil {
		return err
	}
	if node.Alias != nil {
		return m.addYAML(node.Alias, depth+1)
	}
	for _, child := range node.Content {
		if err := m.addYAML(child, depth+1); err != nil {
			return err
		}
	}
	return nil
}
