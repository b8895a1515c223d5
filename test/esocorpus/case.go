package esocorpus

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Case is one file.
type Case struct {
	// Name is the file's, and the namespace's.
	Name string `json:"-"`
	// About says what the case shows, in a sentence.
	About string `json:"about"`
	// Peer is the name of the operator's own test case that this one retells.
	Peer string `json:"peer,omitempty"`
	// Vault holds these secrets, by mount and path: secret/<case>/app.
	Vault map[string]Stored `json:"vault,omitempty"`
	// Objects are created in this order. The store "vault" is there already.
	Objects []unstructured.Unstructured `json:"objects"`
	Want    Outcome                     `json:"want"`
	// Then comes when that has come about.
	Then []Step `json:"then,omitempty"`
	// Differs is how Countersign differs on purpose.
	Differs *Difference `json:"differs,omitempty"`
}

// Stored is what Vault holds at a path.
type Stored struct {
	// Data is that of the only version.
	Data map[string]any `json:"data,omitempty"`
	// Versions are all of them, the oldest first.
	Versions []map[string]any `json:"versions,omitempty"`
	// Deleted are numbers of versions.
	Deleted []int `json:"deleted,omitempty"`
	// Metadata is custom_metadata.
	Metadata map[string]string `json:"metadata,omitempty"`
}

// Step changes something, and has every ExternalSecret of the case read again.
type Step struct {
	About string            `json:"about"`
	Vault map[string]Stored `json:"vault,omitempty"`
	// Gone are paths of which Vault forgets everything.
	Gone []string `json:"gone,omitempty"`
	// Objects are more of them.
	Objects []unstructured.Unstructured `json:"objects,omitempty"`
	// Edits are values that somebody else writes into Secrets.
	Edits map[string]map[string]string `json:"edits,omitempty"`
	// Deleted are ExternalSecrets that somebody deletes.
	Deleted []string `json:"deleted,omitempty"`
	// Unmoved are ExternalSecrets that External Secrets Operator does not read
	// again, though it is asked to.
	Unmoved []string `json:"unmoved,omitempty"`
	Want    Outcome  `json:"want"`
}

// Outcome is what a namespace holds when all ExternalSecrets are settled.
type Outcome struct {
	// Ready is what each ExternalSecret says, but the others.
	Ready  Ready            `json:"ready"`
	Others map[string]Ready `json:"others,omitempty"`
	// Secrets by name. One that is among the objects and not here is not looked at.
	Secrets map[string]Content `json:"secrets,omitempty"`
}

// Ready is the condition of that type; by default True because of SecretSynced.
type Ready struct {
	Status string `json:"status,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Says is a part of the message, where Countersign differs.
	Says string `json:"says,omitempty"`
}

// Content of a Secret.
type Content struct {
	// Type is Opaque by default.
	Type string            `json:"type,omitempty"`
	Data map[string]string `json:"data,omitempty"`
	// Binary is data that is no text, as Base64.
	Binary      map[string][]byte `json:"binary,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Immutable   bool              `json:"immutable,omitempty"`
	// Orphan has no owner; otherwise it is one ExternalSecret.
	Orphan bool `json:"orphan,omitempty"`
}

// Difference of Countersign.
type Difference struct {
	Because string `json:"because"`
	// Refused is a part of what admission says of the ExternalSecret.
	Refused string `json:"refused,omitempty"`
	// Unread says that Vault is asked for nothing; the outcome is the same.
	Unread bool `json:"unread,omitempty"`
	// Want is the outcome instead; a case with steps ends with it.
	Want *Outcome `json:"want,omitempty"`
}

// Load returns the cases of a folder, by the names of their files.
func Load(folder string) ([]Case, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return nil, err
	}
	cases := make([]Case, len(files))
	var errs []error
	for i, file := range files {
		if cases[i], err = load(file); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", filepath.Base(file), err))
		}
	}
	return cases, errors.Join(errs...)
}

func load(file string) (Case, error) {
	text, err := os.ReadFile(file) //nolint:gosec // A case of this package.
	if err != nil {
		return Case{}, err
	}
	loaded, err := parse(text)
	loaded.Name = strings.TrimSuffix(filepath.Base(file), ".yaml")
	return loaded, errors.Join(err, loaded.check())
}

// parse knows every field, and keeps numbers as they are written.
func parse(text []byte) (parsed Case, err error) {
	document, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return parsed, err
	}
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.DisallowUnknownFields()
	decoder.UseNumber()
	return parsed, decoder.Decode(&parsed)
}
