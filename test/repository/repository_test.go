package repository

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

const root = "../.."

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// Point 1: the layout, the module and the license.
func TestPoint1Layout(t *testing.T) {
	for _, folder := range []string{"api", "charts", "cmd", "config", "controller", "docs", "policy", "test", "webhook"} {
		if info, err := os.Stat(filepath.Join(root, folder)); err != nil || !info.IsDir() {
			t.Errorf("%s is no folder: %v", folder, err)
		}
	}
	if got := modfile.ModulePath([]byte(read(t, "go.mod"))); got != "github.com/countersign/countersign" {
		t.Errorf("module %s", got)
	}
	if license := read(t, "LICENSE"); !strings.Contains(license, "Apache License") || !strings.Contains(license, "Version 2.0") {
		t.Error("LICENSE is not Apache-2.0")
	}
}

// Point 2: every tool has its versions pinned by a module of its own.
func TestPoint2ToolsArePinned(t *testing.T) {
	tools := map[string]string{
		"kubernetes": "k8s.io/kubernetes", "etcd": "go.etcd.io/etcd/server/v3", "vault": "github.com/hashicorp/vault",
		"helm": "helm.sh/helm/v4", "controller-gen": "sigs.k8s.io/controller-tools", "golangci-lint": "github.com/golangci/golangci-lint/v2",
		"cyclonedx-gomod": "github.com/CycloneDX/cyclonedx-gomod", "terraform": "github.com/hashicorp/hcl/v2",
	}
	for tool, module := range tools {
		file, err := modfile.Parse("go.mod", []byte(read(t, "test/tools/"+tool+"/go.mod")), nil)
		if err != nil {
			t.Fatal(err)
		}
		var version string
		for _, require := range file.Require {
			if require.Mod.Path == module {
				version = require.Mod.Version
			}
		}
		if version == "" {
			t.Errorf("test/tools/%s does not pin %s", tool, module)
		}
		if !strings.Contains(read(t, "test/tools/"+tool+"/go.sum"), module+" "+version) {
			t.Errorf("test/tools/%s/go.sum has no checksum of %s %s", tool, module, version)
		}
	}
}

// Point 2: what is there is not built again, what the environment names is not
// built at all, and a tool that nobody knows is an error.
func TestPoint2ToolsAreBuiltOnce(t *testing.T) {
	absolute, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	nowhere := t.TempDir()
	tests := map[string]struct {
		tools, environment []string
		want               string
	}{
		"built before":                {[]string{"etcd", "kubectl", "vault"}, nil, ""},
		"named by KUBEBUILDER_ASSETS": {[]string{"etcd", "kube-apiserver"}, []string{"KUBEBUILDER_ASSETS=" + filepath.Join(absolute, "bin"), "XDG_CACHE_HOME=" + nowhere}, ""},
		"named by VAULT_BIN":          {[]string{"vault"}, []string{"VAULT_BIN=/usr/bin/vault", "XDG_CACHE_HOME=" + nowhere}, ""},
		"unknown":                     {[]string{"hammer"}, nil, "build: no tool is called hammer\n"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			command := exec.CommandContext(t.Context(), filepath.Join(absolute, "test/tools/build"), tc.tools...)
			command.Env = append(os.Environ(), append([]string{"CGO_ENABLED=0"}, tc.environment...)...)
			output, err := command.CombinedOutput()
			if string(output) != tc.want || (err == nil) != (tc.want == "") {
				t.Errorf("said %q (%v), want %q", output, err, tc.want)
			}
		})
	}
}

// Point 10: the targets are there, and .ci/run calls them.
func TestPoint10Targets(t *testing.T) {
	makefile, ci := read(t, "Makefile"), read(t, ".ci/run")
	for _, target := range []string{"build", "demo", "lint", "play", "test", "tools", "verify"} {
		if !regexp.MustCompile(`(?m)^` + target + `:.*## `).MatchString(makefile) {
			t.Errorf("the Makefile has no described target %s", target)
		}
		if target != "play" && !strings.Contains(ci, "step make "+target+"\n") {
			t.Errorf(".ci/run does not run make %s", target)
		}
	}
	info, err := os.Stat(filepath.Join(root, ".ci/run"))
	if err != nil || info.Mode()&0o100 == 0 {
		t.Errorf(".ci/run cannot be run: %v", err)
	}
}
