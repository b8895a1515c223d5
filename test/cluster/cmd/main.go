// Command cluster starts and removes the cluster of a checkout:
//
//	cluster up
//	cluster down
//	cluster exec -- COMMAND   runs a command in the node
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/countersign/countersign/test/cluster"
	"github.com/countersign/countersign/test/harness"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM) //nolint:forbidigo // The root of all contexts.
	defer stop()
	if len(args) == 0 {
		return errors.New("say up, down, or exec")
	}
	root, err := harness.ModuleRoot()
	if err != nil {
		return err
	}
	c, err := cluster.Of(root)
	if err != nil {
		return err
	}
	switch args[0] {
	case "up":
		return up(ctx, c)
	case "down":
		return c.Down(ctx)
	case "exec":
		return c.Exec(ctx, args[1:]...)
	case "init":
		return c.Init(ctx)
	default:
		return fmt.Errorf("say up, down, or exec, not %s", args[0])
	}
}

func up(ctx context.Context, c *cluster.Cluster) error {
	started := time.Now()
	if err := c.Up(ctx); err != nil {
		return fmt.Errorf("%w\nlogs are in bin/node/log; make cluster-down removes what was started", err)
	}
	fmt.Printf(`The cluster is up, after %s.

  export KUBECONFIG=%s
  bin/kubectl get pods -A
  bin/helm install countersign charts/countersign -n %s --create-namespace \
    --set vault.address=%s --set image.repository=%s,image.tag=%s

make cluster-down removes it.
`, time.Since(started).Round(time.Second), c.Kubeconfig(), cluster.ReleaseNamespace, c.VaultAddress(), cluster.Image, cluster.Tag)
	return nil
}
