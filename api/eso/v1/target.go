package v1

import "slices"

// Target is the Secret that is made. What Countersign does not know of it
// matters where Countersign makes the Secret, and to nobody else.
type Target struct {
	// Name is the object's where it is left out.
	Name           string    `json:"name,omitempty"`
	CreationPolicy string    `json:"creationPolicy,omitempty"`
	DeletionPolicy string    `json:"deletionPolicy,omitempty"`
	Immutable      bool      `json:"immutable,omitempty"`
	Template       *Template `json:"template,omitempty"`

	Manifest *Ignored `json:"manifest,omitempty" ignored:"makes something else than a Secret; refused where Countersign syncs"`

	// Unknown are fields that stand there besides.
	Unknown []string `json:"-"`
	// Malformed holds where it is no target at all.
	Malformed bool `json:"-"`
}

// UnmarshalJSON notes what it does not know.
func (t *Target) UnmarshalJSON(data []byte) error {
	type plain Target
	unknown, err := decodeStrict(data, (*plain)(t))
	t.Unknown, t.Malformed = unknown, err != nil
	return nil
}

// Template is what a Secret is made of beside the values.
// https://external-secrets.io/latest/guides/templating/
type Template struct {
	Type          string            `json:"type,omitempty"`
	EngineVersion string            `json:"engineVersion,omitempty"`
	Metadata      TemplateMetadata  `json:"metadata,omitzero"`
	MergePolicy   string            `json:"mergePolicy,omitempty"`
	Data          map[string]string `json:"data,omitempty"`
	TemplateFrom  []TemplateFrom    `json:"templateFrom,omitempty"`
}

// TemplateMetadata are templates of labels and annotations.
type TemplateMetadata struct {
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Finalizers  []string          `json:"finalizers,omitempty"`
}

// TemplateFrom are templates that stand elsewhere, or one that makes keys too.
type TemplateFrom struct {
	ConfigMap *TemplateRef `json:"configMap,omitempty"`
	Secret    *TemplateRef `json:"secret,omitempty"`
	Literal   *string      `json:"literal,omitempty"`
	// Target is the data of the Secret, its labels or its annotations.
	Target                 string `json:"target,omitempty"`
	ValuesDecodingStrategy string `json:"valuesDecodingStrategy,omitempty"`
}

// TemplateRef names templates in a ConfigMap or Secret of the namespace.
type TemplateRef struct {
	Name  string         `json:"name,omitempty"`
	Items []TemplateItem `json:"items,omitempty"`
}

// TemplateItem is one of them: the value of a key, or keys and values.
type TemplateItem struct {
	Key        string `json:"key,omitempty"`
	TemplateAs string `json:"templateAs,omitempty"`
}

// Where templates of templateFrom go.
const (
	targetData        = "data"
	targetLabels      = "labels"
	targetAnnotations = "annotations"
)

// Policies of a target.
const (
	policyDelete      = "Delete"
	policyMerge       = "Merge"
	policyNone        = "None"
	policyOwner       = "Owner"
	policyOrphan      = "Orphan"
	policyRetain      = "Retain"
	policyReplace     = "Replace"
	policyCreateMerge = "CreateOrMerge"
	keysAndValues     = "KeysAndValues"
	onlyValues        = "Values"
)

// leavesOut reports whether what Vault does not hold is left out of the Secret.
func (t *Target) leavesOut() bool {
	return slices.Contains([]string{policyDelete, policyMerge}, t.DeletionPolicy)
}
