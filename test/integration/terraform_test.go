package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/test/harness"
)

const terraformModule = "../../docs/terraform"

// What docs/terraform makes of Vault, with the reviewer that docs/vault-side.md
// has created, lets Countersign log in and read what it lists, and nobody else.
func TestTerraformModule(t *testing.T) {
	n := newTenant(t)
	for _, path := range []string{"app", "other/app"} {
		n.put("kubernetes", path, map[string]any{"a": "1"})
	}
	mount := "cluster-" + n.ns
	n.applyTerraform(terraformModule, map[string]any{
		"kubernetes_host": n.env.Config.Host, "kubernetes_ca_cert": string(n.env.Config.CAData), "token_reviewer_jwt": n.reviewer(),
		"auth_path": mount, "role": n.ns, "policy": n.ns, "paths": []string{"kubernetes/data/" + n.ns + "/app"},
	})
	n.changePolicy(func() {
		n.writePolicy("policy-"+n.ns, policyHead+`
allow: [{name: own, namespaces: {names: [NS]}, paths: [kubernetes/data/NS/*], roles: [NS], authMounts: [cluster-NS]}]`)
	})

	mark := n.mark()
	spec := "backendType: vault\nvaultRole: NS\nvaultMountPoint: cluster-NS\ndataFrom: "
	n.apply("app", spec+"[kubernetes/data/NS/app]")
	n.awaitSynced("app")
	if diff := cmp.Diff(map[string]string{"a": "1"}, n.data("app")); diff != "" {
		t.Error(diff)
	}
	n.wantRequests(mark, harness.Counts{Login: 1, Read: 1})
	n.apply("unlisted", spec+"[kubernetes/data/NS/other/app]")
	n.awaitReason("unlisted", "VaultForbidden")

	n.do("", "create", "serviceaccount", "countersign", "-n", n.ns)
	n.wantLogins(mount, []login{
		{releaseNamespace, "countersign", "vault", true},
		{releaseNamespace, "countersign", "another", false},
		{releaseNamespace, "default", "vault", false},
		{n.ns, "countersign", "vault", false},
	})
}

// What "policy vault -o terraform" writes is formatted, and all that a role of the
// policy needs.
func TestTerraformOfThePolicy(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	document := n.file("policy.yaml", policyHead+`
mounts: {kubernetes: {kv: 2}}
allow: [{name: own, namespaces: {names: [NS]}, paths: ["kubernetes/data/{namespace}/*"], roles: [NS]}]`)
	written, stderr, code := n.commandOffline("", "policy", "vault", "--policy", document, "--namespace", "NS", "-o", "terraform")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	folder := filepath.Dir(n.file("main.tf", written))
	n.applyTerraform(folder, map[string]any{})
	n.apply("app", "backendType: vault\nvaultRole: NS\ndataFrom: [kubernetes/data/NS/app]")
	n.awaitSynced("app")
	n.runTerraform("fmt", "-check", "-diff", folder)
}

// Without a reviewer Vault reviews a token with that token: that takes a right
// of its ServiceAccount, and an audience that the apiserver takes as well.
func TestTerraformWithoutAReviewer(t *testing.T) {
	n := newTenant(t)
	const audience = "https://kubernetes.default.svc.cluster.local"
	variables := map[string]any{
		"kubernetes_host": n.env.Config.Host, "kubernetes_ca_cert": string(n.env.Config.CAData),
		"role": n.ns, "policy": n.ns, "paths": []string{"kubernetes/data/*"}, "service_account": "delegate", "namespace": n.ns,
	}
	for mount, audience := range map[string]string{"own-" + n.ns: "vault", "cluster-" + n.ns: audience} {
		variables["auth_path"], variables["audience"] = mount, audience
		n.applyTerraform(terraformModule, variables)
	}
	n.do("", "create", "serviceaccount", "delegate", "-n", n.ns)
	n.wantLogins("cluster-"+n.ns, []login{{n.ns, "delegate", audience, false}})
	n.do("", "create", "clusterrolebinding", "delegate-"+n.ns, "--clusterrole=system:auth-delegator", "--serviceaccount="+n.ns+":delegate")
	n.wantLogins("cluster-"+n.ns, []login{{n.ns, "delegate", audience, true}})
	n.wantLogins("own-"+n.ns, []login{{n.ns, "delegate", "vault", false}})
}

// The page's example names variables of the module, and each that has no default.
func TestTerraformExample(t *testing.T) {
	page, err := os.ReadFile("../../docs/vault-side.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(page), "```hcl\nmodule \"countersign\" {\n")
	block, _, _ = strings.Cut(block, "\n}\n```")
	variables := map[string]any{}
	for line := range strings.Lines(block) {
		if name, _, ok := strings.Cut(line, "="); ok && strings.TrimSpace(name) != "source" {
			variables[strings.TrimSpace(name)] = "x"
		}
	}
	variables["paths"] = []string{"a/*"}
	if resources := terraform(t, terraformModule, variables); len(resources) != 4 {
		t.Errorf("resources: %v", resources)
	}
}

// terraform itself has the files formatted as they are, and valid where its
// provider for Vault is at hand: it is not downloaded.
func TestTerraformItself(t *testing.T) {
	n := newTenant(t)
	n.runTerraform("fmt", "-check", "-diff", terraformModule)
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	plugins := filepath.Join(home, ".terraform.d", "plugins")
	if _, err := os.Stat(filepath.Join(plugins, "registry.terraform.io", "hashicorp", "vault")); err != nil {
		t.Skipf("formatted, not validated: %v", err)
	}
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(terraformModule)); err != nil {
		t.Fatal(err)
	}
	n.runTerraform("-chdir="+folder, "init", "-backend=false", "-plugin-dir="+plugins)
	n.runTerraform("-chdir="+folder, "validate")
}

// runTerraform skips the test where there is none.
func (n *tenant) runTerraform(args ...string) {
	n.t.Helper()
	path, err := exec.LookPath("terraform")
	if err != nil {
		n.t.Skip("no terraform on the path")
	}
	command := exec.CommandContext(n.t.Context(), path, args...)
	command.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE=", "CHECKPOINT_DISABLE=1")
	if output, err := command.CombinedOutput(); err != nil {
		n.t.Errorf("terraform %v: %s", args, output)
	}
}

// reviewer is the token that the page's commands print.
func (n *tenant) reviewer() string {
	n.t.Helper()
	commands := strings.ReplaceAll(shellBlocks(n.t, "vault-side.md")[0], "vault-token-reviewer", "reviewer-"+n.ns)
	told, code := n.prompt().run(commands)
	lines := strings.Fields(told)
	if code != 0 || len(lines) == 0 {
		n.t.Fatalf("exit %d: %s", code, told)
	}
	return lines[len(lines)-1]
}

// login is one attempt with a ServiceAccount's token.
type login struct {
	namespace, account, audience string
	want                         bool
}

func (n *tenant) wantLogins(mount string, logins []login) {
	n.t.Helper()
	for _, one := range logins {
		token, err := n.env.Token(n.t.Context(), one.namespace, one.account, one.audience, time.Hour)
		if err != nil {
			n.t.Fatal(err)
		}
		_, err = n.env.Vault.Client.Logical().WriteWithContext(n.t.Context(), "auth/"+mount+"/login", map[string]any{"role": n.ns, "jwt": token})
		if (err == nil) != one.want {
			n.t.Errorf("login %+v at %s: %v", one, mount, err)
		}
	}
}

// terraformResource is one block, with its arguments evaluated.
type terraformResource struct {
	Type      string         `json:"type"`
	Arguments map[string]any `json:"arguments"`
}

func terraform(t *testing.T, folder string, variables map[string]any) []terraformResource {
	t.Helper()
	folder, err := filepath.Abs(folder)
	if err != nil {
		t.Fatal(err)
	}
	given, err := json.Marshal(variables)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "go", "run", ".", folder)
	command.Dir, command.Stdin = "../tools/terraform", bytes.NewReader(given)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	var resources []terraformResource
	if err := json.Unmarshal(output, &resources); err != nil {
		t.Fatal(err)
	}
	return resources
}

// applyTerraform asks of Vault's API what HashiCorp's provider would: the names
// of the arguments are those of the API, apart from what stands in the path.
// https://registry.terraform.io/providers/hashicorp/vault/latest/docs
func (n *tenant) applyTerraform(folder string, variables map[string]any) {
	n.t.Helper()
	for _, one := range terraform(n.t, folder, variables) {
		take := func(name string) string {
			value := fmt.Sprint(one.Arguments[name])
			delete(one.Arguments, name)
			return value
		}
		var path string
		switch one.Type {
		case "vault_auth_backend":
			path = "sys/auth/" + take("path")
		case "vault_kubernetes_auth_backend_config":
			path = "auth/" + take("backend") + "/config"
		case "vault_policy":
			path = "sys/policies/acl/" + take("name")
		case "vault_kubernetes_auth_backend_role":
			path = "auth/" + take("backend") + "/role/" + take("role_name")
		default:
			n.t.Fatalf("resource of type %s", one.Type)
		}
		if _, err := n.env.Vault.Client.Logical().WriteWithContext(n.t.Context(), path, one.Arguments); err != nil {
			n.t.Fatal(err)
		}
	}
}
