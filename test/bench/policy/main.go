package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/countersign/countersign/test/bench/report"
)

func main() {
	testing.Init()
	folder := flag.String("folder", "", "folder for the page and its plots; empty: print the page")
	benchTime := flag.String("run", "100ms", "how long one run lasts")
	runs := flag.Int("runs", 7, "runs of each; the table has the best: other work on the machine makes a run longer, never shorter")
	flag.Parse()
	if err := run(*folder, *benchTime, *runs, sizes()); err != nil {
		fmt.Fprintln(os.Stderr, "policy:", err)
		os.Exit(1)
	}
}

func run(folder, benchTime string, runs int, sizes []int) error {
	if err := flag.Set("test.benchtime", benchTime); err != nil {
		return err
	}
	return report.Run(folder, func(_ context.Context, environment *report.Environment) (*report.Page, error) {
		addVersions(environment)
		environment.Notef("each number is the best of %d runs of %s", runs, benchTime)
		return newPage(environment, runs, sizes)
	})
}
