package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/countersign/countersign/test/bench/report"
)

// The engines agree: what is measured is the same decision.
func TestEnginesAgree(t *testing.T) {
	rules := newRules(200)
	for _, one := range engines() {
		compile, err := one.prepare(rules)
		if err != nil {
			t.Fatal(err)
		}
		judge, err := compile()
		if err != nil {
			t.Fatal(err)
		}
		for want, requests := range map[bool][]request{true: allowed(rules, 400), false: append(denied(rules, 400), foreign(rules)...)} {
			for _, r := range requests {
				if got, err := judge.allows(r); err != nil || got != want {
					t.Errorf("%s: %+v: %t, %v; want %t", one.name, r, got, err, want)
				}
			}
		}
	}
}

// foreign are requests for the tree of the next rule.
func foreign(rules []rule) []request {
	requests := allowed(rules, len(rules))
	for i := range requests {
		requests[i].path = "secret/data/team-9999/" + strconv.Itoa(i)
	}
	return requests
}

// The page, small: its numbers are of no use. Growth may be anything then.
func TestPage(t *testing.T) {
	page, err := newPage(&report.Environment{}, 1, []int{10, 20})
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	written := page.Write(folder, nil)
	text, err := os.ReadFile(filepath.Join(folder, "policy.md"))
	if err != nil {
		t.Fatal(err, written)
	}
	for _, want := range []string{"| rules | Countersign | regular expressions | ratio | CEL | ratio |", "## Countersign alone", "(policy-denied.svg)", "with 20 rules, of the time with 10"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the page lacks %q:\n%s", want, text)
		}
	}
}

func BenchmarkAllowed(b *testing.B) { benchmark(b, measureAllowed) }

func BenchmarkDenied(b *testing.B) { benchmark(b, measureDenied) }

func BenchmarkCompile(b *testing.B) { benchmark(b, measureCompile) }

func benchmark(b *testing.B, measure measurement) {
	b.Helper()
	for _, one := range engines() {
		for _, n := range sizes() {
			b.Run(fmt.Sprintf("%s/rules=%d", one.name, n), func(b *testing.B) {
				body, err := measure(one, newRules(n))
				if err != nil {
					b.Fatal(err)
				}
				b.ResetTimer()
				body(b)
			})
		}
	}
}
