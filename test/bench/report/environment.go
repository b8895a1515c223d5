package report

import (
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/prometheus/procfs"
)

// Environment is the machine, and the versions of what ran on it. It names no
// host and no path.
type Environment struct {
	processor string
	load      float64
	versions  []string
	notes     []string
}

// NewEnvironment looks at the machine, before anything is measured.
func NewEnvironment() (*Environment, error) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return nil, err
	}
	processors, err := fs.CPUInfo()
	if err != nil {
		return nil, err
	}
	load, err := fs.LoadAvg()
	if err != nil {
		return nil, err
	}
	e := &Environment{processor: "unknown processor", load: load.Load1}
	if len(processors) > 0 && processors[0].ModelName != "" {
		e.processor = processors[0].ModelName
	}
	return e, nil
}

// Version adds that of a program or a module.
func (e *Environment) Version(name, version string) {
	if text := strings.TrimSpace(name + " " + version); !slices.Contains(e.versions, text) {
		e.versions = append(e.versions, text)
	}
}

// Notef adds how something was measured.
func (e *Environment) Notef(format string, args ...any) {
	e.notes = append(e.notes, fmt.Sprintf(format, args...))
}

// String is a list in Markdown. On a machine that had other work to do, only
// ratios within the run mean anything.
func (e *Environment) String() string {
	lines := []string{
		fmt.Sprintf("%s, %d cores, %s/%s", e.processor, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH),
		strings.Join(append([]string{goVersion()}, e.versions...), ", "),
	}
	lines = append(lines, e.notes...)
	if e.load > float64(runtime.NumCPU())/2 {
		lines = append(lines, fmt.Sprintf("**the machine was busy with other work** (a load of %.1f when this began): times are long, only ratios mean something", e.load))
	}
	return "- " + strings.Join(lines, "\n- ")
}

// goVersion leaves experiments out.
func goVersion() string { return regexp.MustCompile(`^\S+`).FindString(runtime.Version()) }
