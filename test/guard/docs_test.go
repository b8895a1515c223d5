package guard

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/policy"
)

// The page's values are values of the chart, its policy allows its objects, and
// its command has them stamped.
func TestESOPage(t *testing.T) {
	content, err := os.ReadFile("../../docs/eso.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```(?:yaml|sh)\n(.*?)```").FindAllStringSubmatch(string(content), -1)
	if len(blocks) != 3 {
		t.Fatalf("%d blocks", len(blocks))
	}
	values, objects, command := blocks[0][1], blocks[1][1], blocks[2][1]

	n := newTenant(t)
	file := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, []byte(values), 0o600); err != nil {
		t.Fatal(err)
	}
	if output, err := n.env.Helm(t.Context(), "lint", "--strict", "../../charts/countersign", "--values", file); err != nil || output.ExitCode != 0 {
		t.Fatalf("%v: %s%s", err, output.Stdout, output.Stderr)
	}
	n.withPolicy(policyOf(t, values))
	page := &tenant{world: n.world, t: t, ns: "team-a"}
	page.do("", "create", "namespace", page.ns)
	page.apply(objects)
	before := page.seen("db").Annotations[api.StampedAt]
	page.shell(command)
	if after := page.seen("db").Annotations[api.StampedAt]; before == "" || after <= before {
		t.Errorf("stamped at %s, and then at %s", before, after)
	}
}

// shell runs what a user would type.
func (n *tenant) shell(script string) {
	n.t.Helper()
	command := exec.CommandContext(n.t.Context(), "bash", "-euo", "pipefail", "-c", script)
	command.Env = append(n.env.KubectlEnv(), "PATH="+filepath.Dir(n.env.KubectlPath())+":"+os.Getenv("PATH"))
	if output, err := command.CombinedOutput(); err != nil {
		n.t.Fatalf("%s: %v: %s", script, err, output)
	}
}

// policyOf is the document that the chart makes of values, with other names.
func policyOf(t *testing.T, values string) string {
	t.Helper()
	var decoded struct{ Policy policy.AccessPolicy }
	if err := yaml.Unmarshal([]byte(values), &decoded); err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(map[string]any{"mounts": decoded.Policy.Mounts, "allow": decoded.Policy.Allow})
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(text), "\n")
}
