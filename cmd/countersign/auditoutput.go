package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/countersign/countersign/policy"
)

func tellAudit(out io.Writer, format string, audited *audit) error {
	tell := map[string]func(io.Writer, *audit) error{
		outputText: tellAuditAsText, outputJSON: tellAuditAsJSON, outputJUnit: tellAuditAsJUnit,
	}
	if err := tell[format](out, audited); err != nil {
		return err
	}
	if audited.counts()[policy.Denied] > 0 {
		return errFound
	}
	return nil
}

func tellAuditAsText(out io.Writer, audited *audit) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(audited.all) > 0 {
		_, _ = fmt.Fprintln(table, "VERDICT\tKIND\tNAMESPACE\tNAME\tWHY")
	}
	for i := range audited.all {
		one := &audited.all[i]
		head := fmt.Sprintf("%s\t%s\t%s\t%s", one.Verdict.Outcome(), shownKind(one.kind), one.namespace, one.name)
		for _, why := range whyOf(one) {
			_, _ = fmt.Fprintf(table, "%s\t%s\n", head, why)
			head = "\t\t\t"
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%s (policy %s)\n", describeCounts(audited.counts()), audited.policy.Revision())
	return err
}

// whyOf are the violations, or where there are none the rules that allow.
func whyOf(one *judged) []string {
	if messages := one.Verdict.Messages(); len(messages) > 0 {
		return messages
	}
	if len(one.Verdict.Grants) == 0 {
		return []string{"it only logs in"}
	}
	var rules []string
	seen := map[string]bool{}
	for _, grant := range one.Verdict.Grants {
		if !seen[grant.Rule] {
			seen[grant.Rule] = true
			rules = append(rules, grant.Rule)
		}
	}
	return []string{strings.Join(rules, ", ")}
}

func describeCounts(counts map[policy.Outcome]int) string {
	var parts []string
	for _, outcome := range policy.Outcomes() {
		parts = append(parts, fmt.Sprintf("%d %s", counts[outcome], outcome))
	}
	return strings.Join(parts, ", ")
}

// auditView is an audit as JSON.
type auditView struct {
	Revision string                 `json:"revision"`
	Counts   map[policy.Outcome]int `json:"counts"`
	Objects  []judgedView           `json:"objects"`
}

func tellAuditAsJSON(out io.Writer, audited *audit) error {
	view := auditView{Revision: audited.policy.Revision(), Counts: audited.counts(), Objects: []judgedView{}}
	for i := range audited.all {
		view.Objects = append(view.Objects, audited.all[i].view())
	}
	return printJSON(out, view)
}

func tellAuditAsJUnit(out io.Writer, audited *audit) error {
	cases := make([]junitCase, len(audited.all))
	for i := range audited.all {
		one := &audited.all[i]
		cases[i] = junitCase{Name: shownKind(one.kind) + " " + one.name, ClassName: one.namespace}
		if !one.Verdict.Allowed() {
			cases[i].Failure = &junitFailure{
				Message: string(one.Verdict.Outcome()), Type: "policy", Text: strings.Join(one.Verdict.Messages(), "\n"),
			}
		}
	}
	return printJUnit(out, newJUnitSuite("countersign audit", cases))
}
