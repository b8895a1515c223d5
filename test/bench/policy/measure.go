package main

import (
	"errors"
	"testing"
	"time"
)

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

// best of several runs. It is an error where the benchmark failed: its own
// message is lost.
func best(e engine, n int, measure measurement, runs int) (testing.BenchmarkResult, error) {
	var shortest testing.BenchmarkResult
	body, err := measure(e, newRules(n))
	if err != nil {
		return shortest, err
	}
	for range runs {
		result := testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			body(b)
		})
		if result.N == 0 {
			return result, errors.New("failed; go test -bench . shows why")
		}
		if shortest.N == 0 || perOperation(result) < perOperation(shortest) {
			shortest = result
		}
	}
	return shortest, nil
}

func perOperation(result testing.BenchmarkResult) time.Duration {
	return result.T / time.Duration(result.N)
}
