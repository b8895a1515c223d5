package esocorpus

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/test/harness"
)

// The operator's own cases that providers share, by its names.
func peerNames() []string {
	return []string{
		"DataPropertyDockerconfigJSON", "DecodingPolicySync", "DeletionPolicyDelete", "DockerJSONConfig",
		"FindByName", "FindByNameAndRewrite", "FindByNameWithPath", "FindByTag", "FindByTagWithPath",
		"JSONDataFromExtractProperty", "JSONDataFromRewrite", "JSONDataFromSync", "JSONDataWithProperty",
		"JSONDataWithTemplate", "JSONDataWithTemplateFromLiteral", "JSONDataWithoutTargetName",
		"NestedJSONWithGJSON", "SSHKeySync", "SSHKeySyncDataProperty", "SimpleDataSync",
		"StatusNotUpdatedAfterSuccessfulSync", "SyncWithoutTargetName", "TemplateFromConfigmaps",
	}
}

// Point 4: at least 80 cases, and each name of the operator's own among them.
func TestCorpusIsWhole(t *testing.T) {
	var named []string
	cases := loadCases(t)
	for i := range cases {
		if cases[i].Peer != "" {
			named = append(named, cases[i].Peer)
		}
	}
	slices.Sort(named)
	if diff := cmp.Diff(peerNames(), named); diff != "" {
		t.Error(diff)
	}
	if len(cases) < 80 {
		t.Errorf("%d cases, want at least 80", len(cases))
	}
}

// The page lists each difference by the file that has it, with its reason, and
// its record is of the cases that there are.
func TestPageIsOfTheseCases(t *testing.T) {
	root, err := harness.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "eso-corpus.md")) //nolint:gosec // A page of this repository.
	if err != nil {
		t.Fatal(err)
	}
	cases := loadCases(t)
	want, got := map[string]string{}, map[string]string{}
	for i := range cases {
		if cases[i].Differs != nil {
			want[cases[i].Name] = cases[i].Differs.Because
		}
	}
	for _, row := range regexp.MustCompile(`(?m)^\| \[([a-z0-9-]+)\]\(\S+\) \| ([^|]+) \|`).FindAllStringSubmatch(string(page), -1) {
		got[row[1]] = strings.TrimSpace(row[2])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/eso-corpus.md (-cases +page):\n%s", diff)
	}
	record := regexp.MustCompile(`(?m)^\| \d{4}-\d\d-\d\d \| v\S+ \(\S+\) \| (\d+) \| 0 \|$`).FindStringSubmatch(string(page))
	if record == nil || record[1] != strconv.Itoa(len(cases)) {
		t.Errorf("docs/eso-corpus.md records %q, and there are %d cases: run TestExpectationsAreESOs with ESO_BIN, and write it down", record, len(cases))
	}
}
