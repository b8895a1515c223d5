package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"
)

// row is one budget's line of the table.
type row struct {
	budget  string
	objects int
	results []result
}

// median is the run whose time is the middle one.
func (r row) median() result {
	sorted := slices.SortedFunc(slices.Values(r.results), func(a, b result) int { return cmp.Compare(a.took, b.took) })
	return sorted[len(sorted)/2]
}

func printTable(out io.Writer, rows []row) {
	_, _ = fmt.Fprint(out, "| budget | objects | runs | until all Secrets stand | Vault requests (logins / token calls / reads) | most in a second | peak RSS | CPU | requests of a restart |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		m := r.median()
		_, _ = fmt.Fprintf(out, "| %s | %d | %d | %.1f s | %d (%d / %d / %d) | %d | %d MB | %.1f s | %d |\n", r.budget, r.objects, len(r.results),
			m.took.Round(time.Millisecond).Seconds(), m.counts.Total(), m.counts.Login, m.counts.Token, m.counts.Read,
			m.peak, m.peakRSS/1_000_000, m.cpu, m.restart.Total())
	}
}

// check holds every run to one login and one read for each object, and to
// silence after a restart.
func check(rows []row) error {
	for _, r := range rows {
		for _, one := range r.results {
			if got := one.counts.Total(); got > r.objects+1 {
				return fmt.Errorf("budget %s: %d requests for %d objects", r.budget, got, r.objects)
			}
			if got := one.restart.Total(); got > 0 {
				return fmt.Errorf("budget %s: a restart sent %d requests", r.budget, got)
			}
		}
	}
	return nil
}
