// Command fleet measures a cold sync: the fleet of the seed text, 573 namespaces
// with an ExternalSecret of five values each, stands in the apiserver, and the
// sync starts. What reached Vault is told by Vault's audit log. It fails where
// that is more than one login and one read for each object, or where a restart
// sends anything. "make bench-fleet" prints a Markdown table.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	objects := flag.Int("objects", 573, "number of namespaces, with an ExternalSecret each")
	runs := flag.Int("runs", 1, "runs of each budget; the table has the median time")
	flag.Parse()
	if err := run(*objects, *runs); err != nil {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
}

// budgets are the default one, and one that never makes anybody wait.
func budgets() []budget {
	return []budget{{"default: 100/s, burst 200", 100, 200}, {"lifted", 100_000, 100_000}}
}

func run(objects, runs int) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM) //nolint:forbidigo // The root of all contexts.
	defer stop()
	var rows []row
	for _, budget := range budgets() {
		var all []result
		for range runs {
			one, err := measure(ctx, objects, budget)
			if err != nil {
				return fmt.Errorf("budget %s: %w", budget.name, err)
			}
			all = append(all, one)
		}
		rows = append(rows, row{budget.name, objects, all})
	}
	printTable(os.Stdout, rows)
	return check(rows)
}
