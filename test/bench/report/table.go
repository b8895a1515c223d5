package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Table is Markdown.
type Table struct {
	columns int
	text    strings.Builder
}

// NewTable has a column for each heading.
func NewTable(headings ...string) *Table {
	t := &Table{columns: len(headings)}
	t.line(headings)
	t.text.WriteString("|" + strings.Repeat("---|", len(headings)) + "\n")
	return t
}

// Add a row; a cell is printed as fmt prints it.
func (t *Table) Add(cells ...any) {
	texts := make([]string, t.columns)
	for i, cell := range cells {
		texts[i] = fmt.Sprint(cell)
	}
	t.line(texts)
}

func (t *Table) line(cells []string) {
	t.text.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

// String has no newline at its end.
func (t *Table) String() string { return strings.TrimSpace(t.text.String()) }

// Number keeps three digits, and whole numbers whole.
func Number(n float64) string {
	if n == math.Trunc(n) || math.Abs(n) >= 100 {
		return strconv.FormatFloat(n, 'f', 0, 64)
	}
	return strconv.FormatFloat(n, 'g', 3, 64)
}

// Ratio keeps two digits.
func Ratio(r float64) string {
	if r < 10 {
		return strconv.FormatFloat(r, 'f', 1, 64)
	}
	scale := math.Pow(10, math.Floor(math.Log10(r))-1)
	return strconv.FormatFloat(math.Round(r/scale)*scale, 'f', 0, 64)
}

// Time keeps three digits.
func Time(d time.Duration) string {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d >= time.Microsecond:
		return d.Round(10 * time.Nanosecond).String()
	}
	return d.String()
}

// Megabytes of bytes.
func Megabytes(bytes float64) string { return fmt.Sprintf("%.0f MB", bytes/1e6) }
