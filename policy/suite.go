package policy

import (
	"encoding/json"
	"regexp"
)

// SuiteKind is the kind of a Suite.
const SuiteKind = "PolicyTest"

// Suite is a file of cases: what a policy has to answer to whom.
type Suite struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Policies are files with the policy, by patterns relative to the suite.
	Policies []string `json:"policies"`
	// Settings are what the cases need of the operator's.
	Settings SuiteSettings `json:"settings,omitzero"`
	// Namespaces have labels; those without need not be listed.
	Namespaces map[string]SuiteNamespace `json:"namespaces,omitempty"`
	Cases      []Case                    `json:"cases"`

	node *Node
}

// SuiteSettings are fields of the settings file, and mean what they mean there.
type SuiteSettings struct {
	Enforcement Enforcement           `json:"enforcement,omitzero"`
	MaxPaths    int                   `json:"maxPaths,omitempty"`
	Vaults      map[string]SuiteVault `json:"vaults,omitempty"`
}

// SuiteVault is where a Vault is, and what requests to it leave out.
type SuiteVault struct {
	Address   string `json:"address,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	AuthMount string `json:"authMount,omitempty"`
	Role      string `json:"role,omitempty"`
}

// SuiteNamespace is a namespace as the policy sees it.
type SuiteNamespace struct {
	Labels map[string]string `json:"labels,omitempty"`
}

// Case is one request, or one manifest, and the answer to it.
type Case struct {
	Name string `json:"name"`
	// Namespace is that of the request, and of a manifest that names none.
	Namespace string `json:"namespace,omitempty"`
	// Request, Object and Inline: one of them.
	Request *Request `json:"request,omitempty"`
	// Object is a file with a manifest or an AdmissionReview.
	Object string `json:"object,omitempty"`
	// Inline is the same, in place.
	Inline json.RawMessage `json:"manifest,omitempty"`
	Want   Want            `json:"want"`
	// WantRule is a rule that has to be among those that decided, as
	// configmap/rule or as rule.
	WantRule string `json:"wantRule,omitempty"`
	// WantMessage is a regular expression for what the user is told.
	WantMessage string `json:"wantMessage,omitempty"`

	node    *Node
	message *regexp.Regexp
}

// Request is one read as the policy sees it. What is left out is the
// operator's default.
type Request struct {
	Path           string `json:"path"`
	Role           string `json:"role,omitempty"`
	AuthMount      string `json:"authMount,omitempty"`
	AuthMethod     string `json:"authMethod,omitempty"`
	Vault          string `json:"vault,omitempty"`
	VaultNamespace string `json:"vaultNamespace,omitempty"`
	ServiceAccount string `json:"serviceAccount,omitempty"`
	// ServiceAccountNamespace is that of ServiceAccount, where it is another.
	ServiceAccountNamespace string `json:"serviceAccountNamespace,omitempty"`
	// Operation is read where it is left out.
	Operation Operation `json:"operation,omitempty"`
	// Subtree asks for everything below the path.
	Subtree bool `json:"subtree,omitempty"`
}

// Want is the outcome that a case asks for.
type Want string

// What a case may ask for.
const (
	WantAllow Want = "allow"
	WantAudit Want = "audit"
	WantWarn  Want = "warn"
	WantDeny  Want = "deny"
)

// wantFor is the outcome as cases spell it.
func wantFor(outcome Outcome) Want {
	return map[Outcome]Want{Denied: WantDeny, Warned: WantWarn, Audited: WantAudit, Allowed: WantAllow}[outcome]
}

// ParseSuite decodes a suite strictly and checks it. Errors are Problems.
func ParseSuite(origin Origin, data []byte) (*Suite, error) {
	node, err := ReadNode(origin, data)
	if err != nil {
		return nil, err
	}
	suite := &Suite{node: node}
	if err := node.Decode(suite); err != nil {
		return nil, err
	}
	for i, item := range node.Child("cases").Items() {
		suite.Cases[i].node = item
	}
	if err := suite.check(); err != nil {
		return nil, err
	}
	return suite, nil
}

// Problem is one at a field of the suite.
func (s *Suite) Problem(field, message string) Problem { return s.node.Problem(field, message) }

// Problem is one at a field of the case.
func (c *Case) Problem(field, message string) Problem { return c.node.Problem(field, message) }

// Manifest is the manifest in place, or nil.
func (c *Case) Manifest() *Node { return c.node.Child("manifest") }

// Place is where in its file the case stands.
func (c *Case) Place() (file string, line int) {
	problem := c.Problem("", "")
	return problem.File, problem.Line
}
