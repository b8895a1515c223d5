package expression

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"
	"github.com/dop251/goja/parser"
)

// maxDepth bounds how deep expressions and the values that they read are nested.
const maxDepth = 100

const supported = "supported are lookups in data, JSON.parse, JSON.stringify, yaml.load, yaml.dump, literals, +, comparisons, &&, ||, ??, ! and ?:"

// compiler turns the syntax that is allowed into nodes.
type compiler struct {
	// base is where the expression stands in the template.
	base, depth int
}

// compile makes a node of one JavaScript expression.
func compile(text string, base int) (node, error) {
	// The parser takes time exponential in the depth of nested arrow functions.
	if arrow := strings.Index(text, "=>"); arrow >= 0 {
		return nil, &fault{base + arrow, "functions are not supported, nor => in a text; " + supported}
	}
	// A source map would be read from where the template says.
	program, err := parser.ParseFile(nil, "", opening+text+"\n)", 0, parser.WithDisableSourceMaps)
	if err == nil && len(program.Body) == 1 {
		if only, ok := program.Body[0].(*ast.ExpressionStatement); ok {
			return (&compiler{base: base}).expression(only.Expression)
		}
	}
	return nil, &fault{base, "not one expression of JavaScript"}
}

// opening makes what begins with a brace an expression too.
const opening = "("

// offset of a place in the template.
func (c *compiler) offset(at file.Idx) int { return c.base + int(at) - 1 - len(opening) }

func (c *compiler) refuse(at file.Idx, what string) error {
	return &fault{c.offset(at), what + " is not supported; " + supported}
}

func (c *compiler) expression(e ast.Expression) (node, error) {
	c.depth++
	defer func() { c.depth-- }()
	if c.depth > maxDepth {
		return nil, &fault{c.offset(e.Idx0()), fmt.Sprintf("nested deeper than %d", maxDepth)}
	}
	switch e := e.(type) {
	case *ast.StringLiteral:
		return literal{e.Value.String()}, nil
	case *ast.NumberLiteral:
		return c.number(e)
	case *ast.BooleanLiteral:
		return literal{e.Value}, nil
	case *ast.NullLiteral:
		return literal{nil}, nil
	case *ast.Identifier:
		return c.identifier(e)
	case *ast.DotExpression:
		return c.lookup(e.Left, literal{e.Identifier.Name.String()}, e.Identifier.Idx)
	case *ast.BracketExpression:
		return c.bracket(e)
	}
	return c.operation(e)
}

func (c *compiler) operation(e ast.Expression) (node, error) {
	switch e := e.(type) {
	case *ast.CallExpression:
		return c.call(e)
	case *ast.BinaryExpression:
		return c.binary(e)
	case *ast.UnaryExpression:
		return c.unary(e)
	case *ast.ConditionalExpression:
		nodes, err := c.all(e.Test, e.Consequent, e.Alternate)
		if err != nil {
			return nil, err
		}
		return &choice{nodes[0], nodes[1], nodes[2]}, nil
	case *ast.TemplateLiteral:
		return c.template(e)
	}
	return nil, c.refuse(e.Idx0(), nameOf(e))
}

// all compiles the parts of an expression, or none.
func (c *compiler) all(parts ...ast.Expression) ([]node, error) {
	nodes := make([]node, len(parts))
	for i, part := range parts {
		compiled, err := c.expression(part)
		if err != nil {
			return nil, err
		}
		nodes[i] = compiled
	}
	return nodes, nil
}

// number takes what JSON takes, so that all numbers are written alike.
func (c *compiler) number(e *ast.NumberLiteral) (node, error) {
	if !json.Valid([]byte(e.Literal)) {
		return nil, &fault{c.offset(e.Idx), "write the number in decimal"}
	}
	return literal{json.Number(e.Literal)}, nil
}

func (c *compiler) identifier(e *ast.Identifier) (node, error) {
	switch e.Name {
	case "data":
		return data{}, nil
	case "JSON", "yaml":
		return nil, c.refuse(e.Idx, e.Name.String()+" without a call")
	case "Buffer":
		return nil, &fault{c.offset(e.Idx), "Buffer is not supported; write the key under stringData, which takes text that is not base64"}
	}
	return nil, &fault{c.offset(e.Idx), fmt.Sprintf(`there is no %q, only data, JSON and yaml; write <%%= "${" %%> for a ${ that is text`, e.Name)}
}

func (c *compiler) lookup(of ast.Expression, key node, at file.Idx) (node, error) {
	compiled, err := c.expression(of)
	if err != nil {
		return nil, err
	}
	return &lookup{compiled, key, c.offset(at)}, nil
}

func (c *compiler) bracket(e *ast.BracketExpression) (node, error) {
	key, err := c.expression(e.Member)
	if err != nil {
		return nil, err
	}
	return c.lookup(e.Left, key, e.Member.Idx0())
}

func (c *compiler) binary(e *ast.BinaryExpression) (node, error) {
	nodes, err := c.all(e.Left, e.Right)
	if err != nil {
		return nil, err
	}
	left, right := c.offset(e.Left.Idx0()), c.offset(e.Right.Idx0())
	switch operator := e.Operator.String(); operator {
	case "+":
		return &concat{parts: nodes, at: []int{left, right}, plus: true}, nil
	case "&&", "||", "??":
		return &logical{operator, nodes[0], nodes[1]}, nil
	case "==", "===", "!=", "!==", "<", "<=", ">", ">=":
		return &comparison{operator, nodes[0], nodes[1], left}, nil
	}
	return nil, c.refuse(e.Left.Idx0(), nameOf(e))
}

func (c *compiler) unary(e *ast.UnaryExpression) (node, error) {
	if e.Operator.String() != "!" {
		return nil, c.refuse(e.Idx0(), nameOf(e))
	}
	operand, err := c.expression(e.Operand)
	return &not{operand}, err
}

func (c *compiler) template(e *ast.TemplateLiteral) (node, error) {
	if e.Tag != nil {
		return nil, c.refuse(e.Tag.Idx0(), "a tagged template")
	}
	nodes, err := c.all(e.Expressions...)
	if err != nil {
		return nil, err
	}
	result := &concat{}
	for i, element := range e.Elements {
		result.add(literal{element.Parsed.String()}, c.offset(element.Idx))
		if i < len(nodes) {
			result.add(nodes[i], c.offset(e.Expressions[i].Idx0()))
		}
	}
	return result, nil
}
