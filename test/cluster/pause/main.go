// Command pause prints the files that it is given and then waits to be told to
// stop. Without any it is the process that keeps the namespaces of a pod; with
// some it shows what a pod has mounted.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	for _, path := range os.Args[1:] {
		content, err := os.ReadFile(path)
		if err != nil {
			fmt.Fprintln(os.Stderr, "pause:", err)
			os.Exit(1)
		}
		fmt.Printf("%s: %s\n", path, content)
	}
	<-stop
}
