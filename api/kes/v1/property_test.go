package v1

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// lodashCases is what lodash 4.17.21 says of properties of one secret: hasIn,
// and get. kubernetes-external-secrets asked it.
type lodashCases struct {
	Secret map[string]any `json:"secret"`
	Cases  []struct {
		Property string `json:"property"`
		Found    bool   `json:"found"`
		Value    any    `json:"value"`
	} `json:"cases"`
}

// What a property finds is what lodash found. What lodash found in a way that
// nobody would write on purpose is not found.
func TestLookUpFindsWhatLodashFound(t *testing.T) {
	refused := []string{
		"a.", "a[]", "a[b]]", "a.b]", "a[b]1", "a[b][1]c", "list[0]1", "[a.b]", "a[1.5]", `a[q"r]`, `a["q\"r"]`, `a['b\.c']`,
	}
	raw, err := os.ReadFile("testdata/lodash.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden lodashCases
	if err := json.Unmarshal(raw, &golden); err != nil {
		t.Fatal(err)
	}
	for _, tc := range golden.Cases {
		value, found := lookUp(golden.Secret, tc.Property)
		if found != (tc.Found && !slices.Contains(refused, tc.Property)) {
			t.Errorf("%q is found: %v, by lodash: %v", tc.Property, found, tc.Found)
		}
		if diff := cmp.Diff(tc.Value, value); found && diff != "" {
			t.Errorf("%q: %s", tc.Property, diff)
		}
	}
}
