package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/countersign/countersign/api"
)

// resyncOutcome is what became of an object.
type resyncOutcome string

const (
	outcomeAnnotated resyncOutcome = "annotated"
	outcomeSynced    resyncOutcome = "synced"
	outcomeSuspended resyncOutcome = "suspended"
	outcomeFailed    resyncOutcome = "failed"
	outcomeLate      resyncOutcome = "late"
)

func resyncOutcomes() []resyncOutcome {
	return []resyncOutcome{outcomeAnnotated, outcomeSynced, outcomeSuspended, outcomeFailed, outcomeLate}
}

const (
	suspendedWhy     = "it is read once " + api.Suspend + " is gone"
	progressInterval = 2 * time.Second
)

// teller tells outcomes on standard output as they come, and progress on
// standard error.
type teller struct {
	out, err io.Writer
	total    int
	counts   map[resyncOutcome]int
	// last is when progress was told.
	last time.Time
}

func newTeller(out, err io.Writer) *teller {
	return &teller{out: out, err: err, counts: map[resyncOutcome]int{}, last: time.Now()}
}

func (t *teller) tellDryRun(targets []target) error {
	for _, one := range targets {
		would := "annotate"
		why := ""
		switch {
		case one.vain != "":
			would, why = "not annotate", ": "+one.vain
		case one.suspended:
			why = ": suspended"
		}
		if _, err := fmt.Fprintf(t.out, "would %s %s%s\n", would, one, why); err != nil {
			return err
		}
	}
	return nil
}

// tellForbidden says what was not looked at.
func (t *teller) tellForbidden(kinds []error) {
	for _, err := range kinds {
		_, _ = fmt.Fprintf(t.err, "passed over: %v\n", err)
	}
}

func (t *teller) begin(total int, value string) {
	t.total = total
	_, _ = fmt.Fprintf(t.err, "%s=%s for %d ExternalSecrets\n", api.Resync, value, total)
}

func (t *teller) tell(one target, outcome resyncOutcome, why string) {
	t.counts[outcome]++
	if why != "" {
		why = ": " + strings.Join(strings.Fields(why), " ")
	}
	_, _ = fmt.Fprintf(t.out, "%s %s%s\n", outcome, one, why)
}

func (t *teller) progress(what string, done int) {
	if now := time.Now(); now.Sub(t.last) >= progressInterval {
		t.last = now
		_, _ = fmt.Fprintf(t.err, "%s %d of %d\n", what, done, t.total)
	}
}

// end sums up; errFound where an object has not its new value.
func (t *teller) end() error {
	var parts []string
	for _, outcome := range resyncOutcomes() {
		if count := t.counts[outcome]; count > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count, outcome))
		}
	}
	_, _ = fmt.Fprintln(t.err, strings.Join(parts, ", "))
	if t.counts[outcomeFailed]+t.counts[outcomeLate] > 0 {
		return errFound
	}
	return nil
}
