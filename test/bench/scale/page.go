package main

import (
	_ "embed" // The page's first paragraphs.
	"fmt"
	"time"

	"github.com/countersign/countersign/test/bench/report"
)

//go:embed intro.md
var text string

const (
	// mostPeak is the bound of the fleet of fewObjects.
	mostPeak   = 150e6
	fewObjects = 10_000
	// mostGrowth of what an object costs, from one size to a larger one; what a
	// process costs without any object makes small fleets dearer.
	mostGrowth = 1.5
)

func newPage(results []result, environment *report.Environment) (*report.Page, error) {
	page := report.NewPage("scale", "What does a large fleet cost, at first and at rest?", text)
	environment.Notef("budget lifted; at rest for %s", results[0].window)
	page.Environment(environment)
	page.Section("Cold sync")
	page.Table(coldTable(results))
	for _, r := range results[len(results)-1:] {
		page.Textf("Asked of the apiserver for each of %d objects: %s.", r.tenants.Objects, r.api.perObject(r.tenants.Objects))
	}
	if err := addPlots(page, results); err != nil {
		return nil, err
	}
	page.Section("At rest, after a restart, after one path changed")
	page.Table(restTable(results))
	for _, r := range results {
		addSilence(page, r)
	}
	addGrowth(page, results)
	return page, nil
}

func coldTable(results []result) *report.Table {
	table := report.NewTable("objects", "until all Secrets stand", "a second", "Vault requests (logins / token calls / reads)",
		"asked of the apiserver, each", "CPU", "CPU, each", "peak RSS", "RSS after")
	for _, r := range results {
		table.Add(r.tenants.Objects, report.Time(r.took), report.Number(float64(int(float64(r.tenants.Objects)/r.took.Seconds()))),
			fmt.Sprintf("%d (%d / %d / %d)", r.requests.Total(), r.requests.Login, r.requests.Token, r.requests.Read),
			fmt.Sprintf("%.1f", r.apiEach()), fmt.Sprintf("%.1f s", r.cost.CPU), fmt.Sprintf("%.1f ms", 1000*r.cpuEach()),
			report.Megabytes(float64(r.cost.PeakRSS)), report.Megabytes(float64(r.cost.RSS)))
	}
	return table
}

func (r result) cpuEach() float64 { return r.cost.CPU / float64(r.tenants.Objects) }

func (r result) apiEach() float64 { return r.api.total() / float64(r.tenants.Objects) }

func restTable(results []result) *report.Table {
	table := report.NewTable("objects", "requests an hour at rest", "scheduled", "CPU at rest",
		"requests of a restart", "restart looked at all in", "CPU of it", "peak RSS of it",
		"refer to the changed path", "touched by resync", "requests of it")
	for _, r := range results {
		table.Add(r.tenants.Objects, report.Number(r.hourly()), r.scheduled, fmt.Sprintf("%.1f %%", 100*r.restCPU/r.window.Seconds()),
			r.restarted.Total(), report.Time(r.restartTook), fmt.Sprintf("%.1f s", r.restartCost.CPU), report.Megabytes(float64(r.restartCost.PeakRSS)),
			r.tenants.Sharing, r.resync.touched, r.resync.requests)
	}
	return table
}

func (r result) hourly() float64 {
	return float64(r.atRest.Total()) * float64(time.Hour) / float64(r.window)
}

func addPlots(page *report.Page, results []result) error {
	for _, plot := range []struct {
		name, title, unit string
		number            func(result) float64
	}{
		{"scale-memory", "Peak memory of the cold sync", "MB", func(r result) float64 { return float64(r.cost.PeakRSS) / 1e6 }},
		{"scale-cpu", "CPU of the cold sync", "seconds", func(r result) float64 { return r.cost.CPU }},
	} {
		line := report.Line{Name: "Countersign"}
		for _, r := range results {
			line.Points = append(line.Points, report.Point{X: float64(r.tenants.Objects), Y: plot.number(r)})
		}
		if err := page.Lines(plot.name, report.Plot{Title: plot.title, X: "objects", Y: plot.unit}, line); err != nil {
			return err
		}
	}
	return nil
}

// addSilence: no request that nobody asked for, and one read of a path for each
// object at most.
func addSilence(page *report.Page, r result) {
	aim := func(what string, got, atMost int) {
		page.Aim(report.Aim{What: fmt.Sprintf("%d objects: %s", r.tenants.Objects, what), Got: float64(got), AtMost: float64(atMost)})
	}
	aim("requests of the cold sync", r.requests.Total(), r.tenants.Objects+1)
	aim("requests at rest", r.atRest.Total()+r.scheduled, 0)
	aim("requests of a restart", r.restarted.Total(), 0)
	aim("requests of the resync", r.resync.requests, r.tenants.Sharing+1)
	aim("requests of the resync for other paths", r.resync.elsewhere, 0)
	aim("objects that the resync should have left alone, or not", r.resync.wrong, 0)
}

// addGrowth: what an object costs stays what it is, from each size to the next.
func addGrowth(page *report.Page, results []result) {
	for i, r := range results {
		if r.tenants.Objects == fewObjects {
			page.Aim(report.Aim{What: fmt.Sprintf("%d objects: peak memory in MB", fewObjects), Got: float64(r.cost.PeakRSS) / 1e6, AtMost: mostPeak / 1e6})
		}
		if i == 0 {
			continue
		}
		smaller := results[i-1]
		page.Aim(report.Aim{
			What: fmt.Sprintf("CPU of an object among %d, of that among %d", r.tenants.Objects, smaller.tenants.Objects),
			Got:  r.cpuEach() / smaller.cpuEach(), AtMost: mostGrowth,
		})
		page.Aim(report.Aim{
			What: fmt.Sprintf("asked of the apiserver for an object among %d, of that among %d", r.tenants.Objects, smaller.tenants.Objects),
			Got:  r.apiEach() / smaller.apiEach(), AtMost: mostGrowth,
		})
	}
}
