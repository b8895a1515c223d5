package main

import (
	_ "embed" // The page's first paragraphs.
	"fmt"
	"time"

	"github.com/countersign/countersign/test/bench/report"
)

//go:embed intro.md
var text string

// row is what a contender's runs came to.
type row struct {
	contender

	objects int
	results []result
}

func (r row) seconds() float64 {
	return report.MedianOf(r.results, func(one result) time.Duration { return one.took }).Seconds()
}

func (r row) peakRSS() float64 {
	return float64(report.MedianOf(r.results, func(one result) uint64 { return one.cost.PeakRSS }))
}

func (r row) cpu() float64 {
	return report.MedianOf(r.results, func(one result) float64 { return one.cost.CPU })
}

func (r row) requests() int {
	return report.MedianOf(r.results, func(one result) int { return one.counts.Total() })
}

func (r row) peak() int {
	return report.MedianOf(r.results, func(one result) int { return one.peak })
}

func newPage(rows []row, environment *report.Environment) (*report.Page, error) {
	page := report.NewPage("fleet", "What does it take until a fleet has its Secrets?", text)
	environment.Notef("medians of %d runs, taken in turns", len(rows[0].results))
	page.Environment(environment)
	page.Table(table(rows))
	for _, plot := range []struct {
		name, title, unit string
		height            func(row) float64
	}{
		{"fleet-time", "Until all Secrets stand", "seconds", row.seconds},
		{"fleet-requests", "Requests to Vault", "requests", func(r row) float64 { return float64(r.requests()) }},
	} {
		var bars []report.Bar
		for _, r := range rows {
			bars = append(bars, report.Bar{Name: shortName(r.name), Height: plot.height(r)})
		}
		if err := page.Bars(plot.name, report.Plot{Title: plot.title, Y: plot.unit}, bars...); err != nil {
			return nil, err
		}
	}
	addAims(page, rows)
	return page, nil
}

func shortName(name string) string {
	return map[string]string{
		countersignDefault: "Countersign", countersignLifted: "Countersign, lifted", peerDefault: "ESO", peerTuned: "ESO, tuned", bareWrites: "the writes",
	}[name]
}

func table(rows []row) *report.Table {
	table := report.NewTable("", "objects", "until all Secrets stand", "Vault requests (logins / token calls / reads)", "most in a second", "peak RSS", "CPU")
	for _, r := range rows {
		count := r.results[0].counts
		rss, cpu := report.Megabytes(r.peakRSS()), fmt.Sprintf("%.1f s", r.cpu())
		if r.bare {
			rss, cpu = "", ""
		}
		table.Add(r.name, r.objects, fmt.Sprintf("%.1f s", r.seconds()),
			fmt.Sprintf("%d (%d / %d / %d)", r.requests(), count.Login, count.Token, count.Read), r.peak(), rss, cpu)
	}
	return table
}

// addAims holds every run to one login and one read for each object, the budget
// to what it says, and where the peer was measured the ratios to it.
func addAims(page *report.Page, rows []row) {
	named := map[string]row{}
	for _, r := range rows {
		named[r.name] = r
		if r.peer || r.bare {
			continue
		}
		for _, one := range r.results {
			if got := one.counts.Total(); got != r.objects+1 {
				page.Aim(report.Aim{What: "requests of a run of " + r.name, Got: float64(got), AtMost: float64(r.objects + 1)})
			}
		}
		page.Aim(report.Aim{What: "requests for each object, beyond one login, " + shortName(r.name), Got: float64(r.requests()-1) / float64(r.objects), AtMost: 1})
	}
	page.Aim(report.Aim{What: "requests in a second, of what the default budget allows", Got: float64(named[countersignDefault].peak()) / budgetOfASecond, AtMost: 1})
	ours := named[countersignLifted]
	if theirs, ok := named[peerTuned]; ok {
		page.Aim(report.Aim{What: "time, of the tuned peer's", Got: ours.seconds() / theirs.seconds(), AtMost: 1. / 5, NeedsPeer: true})
		page.Aim(report.Aim{What: "memory, of the tuned peer's", Got: ours.peakRSS() / theirs.peakRSS(), AtMost: 1. / 2, NeedsPeer: true})
		page.Aim(report.Aim{What: "CPU, of the tuned peer's", Got: ours.cpu() / theirs.cpu(), AtMost: 1. / 3, NeedsPeer: true})
	}
}

// budgetOfASecond is the burst, and what is granted meanwhile.
const budgetOfASecond = 300
