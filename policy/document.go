package policy

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/util/validation/field"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// The version and kind of a policy document.
const (
	APIVersion = "countersign.dev/v1alpha1"
	Kind       = "AccessPolicy"
)

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
	// AuthMounts default to the Vault's default auth mount.
	AuthMounts []string `json:"authMounts,omitempty"`
	// Vaults are names of configured Vaults; they default to "default".
	Vaults []string `json:"vaults,omitempty"`
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

	digest string
}

// Parse decodes one document strictly: an unknown field, a duplicate key and a
// second document are errors. The rules themselves are checked by Compile.
func Parse(source, key string, data []byte) (*Document, error) {
	raw, err := onlyDocument(data)
	if err != nil {
		return nil, fmt.Errorf("%s[%s]: %w", source, key, err)
	}
	document := &Document{Source: source, Key: key, digest: digest(raw)}
	if err := decodeStrict(raw, &document.AccessPolicy); err != nil {
		return nil, fmt.Errorf("%s[%s]: %w", source, key, err)
	}
	if document.APIVersion != APIVersion || document.Kind != Kind {
		return nil, fmt.Errorf("%s[%s]: want apiVersion: %s and kind: %s, got %q and %q",
			source, key, APIVersion, Kind, document.APIVersion, document.Kind)
	}
	return document, nil
}

// onlyDocument refuses a second YAML document: it would be ignored in silence,
// with the deny rules in it.
func onlyDocument(data []byte) ([]byte, error) {
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	var only []byte
	for {
		raw, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(bytes.TrimSpace(raw)) == 0 {
			continue
		}
		if only != nil {
			return nil, errors.New("more than one YAML document; give each a key of its own")
		}
		only = raw
	}
	if only == nil {
		return nil, errors.New("the document is empty; deny everything with \"allow: []\"")
	}
	return only, nil
}

func decodeStrict(raw []byte, into any) error {
	asJSON, err := yaml.YAMLToJSONStrict(raw)
	if err != nil {
		return err
	}
	strictErrors, err := kjson.UnmarshalStrict(asJSON, into)
	return errors.Join(append([]error{err}, strictErrors...)...)
}

func digest(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

func (d *Document) path() *field.Path { return field.NewPath(d.Source).Key(d.Key) }
