// Command terraform evaluates a Terraform module as far as it needs no provider:
// it reads the folder named as its argument and the values of the variables as
// JSON on standard input, and prints the resources with their arguments as JSON,
// in the order of the files.
//
// It is a module of its own so that the product does not depend on HCL.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// resource is one block, evaluated. Arguments that are null are left out.
type resource struct {
	Type      string         `json:"type"`
	Name      string         `json:"name"`
	Arguments map[string]any `json:"arguments"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: terraform FOLDER <variables.json")
	}
	given := map[string]any{}
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		return fmt.Errorf("variables: %w", err)
	}
	blocks, err := parse(args[0])
	if err != nil {
		return err
	}
	variables, err := valuesOf(blocks, given)
	if err != nil {
		return err
	}
	resources, err := evaluate(blocks, variables)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(resources)
}

// parse knows the blocks that the module has, and no others.
func parse(folder string) (hcl.Blocks, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.tf"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no *.tf in %s", folder)
	}
	parser := hclparse.NewParser()
	schema := &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{
		{Type: "terraform"}, {Type: "variable", LabelNames: []string{"name"}}, {Type: "resource", LabelNames: []string{"type", "name"}},
	}}
	var all hcl.Blocks
	for _, path := range files {
		file, problems := parser.ParseHCLFile(path)
		if problems.HasErrors() {
			return nil, problems
		}
		content, problems := file.Body.Content(schema)
		if problems.HasErrors() {
			return nil, problems
		}
		all = append(all, content.Blocks...)
	}
	return all, nil
}

// valuesOf the variables: what is given, or the default. A variable without
// either is an error, and so is a value for none.
func valuesOf(blocks hcl.Blocks, given map[string]any) (map[string]cty.Value, error) {
	values := map[string]cty.Value{}
	for _, block := range blocks.OfType("variable") {
		name := block.Labels[0]
		attributes, problems := block.Body.JustAttributes()
		if problems.HasErrors() {
			return nil, problems
		}
		value, err := valueOf(attributes["default"], given, name)
		if err != nil {
			return nil, fmt.Errorf("variable %s: %w", name, err)
		}
		values[name] = value
		delete(given, name)
	}
	for name := range given {
		return nil, fmt.Errorf("there is no variable %s", name)
	}
	return values, nil
}

func valueOf(fallback *hcl.Attribute, given map[string]any, name string) (cty.Value, error) {
	if value, ok := given[name]; ok {
		implied, err := json.Marshal(value)
		if err != nil {
			return cty.NilVal, err
		}
		var simple ctyjson.SimpleJSONValue
		err = json.Unmarshal(implied, &simple)
		return simple.Value, err
	}
	if fallback == nil {
		return cty.NilVal, errors.New("is required")
	}
	value, problems := fallback.Expr.Value(nil)
	if problems.HasErrors() {
		return cty.NilVal, problems
	}
	return value, nil
}

// evaluate the resources in the order of the files: each may refer to those
// before it.
func evaluate(blocks hcl.Blocks, variables map[string]cty.Value) ([]resource, error) {
	known := map[string]map[string]cty.Value{}
	var resources []resource
	for _, block := range blocks.OfType("resource") {
		kind, name := block.Labels[0], block.Labels[1]
		values, err := argumentsOf(block, scope(variables, known))
		if err != nil {
			return nil, err
		}
		arguments, err := plain(values)
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", kind, name, err)
		}
		resources = append(resources, resource{Type: kind, Name: name, Arguments: arguments})
		if known[kind] == nil {
			known[kind] = map[string]cty.Value{}
		}
		known[kind][name] = cty.ObjectVal(values)
	}
	return resources, nil
}

func scope(variables map[string]cty.Value, known map[string]map[string]cty.Value) *hcl.EvalContext {
	all := map[string]cty.Value{"var": cty.ObjectVal(variables)}
	for kind, byName := range known {
		all[kind] = cty.ObjectVal(byName)
	}
	return &hcl.EvalContext{Variables: all}
}

func argumentsOf(block *hcl.Block, scope *hcl.EvalContext) (map[string]cty.Value, error) {
	attributes, problems := block.Body.JustAttributes()
	if problems.HasErrors() {
		return nil, problems
	}
	values := map[string]cty.Value{}
	for name, attribute := range attributes {
		value, problems := attribute.Expr.Value(scope)
		if problems.HasErrors() {
			return nil, problems
		}
		values[name] = value
	}
	return values, nil
}

// plain values, as JSON has them.
func plain(values map[string]cty.Value) (map[string]any, error) {
	arguments := map[string]any{}
	for name, value := range values {
		if value.IsNull() {
			continue
		}
		text, err := ctyjson.SimpleJSONValue{Value: value}.MarshalJSON()
		if err != nil {
			return nil, err
		}
		var argument any
		if err := json.Unmarshal(text, &argument); err != nil {
			return nil, err
		}
		arguments[name] = argument
	}
	return arguments, nil
}
