package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Node is a YAML or JSON document of a file, or a part of one. It is decoded
// strictly, and what is wrong with it is told by its place in the file.
type Node struct {
	origin Origin
	places positions
	// at is the field that the node stands at.
	at   string
	json []byte
}

// ReadNode reads one document. Errors are Problems.
func ReadNode(origin Origin, data []byte) (*Node, error) {
	node := &Node{origin: origin}
	if hasSecondDocument(data) {
		return nil, Problems{node.problem(position{}, `more than one YAML document; part them by lines with "---" alone`)}
	}
	var wrong []misplaced
	node.places, node.json, wrong = readStrict(data)
	return node, node.problems(wrong)
}

func hasSecondDocument(data []byte) bool {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var node yaml.Node
	if decoder.Decode(&node) != nil {
		return false
	}
	return !errors.Is(decoder.Decode(&node), io.EOF)
}

// Decode decodes by JSON tags. A field that the value does not know and a value
// of another type are errors, as Problems.
func (n *Node) Decode(into any) error {
	return n.problems(decodeJSON(n.json, into, n.places, n.at))
}

// Kind is what the node says of itself, if it is an object.
func (n *Node) Kind() (apiVersion, kind string) {
	var header struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if json.Unmarshal(n.json, &header) != nil {
		return "", ""
	}
	return header.APIVersion, header.Kind
}

// Child is the part at a field, or nil where there is none.
func (n *Node) Child(name string) *Node {
	var fields map[string]json.RawMessage
	if json.Unmarshal(n.json, &fields) != nil || fields[name] == nil || string(fields[name]) == "null" {
		return nil
	}
	return n.part(join(n.at, name), fields[name])
}

// Items are the parts of a list.
func (n *Node) Items() []*Node {
	var items []json.RawMessage
	if n == nil || json.Unmarshal(n.json, &items) != nil {
		return nil
	}
	nodes := make([]*Node, len(items))
	for i, item := range items {
		nodes[i] = n.part(join(n.at, strconv.Itoa(i)), item)
	}
	return nodes
}

func (n *Node) part(at string, asJSON []byte) *Node {
	return &Node{origin: n.origin, places: n.places, at: at, json: asJSON}
}

// Problem is one at a field of the node.
func (n *Node) Problem(field, message string) Problem {
	return n.problem(n.places.of(join(n.at, field)), message)
}

func (n *Node) problem(at position, message string) Problem {
	problem := Problem{File: n.origin.File, Message: message}
	problem.Line, problem.Column = n.origin.place(at)
	return problem
}

func (n *Node) problems(wrong []misplaced) error {
	problems := make(Problems, len(wrong))
	for i, one := range wrong {
		if one.position == (position{}) && n.at != "" {
			one.position = n.places.of(n.at)
		}
		problems[i] = n.problem(one.position, one.message)
	}
	return problems.Err()
}
