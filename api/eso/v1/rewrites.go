package v1

// Rewrite gives values other keys, in one of three ways. What Countersign does
// not know of it matters where Countersign syncs, and to nobody else.
// https://external-secrets.io/latest/guides/datafrom-rewrite/
type Rewrite struct {
	Regexp    *RegexpRewrite    `json:"regexp,omitempty"`
	Transform *TransformRewrite `json:"transform,omitempty"`
	Merge     *MergeRewrite     `json:"merge,omitempty"`

	// Unknown are fields that stand there besides.
	Unknown []string `json:"-"`
	// Malformed holds where it is no rewrite at all.
	Malformed bool `json:"-"`
}

// UnmarshalJSON notes what it does not know.
func (r *Rewrite) UnmarshalJSON(data []byte) error {
	type plain Rewrite
	unknown, err := decodeStrict(data, (*plain)(r))
	r.Unknown, r.Malformed = unknown, err != nil
	return nil
}

// RegexpRewrite replaces what matches in a key.
type RegexpRewrite struct {
	Source string `json:"source,omitempty"`
	Target string `json:"target,omitempty"`
}

// TransformRewrite makes a key of a template that gets the old one as .value.
type TransformRewrite struct {
	Template string `json:"template,omitempty"`
}

// MergeRewrite puts the fields of values that are JSON objects in their place,
// or all of them into one.
type MergeRewrite struct {
	Into           string   `json:"into,omitempty"`
	Strategy       string   `json:"strategy,omitempty"`
	ConflictPolicy string   `json:"conflictPolicy,omitempty"`
	Priority       []string `json:"priority,omitempty"`
	PriorityPolicy string   `json:"priorityPolicy,omitempty"`
}

// What a merge may be told.
const (
	mergeJSON           = "JSON"
	mergeIgnore         = "Ignore"
	mergeIgnoreNotFound = "IgnoreNotFound"
)

// FindName selects by a regular expression.
type FindName struct {
	RegExp string `json:"regexp,omitempty"`

	// Unknown are fields that stand there besides.
	Unknown []string `json:"-"`
	// Malformed holds where it is no name at all.
	Malformed bool `json:"-"`
}

// UnmarshalJSON notes what it does not know.
func (n *FindName) UnmarshalJSON(data []byte) error {
	type plain FindName
	unknown, err := decodeStrict(data, (*plain)(n))
	n.Unknown, n.Malformed = unknown, err != nil
	return nil
}
