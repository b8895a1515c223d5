package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// outputFlag is -o.
type outputFlag struct {
	format  string
	formats []string
}

const (
	outputText  = "text"
	outputJSON  = "json"
	outputJUnit = "junit"
)

func (f *outputFlag) add(command *cobra.Command, formats ...string) {
	f.formats = formats
	command.Flags().StringVarP(&f.format, "output", "o", formats[0], "output format: "+strings.Join(formats, ", "))
	// The name of the flag is right: it was registered a line above.
	_ = command.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
}

func (f *outputFlag) validate() error {
	if !slices.Contains(f.formats, f.format) {
		return fmt.Errorf("--output %q: want %s", f.format, strings.Join(f.formats, ", "))
	}
	return nil
}

func printJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// completeNothing keeps the shell from offering files for what is a name.
func completeNothing(command *cobra.Command, flags ...string) {
	for _, name := range flags {
		// The names are right: they were registered just before.
		_ = command.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions)
	}
}
