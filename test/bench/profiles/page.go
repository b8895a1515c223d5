package main

import (
	_ "embed" // The page's first paragraphs.
	"fmt"
	"path"

	"github.com/google/pprof/profile"

	"github.com/countersign/countersign/test/bench/report"
)

//go:embed intro.md
var text string

// listed functions of each profile.
const listed = 12

func newPage(found *profiles, environment *report.Environment) *report.Page {
	page := report.NewPage("profiles", "Where do the time and the memory go?", text)
	page.Environment(environment)
	add := func(title, unit string, taken *profile.Profile, purposes []purpose, show func(int64) string) {
		page.Section(title)
		page.Table(shareTable("for", unit, byPurpose(taken, purposes), show))
		page.Table(shareTable("in", unit, byFunction(taken), show))
	}
	add("The processor, in a cold sync", "CPU", found.syncCPU, syncPurposes(), seconds)
	add("The processor, in admission", "CPU", found.admissionCPU, admissionPurposes(), seconds)
	add("Memory in use after the sync", "memory", found.syncHeap, syncPurposes(), megabytes)
	return page
}

func shareTable(what, unit string, shares []share, show func(int64) string) *report.Table {
	var all int64
	for _, one := range shares {
		all += one.value
	}
	table := report.NewTable(what, unit, "share")
	for _, one := range shares[:min(listed, len(shares))] {
		table.Add(shortName(one.name), show(one.value), fmt.Sprintf("%.0f %%", 100*float64(one.value)/float64(all)))
	}
	table.Add("all", show(all), "100 %")
	return table
}

// shortName leaves the folders of a package out.
func shortName(name string) string { return path.Base(name) }

func seconds(nanoseconds int64) string { return fmt.Sprintf("%.2f s", float64(nanoseconds)/1e9) }

func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }
