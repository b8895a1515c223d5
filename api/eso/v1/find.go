package v1

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api"
)

const (
	// maxFound bounds the names that are listed for one entry, folders too, and
	// maxDepth how far below its path they are.
	maxFound = 1000
	maxDepth = 30
)

// values are all secrets of a tree that have a name or tags, each as JSON.
func (f *Find) values(ctx context.Context, from source, at *field.Path) (map[string][]byte, error) {
	values, metadata, err := from.engine.tree(f.Path)
	if err != nil {
		return nil, wrong(field.Invalid(at.Child("path"), f.path(), err.Error()))
	}
	if from.engine.kv1 && f.Tags != nil {
		return nil, wrong(field.Forbidden(at.Child("tags"), "KV v1 has none; find by name"))
	}
	tree := &tree{source: from, values: values, metadata: metadata, at: at.Child("path")}
	if err := tree.list(ctx, "", 0); err != nil {
		return nil, err
	}
	wanted, err := f.selector(ctx, tree, at)
	if err != nil {
		return nil, err
	}
	found := map[string][]byte{}
	for _, name := range tree.names {
		if err := tree.take(ctx, found, f.prefix(), name, wanted); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (f *Find) path() string {
	if f.Path == nil {
		return ""
	}
	return *f.Path
}

// prefix is what the names that are found begin with.
func (f *Find) prefix() string {
	if f.Path == nil {
		return ""
	}
	return *f.Path + "/"
}

// selector tells which names are wanted: a name goes before tags.
func (f *Find) selector(ctx context.Context, tree *tree, at *field.Path) (func(name string) (bool, error), error) {
	if f.Name != nil {
		expression, err := compileRegular(f.Name.RegExp)
		if err != nil {
			return nil, wrong(field.Invalid(at.Child("name", "regexp"), f.Name.RegExp, err.Error()))
		}
		return func(name string) (bool, error) { return expression.MatchString(f.prefix() + name), nil }, nil
	}
	return func(name string) (bool, error) { return tree.has(ctx, name, f.Tags) }, nil
}

// tree is where secrets are found.
type tree struct {
	source

	values, metadata string
	at               *field.Path
	// names are relative to it; listed are those and the folders.
	names  []string
	listed int
	held   held
}

// list adds the names below a folder, which is empty or ends with a slash.
func (t *tree) list(ctx context.Context, folder string, depth int) error {
	if depth > maxDepth {
		return wrong(field.Invalid(t.at, folder, fmt.Sprintf("more than %d folders deep; name a path further down", maxDepth)))
	}
	answer, err := t.door(ctx, api.Address{Path: strings.TrimSuffix(t.metadata+"/"+folder, "/"), List: true}, t.at)
	if err != nil {
		return err
	}
	keys, _ := answer["keys"].([]any)
	for _, key := range keys {
		name, _ := key.(string)
		if t.listed++; t.listed > maxFound {
			return wrong(field.Invalid(t.at, t.metadata, fmt.Sprintf("more than %d secrets and folders; name a path further down", maxFound)))
		}
		if !strings.HasSuffix(name, "/") {
			t.names = append(t.names, folder+name)
			continue
		}
		// What was emptied meanwhile is no folder any more.
		if err := t.list(ctx, folder+name, depth+1); err != nil && !errors.Is(err, api.ErrNothing) {
			return err
		}
	}
	return nil
}

// has reports whether a secret has all tags, among its metadata.
func (t *tree) has(ctx context.Context, name string, tags map[string]string) (bool, error) {
	if len(tags) == 0 {
		return true, nil
	}
	metadata, err := t.source.metadata(ctx, t.metadata+"/"+name, t.at)
	if errors.Is(err, api.ErrNothing) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for tag, want := range tags {
		if metadata[tag] != want {
			return false, nil
		}
	}
	return true, nil
}

// take adds a secret that is wanted; one that is deleted is none.
func (t *tree) take(ctx context.Context, found map[string][]byte, prefix, name string, wanted func(string) (bool, error)) error {
	want, err := wanted(name)
	if err != nil || !want {
		return err
	}
	object, err := t.secret(ctx, api.Address{Path: t.values + "/" + name}, t.at)
	if errors.Is(err, api.ErrNothing) {
		return nil
	}
	if err != nil {
		return err
	}
	if found[prefix+name], err = json.Marshal(object); err != nil {
		return err
	}
	return t.held.add(found[prefix+name], t.at)
}
