package main

import (
	"fmt"
	"io"
	"strings"
)

func tellChanges(out io.Writer, format string, found *changes) error {
	tell := tellChangesAsText
	if format == outputJSON {
		tell = tellChangesAsJSON
	}
	if err := tell(out, found); err != nil {
		return err
	}
	if len(found.all) > 0 {
		return errFound
	}
	return nil
}

func tellChangesAsText(out io.Writer, found *changes) error {
	var text strings.Builder
	for i := range found.all {
		one := &found.all[i]
		fmt.Fprintf(&text, "%s: %s\n", one.effect, one.String())
		for _, line := range one.lines() {
			fmt.Fprintf(&text, "  %s\n", line)
		}
	}
	counts := found.counts()
	var parts []string
	for _, kind := range effects() {
		parts = append(parts, fmt.Sprintf("%d %s", counts[kind], kind))
	}
	fmt.Fprintln(&text, strings.Join(parts, ", "))
	_, err := io.WriteString(out, text.String())
	return err
}

// changesView is a diff as JSON. Old and New are revisions.
type changesView struct {
	Old     string         `json:"old"`
	New     string         `json:"new"`
	Counts  map[effect]int `json:"counts"`
	Changes []changeView   `json:"changes"`
}

type changeView struct {
	objectView

	Change effect     `json:"change"`
	Before answerView `json:"before"`
	After  answerView `json:"after"`
}

func tellChangesAsJSON(out io.Writer, found *changes) error {
	view := changesView{Old: found.before.Revision(), New: found.after.Revision(), Counts: found.counts(), Changes: []changeView{}}
	for i := range found.all {
		one := &found.all[i]
		view.Changes = append(view.Changes, changeView{one.view(), one.effect, viewOf(one.before), viewOf(one.after)})
	}
	return printJSON(out, view)
}
