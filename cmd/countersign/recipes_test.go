package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// recipes are the sections of docs/policy.md with their YAML blocks, and the
// blocks before the first under "".
func recipes(t *testing.T) map[string][]string {
	t.Helper()
	page, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for i, section := range strings.Split(string(page), "\n### ") {
		title, _, _ := strings.Cut(section, "\n")
		if i == 0 {
			title = ""
		}
		for _, block := range regexp.MustCompile("(?ms)^```yaml\n(.*?)^```").FindAllStringSubmatch(section, -1) {
			found[title] = append(found[title], block[1])
		}
	}
	return found
}

// Each recipe of docs/policy.md lints without an error and answers its suite as
// it says.
func TestRecipes(t *testing.T) {
	all := recipes(t)
	if len(all) != 12 {
		t.Fatalf("docs/policy.md has %d recipes, want eleven and the policy above them", len(all))
	}
	for title, blocks := range all {
		if title == "" {
			continue
		}
		t.Run(title, func(t *testing.T) {
			if len(blocks) != 2 {
				t.Fatalf("%d blocks of YAML, want a policy and its suite", len(blocks))
			}
			files := map[string]string{"policy.yaml": blocks[0], "suite.yaml": blocks[1]}
			for _, args := range [][]string{{"policy", "lint", "policy.yaml"}, {"policy", "test", "suite.yaml"}} {
				if got := execute(t, files, "", args...); got.Code != 0 {
					t.Errorf("countersign %s: %+v", strings.Join(args, " "), got)
				}
			}
		})
	}
}

// The policy that explains the language passes, and grants what the page has
// explained.
func TestPolicyOfThePage(t *testing.T) {
	files := map[string]string{"policy.yaml": recipes(t)[""][0]}
	for _, line := range []string{
		"policy lint policy.yaml",
		"policy explain --policy policy.yaml -n team-a --path kubernetes/data/team-a/db --role kubernetes-external-secrets",
	} {
		page, err := os.ReadFile("../../docs/policy.md")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(page), "\ncountersign "+line+"\n") {
			t.Errorf("docs/policy.md does not say: countersign %s", line)
		}
		t.Run(line, func(t *testing.T) {
			if got := execute(t, files, "", strings.Fields(line)...); got.Code != 0 {
				t.Errorf("%+v", got)
			}
		})
	}
}
