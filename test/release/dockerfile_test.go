package release

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func dockerfile(t *testing.T) string {
	t.Helper()
	return string(contentOf(t, root, "Dockerfile"))
}

// The image holds the binary that is published otherwise, too: the same flags,
// and the version in them.
func TestDockerfileBuildsTheSameBinary(t *testing.T) {
	build := regexp.MustCompile(`go build (.*) -o \S+ (\./cmd/countersign)`)
	image := build.FindStringSubmatch(dockerfile(t))
	recipe := build.FindStringSubmatch(string(contentOf(t, filepath.Join(root, ".ci"), "release")))
	if image == nil || recipe == nil {
		t.Fatalf("no go build: %v, %v", image, recipe)
	}
	if want := strings.ReplaceAll(recipe[1], "$version", "$VERSION"); image[1] != want {
		t.Errorf("flags of the image: %s; of the recipe: %s", image[1], want)
	}
	for _, flag := range []string{"-trimpath", "-buildvcs=false", "-s -w -buildid=", "-X main.version=$VERSION"} {
		if !strings.Contains(image[1], flag) {
			t.Errorf("no %s", flag)
		}
	}
	for _, setting := range []string{"CGO_ENABLED=0", "GOOS=$TARGETOS", "GOARCH=$TARGETARCH", "--platform=$BUILDPLATFORM"} {
		if !strings.Contains(dockerfile(t), setting) {
			t.Errorf("no %s: the image is not for several platforms", setting)
		}
	}
	toolchain := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(contentOf(t, root, "go.mod")))[1]
	if !strings.Contains(dockerfile(t), "golang:"+toolchain+" AS build") {
		t.Errorf("it is not built with Go %s, which go.mod names", toolchain)
	}
}

// The image is distroless and static, its user a number other than root's, as
// runAsNonRoot wants it, and its entrypoint the binary alone: the chart gives
// arguments and no command.
func TestDockerfileImage(t *testing.T) {
	stages := strings.Split(dockerfile(t), "\nFROM ")
	final := stages[len(stages)-1]
	if base := strings.Fields(final)[0]; !strings.HasPrefix(base, "gcr.io/distroless/static") || !strings.Contains(base, ":nonroot") {
		t.Errorf("base %s", base)
	}
	user := regexp.MustCompile(`(?m)^USER (\d+):(\d+)$`).FindStringSubmatch(final)
	if user == nil || user[1] == "0" || user[2] == "0" {
		t.Errorf("user %v", user)
	}
	if !strings.HasSuffix(final, "\nENTRYPOINT [\"/countersign\"]\n") {
		t.Error("the entrypoint is not the binary")
	}
	if strings.Contains(final, "\nRUN ") {
		t.Error("nothing can run in an image without a shell")
	}
}

// Each package of the module that the binary is built of is in the context that
// Docker sends, and the tests are not.
func TestDockerContext(t *testing.T) {
	var sent []string
	lines := strings.Split(strings.TrimSpace(string(contentOf(t, root, ".dockerignore"))), "\n")
	for _, line := range lines {
		if folder, ok := strings.CutPrefix(line, "!"); ok {
			sent = append(sent, folder)
		}
	}
	if !slices.Contains(lines, "*") || slices.Contains(sent, "test") || !slices.Contains(sent, "go.mod") || !slices.Contains(sent, "go.sum") {
		t.Errorf("the context has %v", sent)
	}
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if .Module}}{{if .Module.Main}}{{.ImportPath}}{{end}}{{end}}", "./cmd/countersign")
	list.Dir = root
	output, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(output))
	for _, path := range packages {
		folder, _, _ := strings.Cut(strings.TrimPrefix(path, "github.com/countersign/countersign/"), "/")
		if !slices.Contains(sent, folder) {
			t.Errorf("%s is not in the context", path)
		}
	}
	if len(packages) < 10 {
		t.Errorf("only %v", packages)
	}
}
