package main

import (
	_ "embed" // The page's first paragraphs.
	"fmt"

	"github.com/countersign/countersign/test/bench/report"
)

//go:embed intro.md
var text string

const (
	// mostGrowth of what is to be flat; what is measured while objects come and
	// go varies.
	mostGrowth = 1.25
	// mostHeapOfAChange leaves room for an event, which is kept for minutes. An
	// object that was forgotten would take twice as much.
	mostHeapOfAChange = 2000
)

func newPage(r *result, environment *report.Environment) (*report.Page, error) {
	page := report.NewPage("soak", "Does a process grow?", text)
	page.Environment(environment)
	page.Table(table(r))
	for _, plot := range []struct {
		name, title, unit string
		lines             map[string]func(sample) float64
	}{
		{"soak-memory", "Memory", "MB", map[string]func(sample) float64{
			"heap": func(s sample) float64 { return s.heap / 1e6 }, "resident": func(s sample) float64 { return s.rss / 1e6 },
		}},
		{"soak-goroutines", "Goroutines", "", map[string]func(sample) float64{"goroutines": goroutines}},
	} {
		var lines []report.Line
		for _, name := range []string{"heap", "resident", "goroutines"} {
			if number, ok := plot.lines[name]; ok {
				lines = append(lines, lineOf(name, r.samples, number))
			}
		}
		if err := page.Lines(plot.name, report.Plot{Title: plot.title, X: "seconds", Y: plot.unit}, lines...); err != nil {
			return nil, err
		}
	}
	addAims(page, r)
	return page, nil
}

func goroutines(s sample) float64 { return s.goroutines }

func heap(s sample) float64 { return s.heap }

func scrapeLines(s sample) float64 { return s.lines }

func lineOf(name string, samples []sample, number func(sample) float64) report.Line {
	line := report.Line{Name: name}
	for _, one := range samples {
		line.Points = append(line.Points, report.Point{X: one.at.Seconds(), Y: number(one)})
	}
	return line
}

func table(r *result) *report.Table {
	table := report.NewTable("", "")
	t := r.tally
	table.Add("created, updated, deleted", fmt.Sprintf("%d, %d, %d", t.created, t.updated, t.deleted))
	table.Add("forbidden and refused", t.refused)
	table.Add("edits of the policy", t.edits)
	table.Add("objects in the end", r.standing)
	table.Add("series of objects in the end", r.series)
	table.Add("logins that Vault holds in the end", r.logins)
	table.Add("sessions that the process holds", r.sessions)
	return table
}

func addAims(page *report.Page, r *result) {
	aim := func(what string, got, atMost float64) {
		page.Aim(report.Aim{What: what, Got: got, AtMost: atMost})
	}
	aim("bytes of heap for each change", heapOfAChange(r.samples, r.tally.changes()), mostHeapOfAChange)
	aim("growth of goroutines", growth(r.samples, 50, goroutines), mostGrowth)
	aim("growth of lines of a scrape", growth(r.samples, 50, scrapeLines), mostGrowth)
	aim("logins that Vault holds beyond the sessions of the process", float64(r.logins-r.sessions), 0)
	aim("series that name objects which are gone", float64(r.left), 0)
	aim("forbidden and admitted", float64(r.tally.wronglyAdmitted), 0)
	aim("objects that are not ready in the end", float64(r.notReady), 0)
}
