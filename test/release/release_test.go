package release

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

const (
	root    = "../.."
	version = "v1.2.3-test"
)

// platform is the one that the tests run on, so that the binary can be run.
func platform() string { return runtime.GOOS + "/" + runtime.GOARCH }

func archiveName() string {
	return "countersign_" + version + "_" + runtime.GOOS + "_" + runtime.GOARCH
}

// release runs the recipe for this platform, without a network, and returns the
// folder of what it made.
func release(t *testing.T) string {
	t.Helper()
	dist := filepath.Join(t.TempDir(), "dist")
	command := exec.CommandContext(t.Context(), filepath.Join(root, ".ci", "release"))
	command.Env = append(os.Environ(), "VERSION="+version, "PLATFORMS="+platform(), "DIST="+dist, "SOURCE_DATE_EPOCH=1700000000", "GOPROXY=off")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return dist
}

// The same commit gives the same bytes, whatever the times of the files are. What
// is published is whole: a binary that knows its version, with its license, an
// SBOM that lists each module of the binary, a chart of the version, and the
// checksums of all.
func TestRelease(t *testing.T) {
	dist := release(t)
	touchChart(t)
	again := release(t)
	if diff := cmp.Diff(string(contentOf(t, dist, "SHA256SUMS")), string(contentOf(t, again, "SHA256SUMS"))); diff != "" {
		t.Errorf("checksums: %s", diff)
	}
	tests := map[string]func(*testing.T, string){
		"files": wantFiles, "checksums": wantChecksums, "archive": wantArchive, "SBOM": wantSBOM, "chart": wantChart,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, dist) })
	}
}

// touchChart as a fresh clone does.
func touchChart(t *testing.T) {
	t.Helper()
	path := filepath.Join(root, "charts", "countersign", "Chart.yaml")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	now := info.ModTime().Add(1)
	if err := os.Chtimes(path, now, now); err != nil {
		t.Fatal(err)
	}
}

func wantFiles(t *testing.T, dist string) {
	entries, err := os.ReadDir(dist)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	want := []string{"SHA256SUMS", "countersign-1.2.3-test.tgz", archiveName() + ".cdx.json", archiveName() + ".tar.gz"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
}

func wantChecksums(t *testing.T, dist string) {
	command := exec.CommandContext(t.Context(), "sha256sum", "--check", "--strict", "SHA256SUMS")
	command.Dir = dist
	output, err := command.CombinedOutput()
	if err != nil || strings.Count(string(output), ": OK") != 3 {
		t.Errorf("%v: %s", err, output)
	}
}

func wantArchive(t *testing.T, dist string) {
	files := unpack(t, dist)
	if diff := cmp.Diff([]string{"LICENSE", "README.md", "countersign"}, slices.Sorted(maps.Keys(files))); diff != "" {
		t.Error(diff)
	}
	absolute, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(files["countersign"], []byte(absolute)) {
		t.Error("the binary names the folder that it was built in")
	}
	binary := filepath.Join(t.TempDir(), "countersign")
	if err := os.WriteFile(binary, files["countersign"], 0o700); err != nil { //nolint:gosec // It is run.
		t.Fatal(err)
	}
	told, err := exec.CommandContext(t.Context(), binary, "version").Output()
	if err != nil || string(told) != "countersign "+version+"\n" {
		t.Errorf("version: %q, %v", told, err)
	}
}

func wantSBOM(t *testing.T, dist string) {
	var sbom struct {
		BOMFormat string `json:"bomFormat"`
		Metadata  struct {
			Component struct{ Name, Version string } `json:"component"`
		} `json:"metadata"`
		Components []struct{ Name, Version string } `json:"components"`
	}
	if err := json.Unmarshal(contentOf(t, dist, archiveName()+".cdx.json"), &sbom); err != nil {
		t.Fatal(err)
	}
	main := sbom.Metadata.Component
	if sbom.BOMFormat != "CycloneDX" || main.Name != "github.com/countersign/countersign" || main.Version != version {
		t.Errorf("a %s of %+v", sbom.BOMFormat, main)
	}
	listed := map[string]string{}
	for _, component := range sbom.Components {
		listed[component.Name] = component.Version
	}
	info, err := buildinfo.Read(bytes.NewReader(unpack(t, dist)["countersign"]))
	if err != nil {
		t.Fatal(err)
	}
	built := map[string]string{}
	for _, module := range info.Deps {
		built[module.Path] = module.Version
	}
	if diff := cmp.Diff(built, listed); diff != "" || len(built) == 0 {
		t.Errorf("modules of the binary (-) and of the SBOM (+): %s", diff)
	}
}

func wantChart(t *testing.T, dist string) {
	helm := filepath.Join(root, "bin", "helm")
	command := exec.CommandContext(t.Context(), helm, "show", "chart", filepath.Join(dist, "countersign-1.2.3-test.tgz"))
	output, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	var chart struct {
		Name       string `json:"name"`
		Version    string `json:"version"`
		AppVersion string `json:"appVersion"`
	}
	if err := yaml.Unmarshal(output, &chart); err != nil {
		t.Fatal(err)
	}
	if chart.Name != "countersign" || chart.Version != "1.2.3-test" || chart.AppVersion != version {
		t.Errorf("chart %+v", chart)
	}
	render := exec.CommandContext(t.Context(), helm, "template", "countersign", filepath.Join(dist, "countersign-1.2.3-test.tgz"), "--set", "vault.address=https://vault.example")
	rendered, err := render.Output()
	if err != nil || !strings.Contains(string(rendered), "/countersign/countersign:"+version) {
		t.Errorf("the chart does not run the image of the version: %v", err)
	}
}

func contentOf(t *testing.T, folder, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// unpack the archive: its one folder's files by name.
func unpack(t *testing.T, dist string) map[string][]byte {
	t.Helper()
	compressed, err := gzip.NewReader(bytes.NewReader(contentOf(t, dist, archiveName()+".tar.gz")))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for archive := tar.NewReader(compressed); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		name, found := strings.CutPrefix(header.Name, archiveName()+"/")
		if !found {
			t.Errorf("%s is outside of the folder", header.Name)
		}
		if files[name], err = io.ReadAll(archive); err != nil {
			t.Fatal(err)
		}
	}
}
