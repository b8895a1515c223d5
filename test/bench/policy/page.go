package main

import (
	_ "embed" // The page's first paragraphs.
	"fmt"
	"runtime/debug"
	"time"

	"github.com/countersign/countersign/test/bench/report"
)

//go:embed intro.md
var text string

// mostGrowth is how many times as long a verdict may take with all the rules as
// with the fewest: caches of the processor are what is left.
const mostGrowth = 4

// addVersions has that of what is compared with.
func addVersions(environment *report.Environment) {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == "github.com/google/cel-go" {
			environment.Version(module.Path, module.Version)
		}
	}
}

func newPage(environment *report.Environment, runs int, sizes []int) (*report.Page, error) {
	page := report.NewPage("policy", "Does a verdict take longer with more rules?", text)
	page.Environment(environment)
	for _, one := range []struct {
		name, title string
		measure     measurement
	}{
		{"policy-allowed", "An allowed request", measureAllowed},
		{"policy-denied", "A denied request, with the message that explains it", measureDenied},
		{"policy-compile", "Compile", measureCompile},
	} {
		took, err := times(one.measure, runs, sizes)
		if err != nil {
			return nil, err
		}
		page.Section(one.title)
		page.Table(table(took, sizes))
		if err := page.Lines(one.name, report.Plot{Title: one.title, X: "rules", Y: "nanoseconds", LogX: true, LogY: true}, lines(took, sizes)...); err != nil {
			return nil, err
		}
		if one.name != "policy-compile" {
			ours := took[0]
			page.Aim(report.Aim{
				What: fmt.Sprintf("%s: with %d rules, of the time with %d", one.title, sizes[len(sizes)-1], sizes[0]),
				Got:  float64(ours[len(ours)-1]) / float64(ours[0]), AtMost: mostGrowth,
			})
		}
	}
	return page, addCosts(page, runs, sizes)
}

// times are those of each engine with each number of rules.
func times(measure measurement, runs int, sizes []int) ([][]time.Duration, error) {
	took := make([][]time.Duration, len(engines()))
	for i, one := range engines() {
		for _, n := range sizes {
			result, err := best(one, n, measure, runs)
			if err != nil {
				return nil, fmt.Errorf("%s with %d rules: %w", one.name, n, err)
			}
			took[i] = append(took[i], perOperation(result))
		}
	}
	return took, nil
}

// table has a row for each number of rules. A ratio is how many times as long as
// Countersign another engine takes.
func table(took [][]time.Duration, sizes []int) *report.Table {
	headings := []string{"rules"}
	for i, one := range engines() {
		headings = append(headings, one.name)
		if i > 0 {
			headings = append(headings, "ratio")
		}
	}
	table := report.NewTable(headings...)
	for j, n := range sizes {
		cells := []any{n}
		for i := range took {
			cells = append(cells, report.Time(took[i][j]))
			if i > 0 {
				cells = append(cells, report.Ratio(float64(took[i][j])/float64(took[0][j])))
			}
		}
		table.Add(cells...)
	}
	return table
}

func lines(took [][]time.Duration, sizes []int) []report.Line {
	var all []report.Line
	for i, one := range engines() {
		line := report.Line{Name: one.name}
		for j, n := range sizes {
			line.Points = append(line.Points, report.Point{X: float64(n), Y: float64(took[i][j])})
		}
		all = append(all, line)
	}
	return all
}

// addCosts has what only Countersign does.
func addCosts(page *report.Page, runs int, sizes []int) error {
	page.Section("Countersign alone")
	table := report.NewTable("rules", "parse the YAML, with all checks of a document", "memory while compiling")
	for _, n := range sizes {
		parsing, err := best(engines()[0], n, measureParse, runs)
		if err != nil {
			return err
		}
		compiling, err := best(engines()[0], n, measureCompile, runs)
		if err != nil {
			return err
		}
		table.Add(n, report.Time(perOperation(parsing)), fmt.Sprintf("%.1f MB", float64(compiling.AllocedBytesPerOp())/1e6))
	}
	page.Table(table)
	return nil
}
