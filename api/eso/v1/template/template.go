package template

import (
	"bytes"
	"strings"
	"text/template"
	_ "time/tzdata" // The zones of the date functions are the same in every image.
)

// root is the name of what is parsed. Errors of text/template begin with it.
const root = "template"

// Template is a parsed template. It may be executed by many at once.
type Template struct {
	name   string
	parsed *template.Template
}

// Parse reads a template whose values are asked for by key: a key that is
// missing is an error, as in ESO. The name is what errors call the template.
func Parse(name, text string) (*Template, error) {
	return read(name, text, "missingkey=error")
}

// ParseTransform reads the template of a rewrite, which gets the old key as
// .value. As in ESO, any other key is written as "<no value>".
func ParseTransform(name, text string) (*Template, error) {
	return read(name, text, "missingkey=default")
}

func read(name, text, missing string) (*Template, error) {
	if len(text) > maxText || strings.Count(text, "{{") > maxActions {
		return nil, newError(name, position{}, "", tooLong)
	}
	parsed, err := template.New(root).Option(missing).Funcs(functions()).Parse(text)
	if err != nil {
		return nil, syntaxError(name, err)
	}
	for _, defined := range parsed.Templates() {
		instrument(defined.Tree)
	}
	return &Template{name: name, parsed: parsed}, nil
}

// Execute answers what the template makes of the values, on a budget that all
// templates of one object share.
func (t *Template) Execute(budget *Budget, values map[string]string) (output []byte, err error) {
	defer func() {
		if recover() != nil {
			output, err = nil, newError(t.name, position{}, "", failed)
		}
	}()
	clone, err := t.parsed.Clone()
	if err != nil {
		return nil, executionError(t.name, err)
	}
	written := &boundedBuffer{}
	budget.nesting = 0
	if err := clone.Funcs(budget.functions()).Execute(written, values); err != nil {
		return nil, executionError(t.name, err)
	}
	return written.Bytes(), nil
}

// boundedBuffer refuses what no Secret could hold.
type boundedBuffer struct{ bytes.Buffer }

func (b *boundedBuffer) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxOutput {
		return 0, outputTooLarge
	}
	return b.Buffer.Write(p)
}
