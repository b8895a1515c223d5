package expression

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// nodeWork is what a value costs that is read of a text, besides its bytes.
const nodeWork = 64

// tree bounds what is read of one text.
type tree struct{ scope *Scope }

func (t *tree) add(depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("nested deeper than %d", maxDepth)
	}
	return t.scope.spend(nodeWork)
}

func parseJSON(scope *Scope, argument any) (any, error) {
	text, err := stringOf(argument)
	if err != nil {
		return nil, err
	}
	if err := scope.spend(len(text)); err != nil {
		return nil, err
	}
	var raw json.RawMessage
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return nil, malformedJSON(err)
	}
	reader := jsonReader{json.NewDecoder(strings.NewReader(text)), tree{scope}}
	reader.UseNumber()
	return reader.value(0)
}

// malformedJSON keeps the place only: the decoder's error quotes the text.
func malformedJSON(err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("malformed JSON at byte %d", syntax.Offset)
	}
	return errors.New("malformed JSON")
}

// jsonReader reads JSON that is known to be well formed, keys in their order.
type jsonReader struct {
	*json.Decoder
	tree
}

func (r *jsonReader) value(depth int) (any, error) {
	if err := r.add(depth); err != nil {
		return nil, err
	}
	token, err := r.Token()
	if err != nil {
		return nil, malformedJSON(err)
	}
	switch token {
	case json.Delim('{'):
		return r.object(depth)
	case json.Delim('['):
		return r.list(depth)
	}
	return token, nil
}

func (r *jsonReader) object(depth int) (any, error) {
	read := newObject()
	for r.More() {
		key, err := r.Token()
		if err != nil {
			return nil, malformedJSON(err)
		}
		value, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		read.set(fmt.Sprint(key), value)
	}
	_, err := r.Token()
	return read, err
}

func (r *jsonReader) list(depth int) (any, error) {
	read := []any{}
	for r.More() {
		value, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		read = append(read, value)
	}
	_, err := r.Token()
	return read, err
}

// stringifier is JSON.stringify with an indentation, or with none.
func stringifier(indent string) function {
	return func(scope *Scope, argument any) (any, error) {
		writer := jsonWriter{indent: indent}
		if err := writer.value(argument, ""); err != nil {
			return nil, err
		}
		return writer.String(), scope.spend(writer.Len())
	}
}

// jsonWriter writes as JSON.stringify does.
type jsonWriter struct {
	strings.Builder
	indent string
}

func (w *jsonWriter) value(value any, margin string) error {
	if w.Len() > maxText {
		return errors.New(tooLong)
	}
	switch value := value.(type) {
	case *object:
		return w.list("{}", margin, len(value.keys), func(i int, margin string) error {
			return w.member(value.keys[i], value.values[value.keys[i]], margin)
		})
	case []any:
		return w.list("[]", margin, len(value), func(i int, margin string) error { return w.value(value[i], margin) })
	case string:
		return w.quoted(value)
	case nil:
		w.WriteString("null")
	default:
		text, err := textOf(value)
		w.WriteString(text)
		return err
	}
	return nil
}

func (w *jsonWriter) list(brackets, margin string, n int, item func(i int, margin string) error) error {
	inner := margin + w.indent
	w.WriteString(brackets[:1])
	for i := range n {
		if i > 0 {
			w.WriteString(",")
		}
		w.newLine(inner)
		if err := item(i, inner); err != nil {
			return err
		}
	}
	if n > 0 {
		w.newLine(margin)
	}
	w.WriteString(brackets[1:])
	return nil
}

func (w *jsonWriter) newLine(margin string) {
	if w.indent != "" {
		w.WriteString("\n" + margin)
	}
}

func (w *jsonWriter) member(key string, value any, margin string) error {
	if err := w.quoted(key); err != nil {
		return err
	}
	w.WriteString(":")
	if w.indent != "" {
		w.WriteString(" ")
	}
	return w.value(value, margin)
}

func (w *jsonWriter) quoted(text string) error {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		return errors.New("the text cannot be written as JSON")
	}
	w.Write(bytes.TrimSuffix(out.Bytes(), []byte("\n")))
	return nil
}
