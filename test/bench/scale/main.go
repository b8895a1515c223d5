// Command scale measures fleets of growing size: the cold sync of all objects
// with the budget lifted, what is asked of the apiserver for each, the silence at
// rest and after a restart, and a resync of those that read one path.
// "make bench-scale" writes the page; BENCH_FLAGS="-objects 573,1000,10000" leaves
// the largest fleet out, which takes most of the time.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/countersign/countersign/test/bench/report"
	"github.com/countersign/countersign/test/bench/stage"
)

func main() {
	objects := flag.String("objects", "573,1000,10000,50000", "sizes of the fleets, growing")
	window := flag.Duration("window", time.Minute, "how long the fleet is watched at rest")
	folder := flag.String("folder", "", "folder for the page and its plots; empty: print the page")
	flag.Parse()
	sizes, err := parseSizes(*objects)
	if err == nil {
		err = run(sizes, *window, *folder)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func parseSizes(text string) ([]int, error) {
	var sizes []int
	for word := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 || len(sizes) > 0 && n <= sizes[len(sizes)-1] {
			return nil, fmt.Errorf("-objects %s: want growing numbers with commas between", text)
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}

func run(sizes []int, window time.Duration, folder string) error {
	return report.Run(folder, func(ctx context.Context, environment *report.Environment) (*report.Page, error) {
		if err := stage.ReadProductAnew(); err != nil {
			return nil, err
		}
		var results []result
		for _, size := range sizes {
			one, err := measure(ctx, size, window, environment)
			if err != nil {
				return nil, fmt.Errorf("%d objects: %w", size, err)
			}
			results = append(results, one)
		}
		return newPage(results, environment)
	})
}

// measure a fleet on a cluster of its own.
func measure(ctx context.Context, objects int, window time.Duration, environment *report.Environment) (result, error) {
	var measured result
	err := stage.With(ctx, environment, func(s *stage.Stage) (err error) {
		measured, err = (&fleet{Stage: s, tenants: tenantsOf(objects)}).measure(ctx, window)
		return err
	})
	return measured, err
}

const (
	// namespaces is their number in the seed text; larger fleets have more
	// objects in each.
	namespaces = 573
	// One object in a hundred reads a path that they share.
	sharing = 100
)

func tenantsOf(objects int) stage.Tenants {
	return stage.Tenants{Objects: objects, PerNamespace: (objects + namespaces - 1) / namespaces, Sharing: (objects + sharing - 1) / sharing}
}
