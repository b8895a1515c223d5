// Command admission measures what admission adds to a create: nothing at all, a
// ValidatingAdmissionPolicy with a prefix rule, and Countersign, each with as
// many rules, asked by one client and by many. All of them take turns on one real
// apiserver, so that the ratios are of one run. "make bench-admission" writes the
// page.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/countersign/countersign/test/bench/report"
	"github.com/countersign/countersign/test/bench/stage"
)

// size of the measurement.
type size struct {
	rules, clients []int
	// Each setup is asked for so long, in that many turns.
	turns int
	turn  time.Duration
}

func main() {
	folder := flag.String("folder", "", "folder for the page and its plots; empty: print the page")
	turns := flag.Int("turns", 5, "turns of each setup")
	turn := flag.Duration("turn", 3*time.Second, "how long a turn lasts")
	flag.Parse()
	if err := run(*folder, size{[]int{1, 100, 10_000}, []int{1, 16}, *turns, *turn}); err != nil {
		fmt.Fprintln(os.Stderr, "admission:", err)
		os.Exit(1)
	}
}

func run(folder string, size size) error {
	return report.Run(folder, func(ctx context.Context, environment *report.Environment) (*report.Page, error) {
		var rows []row
		err := stage.With(ctx, environment, func(base *stage.Stage) (err error) {
			rows, err = measureAll(ctx, base, size)
			return err
		})
		if err != nil {
			return nil, err
		}
		environment.Notef("each setup had %d turns of %s; a create is a dry run: everything but the write to etcd", size.turns, size.turn)
		return newPage(rows, environment)
	})
}

func measureAll(ctx context.Context, base *stage.Stage, size size) ([]row, error) {
	s, err := setUp(ctx, base.Env)
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, rules := range size.rules {
		if err := s.setRules(ctx, rules); err != nil {
			return nil, err
		}
		for _, clients := range size.clients {
			measured, err := s.measure(ctx, rules, clients, size)
			if err != nil {
				return nil, err
			}
			rows = append(rows, measured...)
		}
	}
	return rows, nil
}
