package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// about names the machine and the versions.
func about(out io.Writer) {
	fmt.Fprintf(out, "- %s, %d cores, %s/%s\n- %s\n", processor(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == "github.com/google/cel-go" {
				fmt.Fprintf(out, "- %s %s\n", module.Path, module.Version)
			}
		}
	}
	fmt.Fprintf(out, "- each number is the best of %d runs of %s\n", runs, benchTime)
}

func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	found := regexp.MustCompile(`(?m)^model name\s*: (.*)$`).FindSubmatch(info)
	if found == nil {
		return "unknown processor"
	}
	return string(found[1])
}

// printTable has a row for each number of rules. A ratio is how many times as
// long as Countersign another engine takes.
func printTable(out io.Writer, title string, measure measurement) error {
	fmt.Fprintf(out, "\n%s:\n\n| rules |", title)
	for i, one := range engines() {
		fmt.Fprintf(out, " %s |", one.name)
		if i > 0 {
			fmt.Fprint(out, " ratio |")
		}
	}
	fmt.Fprint(out, "\n|---|---|---|---|---|---|\n")
	for _, n := range sizes() {
		if err := printRow(out, n, measure); err != nil {
			return err
		}
	}
	return nil
}

func printRow(out io.Writer, n int, measure measurement) error {
	fmt.Fprintf(out, "| %d |", n)
	var first time.Duration
	for i, one := range engines() {
		result, err := run(one, n, measure)
		if err != nil {
			return fmt.Errorf("%s with %d rules: %w", one.name, n, err)
		}
		took := perOperation(result)
		fmt.Fprintf(out, " %s |", readable(took))
		if i == 0 {
			first = took
			continue
		}
		fmt.Fprintf(out, " %s |", ratio(float64(took)/float64(first)))
	}
	fmt.Fprintln(out)
	return nil
}

// printCosts has what only Countersign does.
func printCosts(out io.Writer) error {
	fmt.Fprint(out, "\nCountersign alone:\n\n| rules | parse the YAML, with all checks of a document | memory while compiling |\n|---|---|---|\n")
	for _, n := range sizes() {
		parsing, err := run(engines()[0], n, measureParse)
		if err != nil {
			return err
		}
		compiling, err := run(engines()[0], n, measureCompile)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "| %d | %s | %.1f MB |\n", n, readable(perOperation(parsing)), float64(compiling.AllocedBytesPerOp())/1e6)
	}
	return nil
}

// run is an error where the benchmark failed: its own message is lost.
func run(e engine, n int, measure measurement) (testing.BenchmarkResult, error) {
	var best testing.BenchmarkResult
	body, err := measure(e, newRules(n))
	if err != nil {
		return best, err
	}
	for range runs {
		result := testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			body(b)
		})
		if result.N == 0 {
			return result, errors.New("failed; go test -bench . shows why")
		}
		if best.N == 0 || perOperation(result) < perOperation(best) {
			best = result
		}
	}
	return best, nil
}

func perOperation(result testing.BenchmarkResult) time.Duration {
	return result.T / time.Duration(result.N)
}

// ratio keeps two digits.
func ratio(r float64) string {
	if r < 10 {
		return fmt.Sprintf("%.1f", r)
	}
	scale := math.Pow(10, math.Floor(math.Log10(r))-1)
	return fmt.Sprintf("%.0f", math.Round(r/scale)*scale)
}

// readable keeps three digits.
func readable(d time.Duration) string {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d >= time.Microsecond:
		return d.Round(10 * time.Nanosecond).String()
	}
	return d.String()
}
