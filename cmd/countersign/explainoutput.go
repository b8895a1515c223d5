package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/countersign/countersign/policy"
)

func tellExplained(out io.Writer, format string, all []explained) error {
	tell := tellExplainedAsText
	if format == outputJSON {
		tell = tellExplainedAsJSON
	}
	if err := tell(out, all); err != nil {
		return err
	}
	for i := range all {
		if !all[i].Verdict.Allowed() {
			return errFound
		}
	}
	return nil
}

func tellExplainedAsText(out io.Writer, all []explained) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(out, "nothing is asked of Vault")
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i := range all {
		all[i].write(table)
	}
	return table.Flush()
}

// write ends each table with a line without tabs: the next one has widths of
// its own.
func (e *explained) write(out io.Writer) {
	if e.name != "" {
		_, _ = fmt.Fprintf(out, "%s\n", e.String())
	}
	for i := range e.reads {
		e.reads[i].write(out, e.namespace)
	}
	_, _ = fmt.Fprintf(out, "verdict: %s (policy %s)\n", e.Verdict.Outcome(), e.Verdict.Revision)
	if e.isUpdate() {
		_, _ = fmt.Fprintln(out, "  an update: what the object asked before passes")
	}
	for _, line := range e.Lines() {
		_, _ = fmt.Fprintf(out, "  %s\n", line)
	}
}

// write names the namespace where the object is of another.
func (r *explainedRead) write(out io.Writer, objectNamespace string) {
	where := ""
	if r.namespace != objectNamespace {
		where = " in namespace " + r.namespace
	}
	_, _ = fmt.Fprintf(out, "%s: %s%s\n", r.Field, r.Path, where)
	if len(r.rules) == 0 {
		_, _ = fmt.Fprintf(out, "  %s\n", r.withoutRules())
		return
	}
	_, _ = fmt.Fprintln(out, "  RULE\tEFFECT\tAPPLIES\tPART\tMATCHES\tWANTS\tHAS")
	for _, rule := range r.rules {
		writeRule(out, &rule)
	}
}

func (r *explainedRead) withoutRules() string {
	if r.Problem() != "" {
		return "no rule is asked for a path that is refused as it is written"
	}
	return "no rule selects namespace " + r.namespace
}

func writeRule(out io.Writer, rule *policy.Explanation) {
	head := fmt.Sprintf("%s\t%s\t%s", rule.Rule, effectOf(rule), yes(rule.Matches))
	for _, part := range rule.Parts {
		_, _ = fmt.Fprintf(out, "  %s\t%s\t%s\t%s\t%s\n", head, part.Part, yes(part.Matches), part.Wants, part.Has)
		head = "\t\t"
	}
}

func effectOf(rule *policy.Explanation) string {
	switch {
	case !rule.Deny:
		return "allow"
	case rule.Mode == policy.Enforce:
		return "deny"
	}
	return fmt.Sprintf("deny (%s)", rule.Mode)
}

func yes(matches bool) string {
	if matches {
		return "yes"
	}
	return "no"
}

// explainedView is an explanation as JSON.
type explainedView struct {
	judgedView

	Revision string           `json:"revision"`
	Rules    []readRulesViews `json:"rules"`
}

// readRulesViews are the rules of the namespace, compared with one read.
type readRulesViews struct {
	Field string               `json:"field"`
	Path  string               `json:"path"`
	Rules []policy.Explanation `json:"rules"`
}

func tellExplainedAsJSON(out io.Writer, all []explained) error {
	views := []explainedView{}
	for i := range all {
		view := explainedView{judgedView: all[i].view(), Revision: all[i].Verdict.Revision, Rules: []readRulesViews{}}
		for _, read := range all[i].reads {
			view.Rules = append(view.Rules, readRulesViews{read.Field.String(), read.Path, append([]policy.Explanation{}, read.rules...)})
		}
		views = append(views, view)
	}
	return printJSON(out, views)
}
