package main

import (
	_ "embed" // The page's first paragraphs.
	"fmt"
	"time"

	"github.com/countersign/countersign/test/bench/report"
)

//go:embed intro.md
var text string

// Bounds that need no peer.
const (
	mostAdded  = 1.2 // milliseconds at p50
	mostGrowth = 1.5 // of what is added, with the most rules and with one
)

func newPage(rows []row, environment *report.Environment) (*report.Page, error) {
	page := report.NewPage("admission", "What does admission add to a create?", text)
	page.Environment(environment)
	page.Table(table(rows))
	for _, clients := range distinct(rows, func(r row) int { return r.clients }) {
		var lines []report.Line
		for _, setup := range setups()[1:] {
			lines = append(lines, addedByRules(rows, setup, clients))
		}
		title := fmt.Sprintf("Added at p50, clients: %d", clients)
		if err := page.Lines(fmt.Sprintf("admission-%d", clients), report.Plot{Title: title, X: "rules", Y: "milliseconds", LogX: true, LogY: true}, lines...); err != nil {
			return nil, err
		}
	}
	addAims(page, rows)
	return page, nil
}

func table(rows []row) *report.Table {
	table := report.NewTable("admission", "rules", "clients", "creates", "p50", "p99", "added at p50", "added at p99", "creates a second")
	for _, r := range rows {
		table.Add(r.setup, r.rules, r.clients, len(r.samples), report.Time(r.at(50)), report.Time(r.at(99)),
			report.Time(added(rows, r, 50)), report.Time(added(rows, r, 99)), report.Number(float64(int(r.throughput()))))
	}
	return table
}

func (r row) at(percent int) time.Duration { return report.Percentile(r.samples, percent) }

// find the row of a setup.
func find(rows []row, setup string, rules, clients int) row {
	for _, r := range rows {
		if r.setup == setup && r.rules == rules && r.clients == clients {
			return r
		}
	}
	return row{}
}

// added to the create that nothing admits, of the same turns. It is at least a
// microsecond, which noise may hide.
func added(rows []row, r row, percent int) time.Duration {
	if r.setup == setupNone {
		return 0
	}
	return max(r.at(percent)-find(rows, setupNone, r.rules, r.clients).at(percent), time.Microsecond)
}

func addedByRules(rows []row, setup string, clients int) report.Line {
	line := report.Line{Name: setup}
	for _, r := range rows {
		if r.setup == setup && r.clients == clients {
			line.Points = append(line.Points, report.Point{X: float64(r.rules), Y: milliseconds(added(rows, r, 50))})
		}
	}
	return line
}

// addAims: what is added for one client is bounded, and flat in the rules.
func addAims(page *report.Page, rows []row) {
	rules := distinct(rows, func(r row) int { return r.rules })
	few, many := rules[0], rules[len(rules)-1]
	ours := func(rules int) time.Duration { return added(rows, find(rows, setupCountersign, rules, 1), 50) }
	page.Aim(report.Aim{What: fmt.Sprintf("milliseconds that Countersign adds at p50, %d rules, 1 client", many), Got: milliseconds(ours(many)), AtMost: mostAdded})
	page.Aim(report.Aim{What: fmt.Sprintf("what Countersign adds with %d rules, of that with %d", many, few), Got: float64(ours(many)) / float64(ours(few)), AtMost: mostGrowth})
	theirs := added(rows, find(rows, setupCEL, many, 1), 50)
	page.Aim(report.Aim{What: fmt.Sprintf("what Countersign adds with %d rules, of what the ValidatingAdmissionPolicy does", many), Got: float64(ours(many)) / float64(theirs), AtMost: 1})
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// distinct numbers, as they come.
func distinct(rows []row, number func(row) int) []int {
	var all []int
	for _, r := range rows {
		if n := number(r); len(all) == 0 || all[len(all)-1] < n {
			all = append(all, n)
		}
	}
	return all
}
