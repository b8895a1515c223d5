package expression

import (
	"fmt"
	"strings"
)

const (
	// maxExpressions is how many the templates of one object may have.
	maxExpressions = 256
	// maxExpressionBytes bounds what is given to the JavaScript parser.
	maxExpressionBytes = 4096
	// maxText bounds each text that is made: no Secret holds more.
	maxText = 1 << 20
)

// Parser reads the templates of one object.
type Parser struct{ expressions int }

// Template is text with expressions in it.
type Template struct {
	text  string
	parts []part
}

// part is literal text, or an expression.
type part struct {
	literal    string
	expression node
	kind       kind
	at         int
}

// Parse reads one template, or tells what in it is not supported, and where.
func (p *Parser) Parse(text string) (*Template, error) {
	template := &Template{text: text}
	splitter, at := newSplitter(text), 0
	for {
		tag, ok := splitter.next(at)
		if !ok {
			break
		}
		template.parts = append(template.parts, part{literal: text[at:tag.start]})
		expression, err := p.expression(text, &tag)
		if err != nil {
			return nil, located(text, err)
		}
		template.parts = append(template.parts, part{expression: expression, kind: tag.kind, at: tag.from})
		at = tag.end
	}
	template.parts = append(template.parts, part{literal: text[at:]})
	return template, nil
}

func (p *Parser) expression(text string, tag *tag) (node, error) {
	p.expressions++
	switch {
	case tag.kind == statement:
		return nil, &fault{tag.start, "statements in <% %> are not supported; " + supported}
	case p.expressions > maxExpressions:
		return nil, &fault{tag.start, fmt.Sprintf("more than %d expressions in one object", maxExpressions)}
	case tag.to-tag.from > maxExpressionBytes:
		return nil, &fault{tag.start, fmt.Sprintf("an expression of more than %d bytes", maxExpressionBytes)}
	}
	return compile(text[tag.from:tag.to], tag.from)
}

// Literal is the text of a template without expressions.
func (t *Template) Literal() (string, bool) { return t.text, len(t.parts) == 1 }

// Render puts the values in.
func (t *Template) Render(scope *Scope) (string, error) {
	var out strings.Builder
	for i := range t.parts {
		text, err := t.parts[i].render(scope)
		if err != nil {
			return "", located(t.text, err)
		}
		if out.Len()+len(text) > maxText {
			return "", located(t.text, &fault{t.parts[i].at, tooLong})
		}
		out.WriteString(text)
	}
	return out.String(), nil
}

// render writes null as nothing, as lodash does.
func (p *part) render(scope *Scope) (string, error) {
	if p.expression == nil {
		return p.literal, nil
	}
	value, err := valueOf(p.expression, scope)
	if value == nil || err != nil {
		return "", err
	}
	text, err := textOf(value)
	if err == nil && p.kind == escaped {
		text = escapeHTML(text)
	}
	if err == nil {
		err = scope.spend(len(text))
	}
	if err != nil {
		return "", &fault{p.at, err.Error()}
	}
	return text, nil
}

// escapeHTML is lodash's _.escape: other entities than package html's.
func escapeHTML(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;").Replace(text)
}
