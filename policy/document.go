package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// The version and kind of a policy document.
const (
	APIVersion = "countersign.dev/v1alpha1"
	Kind       = "AccessPolicy"
)

// Label marks the ConfigMaps that hold policy, with the value "true".
const Label = "countersign.dev/policy"

// AccessPolicy is one policy document. The union of all documents applies.
type AccessPolicy struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Mounts are the secret mounts that rules may speak of, by path.
	Mounts map[string]Mount `json:"mounts,omitempty"`
	// Allow rules grant. What no rule grants is denied.
	Allow []AllowRule `json:"allow"`
	// Deny rules win over every allow rule.
	Deny []DenyRule `json:"deny,omitempty"`
}

// Mount is a secret engine's mount.
type Mount struct {
	// KV is the version of a KV engine, 1 or 2; 0 is any other engine.
	KV int `json:"kv,omitempty"`
}

// AllowRule grants a claim that matches all of its parts.
type AllowRule struct {
	Name       string            `json:"name"`
	Namespaces NamespaceSelector `json:"namespaces"`
	// Paths are patterns of full Vault API paths: literal segments, "+" for
	// one segment, "*" as the last segment for one or more, "{namespace}" for
	// the object's namespace.
	Paths []string `json:"paths"`
	// Roles are roles of the auth method; "{namespace}" is replaced.
	Roles []string `json:"roles"`
	// AuthMounts default to the Vault's default auth mount; "{namespace}" is
	// replaced.
	AuthMounts []string `json:"authMounts,omitempty"`
	// AuthMethods default to "kubernetes".
	AuthMethods []string `json:"authMethods,omitempty"`
	// Vaults are names of configured Vaults; they default to "default".
	Vaults []string `json:"vaults,omitempty"`
	// VaultNamespaces default to the one that the Vault is configured with.
	VaultNamespaces []string `json:"vaultNamespaces,omitempty"`
	// Identity logs in; left out, Countersign itself does.
	Identity *Identity `json:"identity,omitempty"`
	// Operations are what may be done with the paths; left out, they are read.
	Operations []Operation `json:"operations,omitempty"`
}

// Identity is a ServiceAccount of the object's own namespace, or of another one.
type Identity struct {
	// Namespace is for objects that name a ServiceAccount with its namespace.
	// Countersign itself has tokens of the object's own namespace only.
	Namespace      string `json:"namespace,omitempty"`
	ServiceAccount string `json:"serviceAccount"`
}

// DenyRule refuses the paths that it matches, with case folded.
type DenyRule struct {
	Name string `json:"name"`
	// Namespaces default to all.
	Namespaces *NamespaceSelector `json:"namespaces,omitempty"`
	Paths      []string           `json:"paths"`
	// Reason is shown to whoever is refused.
	Reason string `json:"reason,omitempty"`
	// Enforcement stages the rule; it defaults to Enforce.
	Enforcement Mode `json:"enforcement,omitempty"`
}

// NamespaceSelector has either names or labels.
type NamespaceSelector struct {
	// Names are names, prefixes that end in "*", or "*" for all.
	Names []string `json:"names,omitempty"`
	// MatchLabels trusts whoever may label namespaces.
	MatchLabels map[string]string `json:"matchLabels,omitempty"`
}

// Document is a parsed AccessPolicy and where it stands.
type Document struct {
	// Source is the name of the ConfigMap (or file), Key the key within it.
	Source, Key string
	AccessPolicy

	origin Origin
	digest string
	places positions
}

// Origin is where in a file a document begins, so that problems can be told by
// the lines of the file.
type Origin struct {
	File string
	// Line and Column are those before the document's first: 0 for a document
	// that is a file of its own.
	Line, Column int
	// Folded holds for a document whose lines are not lines of the file. Every
	// problem of it is then at Line and Column.
	Folded bool
}

// place is where in the file a position of the document is; 0 is unknown.
func (o Origin) place(at position) (line, column int) {
	switch {
	case o.Folded:
		return o.Line, o.Column
	case at.line > 0:
		return o.Line + at.line, o.Column + at.column
	}
	return 0, 0
}

// Parse decodes one document strictly: an unknown field, a duplicate key and a
// second document are errors. They come as Problems. The rules themselves are
// checked by Compile.
func Parse(source, key string, data []byte) (*Document, error) {
	return ParseAt(Origin{}, source, key, data)
}

// ParseAt is Parse for a document in a file.
func ParseAt(origin Origin, source, key string, data []byte) (*Document, error) {
	document := &Document{Source: source, Key: key, origin: origin, digest: digest(data)}
	if err := onlyDocument(data); err != nil {
		return nil, Problems{document.problem(position{}, err.Error())}
	}
	places, wrong := decodeStrict(data, &document.AccessPolicy)
	document.places = places
	if len(wrong) == 0 {
		wrong = document.wrongKind()
	}
	if len(wrong) > 0 {
		problems := make(Problems, len(wrong))
		for i, one := range wrong {
			problems[i] = document.problem(one.position, one.message)
		}
		return nil, problems
	}
	return document, nil
}

// ParseData parses every *.yaml key of a ConfigMap's data. One bad key makes
// the whole ConfigMap bad: half a policy may be the half without the denies.
func ParseData(source string, data map[string]string) ([]*Document, error) {
	var documents []*Document
	var problems Problems
	for _, key := range slices.Sorted(maps.Keys(data)) {
		if !strings.HasSuffix(key, ".yaml") {
			continue
		}
		document, err := Parse(source, key, []byte(data[key]))
		if found, ok := errors.AsType[Problems](err); ok {
			problems = append(problems, found...)
			continue
		}
		documents = append(documents, document)
	}
	if len(documents) == 0 && len(problems) == 0 {
		problems = Problems{{Source: source, Message: "no key ends in .yaml, so there is no policy in it"}}
	}
	return documents, problems.Err()
}

// onlyDocument refuses a second YAML document: it would be ignored in silence,
// with the deny rules in it.
func onlyDocument(data []byte) error {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	err := decoder.Decode(&first)
	if errors.Is(err, io.EOF) {
		return errors.New("the document is empty; deny everything with \"allow: []\"")
	}
	// A document that does not decode is told with its place later.
	if err == nil && !errors.Is(decoder.Decode(&second), io.EOF) {
		return errors.New("more than one YAML document; give each a key of its own")
	}
	return nil
}

func (d *Document) wrongKind() []misplaced {
	if d.APIVersion == APIVersion && d.Kind == Kind {
		return nil
	}
	return []misplaced{{d.places.of("apiVersion"), fmt.Sprintf("want apiVersion: %s and kind: %s, got %q and %q",
		APIVersion, Kind, d.APIVersion, d.Kind)}}
}

func (d *Document) problem(at position, message string) Problem {
	problem := Problem{File: d.origin.File, Source: d.Source, Key: d.Key, Message: message}
	problem.Line, problem.Column = d.origin.place(at)
	return problem
}

// problems gives errors of fields the places that the fields have.
func (d *Document) problems(errs field.ErrorList, warning bool) Problems {
	problems := make(Problems, len(errs))
	for i, err := range errs {
		problems[i] = d.problem(d.places.of(err.Field), err.Error())
		problems[i].Warning = warning
	}
	return problems
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
