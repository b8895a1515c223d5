package main

import "testing"

func sizes() []int { return []int{10, 1_000, 10_000, 100_000} }

func measureAllowed(e engine, rules []rule) func(*testing.B) {
	return measureRequests(e, rules, allowed(rules, 1024))
}

func measureDenied(e engine, rules []rule) func(*testing.B) {
	return measureRequests(e, rules, denied(rules, 1024))
}

func measureRequests(e engine, rules []rule, requests []request) func(*testing.B) {
	return func(b *testing.B) {
		compile, err := e.prepare(rules)
		if err != nil {
			b.Fatal(err)
		}
		judge, err := compile()
		if err != nil {
			b.Fatal(err)
		}
		i := 0
		for b.Loop() {
			if _, err := judge.allows(requests[i%len(requests)]); err != nil {
				b.Fatal(err)
			}
			i++
		}
	}
}

func measureCompile(e engine, rules []rule) func(*testing.B) {
	return func(b *testing.B) {
		compile, err := e.prepare(rules)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, err := compile(); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// measureParse is Countersign's alone: the others are given no text.
func measureParse(rules []rule) func(*testing.B) {
	return func(b *testing.B) {
		texts := documents(rules)
		for b.Loop() {
			if _, err := parse(texts); err != nil {
				b.Fatal(err)
			}
		}
	}
}
