package repository

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/policy"
)

// Point 11: the two commands stand in the README, and are targets.
func TestPoint11ReadmeCommands(t *testing.T) {
	readme := read(t, "README.md")
	for _, command := range []string{"make demo", "make test", "helm install countersign charts/countersign"} {
		if !strings.Contains(readme, "\n"+command) {
			t.Errorf("README.md has no line that starts with %q", command)
		}
	}
	for _, match := range regexp.MustCompile("(?m)(?:^|`)make ([a-z-]+)").FindAllStringSubmatch(readme, -1) {
		if !strings.Contains(read(t, "Makefile"), "\n"+match[1]+":") {
			t.Errorf("README.md speaks of make %s, which the Makefile does not have", match[1])
		}
	}
}

// Point 11: the ExternalSecret of the README is allowed by the policy of the
// README.
func TestPoint11ReadmeManifests(t *testing.T) {
	var document *policy.Document
	var object *kesv1.ExternalSecret
	for _, block := range codeBlocks(read(t, "README.md"), "yaml") {
		if strings.HasPrefix(block, "policy:") {
			document = policyOfValues(t, block)
			continue
		}
		object = &kesv1.ExternalSecret{}
		if err := yaml.UnmarshalStrict([]byte(block), object); err != nil {
			t.Fatal(err)
		}
	}
	if document == nil || object == nil {
		t.Fatal("README.md has no policy, or no ExternalSecret")
	}
	settings, err := config.ParseSettings([]byte("{apiVersion: countersign.dev/v1alpha1, kind: Settings, vaults: {default: {address: https://vault.example}}}"))
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := policy.Compile([]*policy.Document{document}, settings.PolicySettings())
	if err != nil {
		t.Fatal(err)
	}
	if verdict := compiled.Evaluate(object.Claim(settings.Defaults()), nil); !verdict.Allowed() {
		t.Errorf("denied: %v", verdict.Denials())
	}
}

// policyOfValues makes a document of chart values, as the chart does.
func policyOfValues(t *testing.T, values string) *policy.Document {
	t.Helper()
	var parsed struct {
		Policy map[string]any `json:"policy"`
	}
	if err := yaml.UnmarshalStrict([]byte(values), &parsed); err != nil {
		t.Fatal(err)
	}
	parsed.Policy["apiVersion"], parsed.Policy["kind"] = policy.APIVersion, policy.Kind
	text, err := json.Marshal(parsed.Policy)
	if err != nil {
		t.Fatal(err)
	}
	document, err := policy.Parse("countersign-policy", "policy.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	return document
}

func codeBlocks(page, language string) []string {
	var blocks []string
	for _, match := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```").FindAllStringSubmatch(page, -1) {
		blocks = append(blocks, match[1])
	}
	return blocks
}

// Every link of every page leads somewhere.
func TestPoint11Links(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	pages = append(pages, filepath.Join(root, "README.md"), filepath.Join(root, "charts", "countersign", "README.md"))
	for _, page := range pages {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`\]\(([^)#:]+)[^):]*\)`).FindAllStringSubmatch(string(content), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), match[1])); errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s leads to %s, which is not there", page, match[1])
			}
		}
	}
}
