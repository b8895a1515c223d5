package report

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Page is one file of docs/benchmarks.
type Page struct {
	name    string
	text    bytes.Buffer
	plots   map[string][]byte
	aims    []Aim
	started time.Time
}

// NewPage begins with the title and the text that says what is measured and how.
// The name is that of its file, without the ending, and of its make target.
func NewPage(name, title, text string) *Page {
	p := &Page{name: name, plots: map[string][]byte{}, started: time.Now()}
	p.Textf("# %s\n\n%s", title, strings.TrimSpace(text))
	return p
}

// Textf adds a paragraph.
func (p *Page) Textf(format string, args ...any) {
	_, _ = fmt.Fprintf(&p.text, format+"\n\n", args...)
}

// Section begins one.
func (p *Page) Section(title string) { p.Textf("## %s", title) }

// Table adds one.
func (p *Page) Table(t *Table) { p.Textf("%s", t) }

// Environment adds where and how the numbers were made.
func (p *Page) Environment(e *Environment) {
	p.Textf("Made by `make bench-%s` on %s:", p.name, p.started.UTC().Format(time.DateOnly))
	p.Textf("%s", e)
}

// Write puts page and plots into the folder, or without one the page to out. The
// error may be that an aim is missed.
func (p *Page) Write(folder string, out io.Writer) error {
	if len(p.aims) > 0 {
		p.Section("Aims")
		p.Table(aimsTable(p.aims))
	}
	text := append(bytes.TrimSpace(p.text.Bytes()), '\n')
	if folder == "" {
		if _, err := out.Write(text); err != nil {
			return err
		}
		return missed(p.aims)
	}
	files := map[string][]byte{p.name + ".md": text}
	for name, plot := range p.plots {
		files[name+".svg"] = plot
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil { //nolint:gosec // A page that everybody may read.
			return err
		}
	}
	return missed(p.aims)
}
