// Command fleet measures a cold sync: the fleet of the seed text, 573 namespaces
// with an ExternalSecret of five values each, stands in the apiserver, and the
// sync starts. Countersign takes its turn with the default budget and with one
// that makes nobody wait; External Secrets Operator does where ESO_BIN names its
// binary, with its defaults and tuned. "make bench-fleet" writes the page.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"

	"github.com/countersign/countersign/test/bench/report"
	"github.com/countersign/countersign/test/bench/stage"
)

func main() {
	objects := flag.Int("objects", 573, "number of namespaces, with an ExternalSecret each")
	runs := flag.Int("runs", 5, "runs of each; the table has medians")
	folder := flag.String("folder", "", "folder for the page and its plots; empty: print the page")
	flag.Parse()
	if err := run(*objects, *runs, *folder); err != nil {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
}

func run(objects, runs int, folder string) error {
	return report.Run(folder, func(ctx context.Context, environment *report.Environment) (*report.Page, error) {
		if err := stage.ReadProductAnew(); err != nil {
			return nil, err
		}
		peers, err := peersOf(os.Getenv("ESO_BIN"), environment)
		if err != nil {
			return nil, err
		}
		rows, err := measureAll(ctx, slices.Concat(countersigns(), peers, []contender{writesAlone()}), objects, runs, environment)
		if err != nil {
			return nil, err
		}
		return newPage(rows, environment)
	})
}

// measureAll has the contenders take turns, so that whatever else the machine
// does meets all of them.
func measureAll(ctx context.Context, contenders []contender, objects, runs int, environment *report.Environment) ([]row, error) {
	rows := make([]row, len(contenders))
	for range runs {
		for i, one := range contenders {
			result, err := measure(ctx, one, objects, environment)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", one.name, err)
			}
			rows[i].contender, rows[i].objects = one, objects
			rows[i].results = append(rows[i].results, result)
		}
	}
	return rows, nil
}
