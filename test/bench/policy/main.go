package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"testing"
)

// Each cell of the table is the best of several runs: other work on the machine
// makes a run longer, never shorter.
const (
	benchTime = "100ms"
	runs      = 7
)

func main() {
	testing.Init()
	if err := flag.Set("test.benchtime", benchTime); err != nil {
		fail(err)
	}
	if err := report(os.Stdout); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "bench-policy:", err)
	os.Exit(1)
}

// report prints the machine and a table for each thing measured.
func report(out io.Writer) error {
	about(out)
	for _, one := range []struct {
		title   string
		measure measurement
	}{
		{"An allowed request", measureAllowed},
		{"A denied request (Countersign's with the message that explains it)", measureDenied},
		{"Compile", measureCompile},
	} {
		if err := printTable(out, one.title, one.measure); err != nil {
			return err
		}
	}
	return printCosts(out)
}
