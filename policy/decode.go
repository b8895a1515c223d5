package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// decodeStrict decodes YAML into a value by its JSON tags. A field that the
// value does not know, a duplicate key and a value of another type are errors,
// each with its place.
func decodeStrict(data []byte, into any) (positions, []misplaced) {
	found, asJSON, wrong := readStrict(data)
	if len(wrong) == 0 {
		wrong = decodeJSON(asJSON, into, found, "")
	}
	return found, wrong
}

// readStrict reads YAML; a duplicate key is an error.
func readStrict(data []byte) (positions, []byte, []misplaced) {
	found, wrong, err := readPositions(data)
	if err != nil {
		return nil, nil, []misplaced{{syntaxPosition(err), syntaxMessage(err)}}
	}
	if len(wrong) > 0 {
		return found, nil, wrong
	}
	asJSON, err := yaml.YAMLToJSONStrict(data)
	if err != nil {
		return found, nil, []misplaced{{syntaxPosition(err), syntaxMessage(err)}}
	}
	return found, asJSON, nil
}

// decodeJSON decodes what stands at a field of the document.
func decodeJSON(asJSON []byte, into any, found positions, at string) []misplaced {
	strictErrors, err := kjson.UnmarshalStrict(asJSON, into)
	if err != nil {
		return []misplaced{typeProblem(err, asJSON, found, at)}
	}
	var wrong []misplaced
	for _, err := range strictErrors {
		wrong = append(wrong, misplaced{found.of(join(at, quoted(err.Error()))), err.Error()})
	}
	return wrong
}

// quoted is the field in: unknown field "allow[0].path".
func quoted(message string) string {
	match := regexp.MustCompile(`"(.*)"`).FindStringSubmatch(message)
	if match == nil {
		return ""
	}
	return match[1]
}

func typeProblem(err error, asJSON []byte, found positions, at string) misplaced {
	var mismatch *json.UnmarshalTypeError
	if !errors.As(err, &mismatch) {
		return misplaced{position{}, err.Error()}
	}
	field := fieldAt(asJSON, mismatch.Offset)
	return misplaced{found.of(join(at, field)), fmt.Sprintf("%s: a %s stands where %s belongs", field, mismatch.Value, describeType(mismatch))}
}

func describeType(mismatch *json.UnmarshalTypeError) string {
	switch kind := mismatch.Type.Kind().String(); kind {
	case "struct", "map":
		return "an object"
	case "slice":
		return "a list"
	case "int", "int64":
		return "a whole number"
	case "bool":
		return "true or false"
	default:
		return "a " + kind
	}
}

// fieldAt is the path of the value that ends at or contains an offset of a
// JSON text.
func fieldAt(asJSON []byte, offset int64) string {
	decoder := json.NewDecoder(bytes.NewReader(asJSON))
	var at jsonPath
	for {
		token, err := decoder.Token()
		if err != nil {
			return at.String()
		}
		at.take(token)
		if decoder.InputOffset() >= offset {
			return at.String()
		}
		at.done(token)
	}
}

// jsonPath follows a stream of JSON tokens.
type jsonPath []jsonLevel

// jsonLevel is one open object or list; key and index say where in it.
type jsonLevel struct {
	list  bool
	key   string
	isKey bool
	index int
}

func (p *jsonPath) take(token json.Token) {
	if len(*p) == 0 {
		return
	}
	top := &(*p)[len(*p)-1]
	if key, ok := token.(string); ok && !top.list && top.isKey {
		top.key = key
	}
}

func (p *jsonPath) done(token json.Token) {
	switch token {
	case json.Delim('{'):
		*p = append(*p, jsonLevel{isKey: true})
		return
	case json.Delim('['):
		*p = append(*p, jsonLevel{list: true})
		return
	case json.Delim('}'), json.Delim(']'):
		*p = (*p)[:len(*p)-1]
	}
	if len(*p) == 0 {
		return
	}
	top := &(*p)[len(*p)-1]
	if top.list {
		top.index++
		return
	}
	// A closed value comes after its key.
	if delimiter, ok := token.(json.Delim); ok && (delimiter == '}' || delimiter == ']') {
		top.isKey = true
		return
	}
	top.isKey = !top.isKey
}

func (p jsonPath) String() string {
	var path string
	for _, level := range p {
		if level.list {
			path += "[" + strconv.Itoa(level.index) + "]"
			continue
		}
		path = join(path, level.key)
	}
	return path
}
