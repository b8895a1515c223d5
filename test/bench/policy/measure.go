package main

import "testing"

func sizes() []int { return []int{10, 1_000, 10_000, 100_000} }

// measurement prepares once what a benchmark then repeats.
type measurement func(engine, []rule) (func(*testing.B), error)

func measureAllowed(e engine, rules []rule) (func(*testing.B), error) {
	return measureRequests(e, rules, allowed(rules, 1024))
}

func measureDenied(e engine, rules []rule) (func(*testing.B), error) {
	return measureRequests(e, rules, denied(rules, 1024))
}

func measureRequests(e engine, rules []rule, requests []request) (func(*testing.B), error) {
	compile, err := e.prepare(rules)
	if err != nil {
		return nil, err
	}
	judge, err := compile()
	if err != nil {
		return nil, err
	}
	i := 0
	return func(b *testing.B) {
		for b.Loop() {
			if _, err := judge.allows(requests[i%len(requests)]); err != nil {
				b.Fatal(err)
			}
			i++
		}
	}, nil
}

func measureCompile(e engine, rules []rule) (func(*testing.B), error) {
	compile, err := e.prepare(rules)
	return func(b *testing.B) {
		for b.Loop() {
			if _, err := compile(); err != nil {
				b.Fatal(err)
			}
		}
	}, err
}

// measureParse is for Countersign: the others are given no text.
func measureParse(_ engine, rules []rule) (func(*testing.B), error) {
	texts := documents(rules)
	return func(b *testing.B) {
		for b.Loop() {
			if _, err := parse(texts); err != nil {
				b.Fatal(err)
			}
		}
	}, nil
}
