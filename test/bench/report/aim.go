package report

import (
	"errors"
	"fmt"
	"slices"
)

// Aim is a bound of a ratio or a count.
type Aim struct {
	What        string
	Got, AtMost float64
	// NeedsPeer: a miss fails nothing.
	NeedsPeer bool
}

func (a Aim) isHeld() bool { return a.Got <= a.AtMost }

// Aim adds what the page is held to.
func (p *Page) Aim(a Aim) { p.aims = append(p.aims, a) }

func aimsTable(aims []Aim) *Table {
	table := NewTable("aim", "at most", "measured", "held")
	for _, aim := range aims {
		held := "yes"
		if !aim.isHeld() {
			held = "**no**"
		}
		table.Add(aim.What, Number(aim.AtMost), Number(aim.Got), held)
	}
	return table
}

// missed has all that are, save those that need a peer.
func missed(aims []Aim) error {
	var errs []error
	for _, aim := range slices.DeleteFunc(slices.Clone(aims), func(a Aim) bool { return a.NeedsPeer || a.isHeld() }) {
		errs = append(errs, fmt.Errorf("%s: %s, want at most %s", aim.What, Number(aim.Got), Number(aim.AtMost)))
	}
	return errors.Join(errs...)
}
