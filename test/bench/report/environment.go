package report

import (
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/procfs"
)

// Environment is the machine, and the versions of what ran on it. It names no
// host and no path.
type Environment struct {
	processor string
	// busy is the share of the processors' time that went into other work.
	busy     float64
	versions []string
	notes    []string
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
	busy, err := busyNow(fs)
	if err != nil {
		return nil, err
	}
	e := &Environment{processor: "unknown processor", busy: busy}
	if len(processors) > 0 && processors[0].ModelName != "" {
		e.processor = processors[0].ModelName
	}
	return e, nil
}

// mostBusy is what a machine without other work does not reach.
const mostBusy = 0.2

// busyNow looks for a moment. A load average would tell of the benchmark before.
func busyNow(fs procfs.FS) (float64, error) {
	const looked = 2 * time.Second
	before, err := fs.Stat()
	if err != nil {
		return 0, err
	}
	<-time.After(looked)
	after, err := fs.Stat()
	idle := idleTime(after.CPUTotal) - idleTime(before.CPUTotal)
	return 1 - idle/(looked.Seconds()*float64(runtime.NumCPU())), err
}

func idleTime(of procfs.CPUStat) float64 { return of.Idle + of.Iowait }

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
	if e.busy > mostBusy {
		lines = append(lines, fmt.Sprintf("**the machine was busy with other work** (for %.0f %% of its time when this began): times are long, only ratios mean something", 100*e.busy))
	}
	return "- " + strings.Join(lines, "\n- ")
}

// goVersion leaves experiments out.
func goVersion() string { return regexp.MustCompile(`^\S+`).FindString(runtime.Version()) }
