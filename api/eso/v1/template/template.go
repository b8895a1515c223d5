package template

import (
	"bytes"
	"strings"
	"text/template"
	"text/template/parse"
	_ "time/tzdata" // The zones of the date functions are the same in every image.
)

// root is the name of what is parsed. Errors of text/template begin with it.
const root = "template"

// Template is a parsed template. It may be executed by many at once.
type Template struct {
	name, missing string
	trees         map[string]*parse.Tree
	functions     map[string]function
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
	available := functions()
	parsed, err := template.New(root).Funcs(available).Parse(text)
	if err != nil {
		return nil, syntaxError(name, err)
	}
	trees := map[string]*parse.Tree{}
	instrumenter := instrumenter{called: map[string]bool{}}
	for _, defined := range parsed.Templates() {
		instrumenter.tree(defined.Tree)
		trees[defined.Name()] = defined.Tree
	}
	return &Template{name: name, missing: missing, trees: trees, functions: pick(available, instrumenter.called)}, nil
}

// Execute answers what the template makes of the values, on a budget that all
// templates of one object share.
func (t *Template) Execute(budget *Budget, values map[string]string) (output []byte, err error) {
	defer func() {
		if recover() != nil {
			output, err = nil, newError(t.name, position{}, "", failed)
		}
	}()
	budget.nesting = 0
	bound := template.New(root).Option(t.missing).Funcs(budget.functions(t.functions))
	for name, tree := range t.trees {
		if _, err := bound.AddParseTree(name, tree); err != nil {
			return nil, executionError(t.name, err)
		}
	}
	written := &boundedBuffer{Buffer: *bytes.NewBuffer([]byte{})} // An empty output is not nil.
	if err := bound.Execute(written, values); err != nil {
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
