package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/countersign/countersign/policy"
)

func tellResults(out io.Writer, format string, results []policy.CaseResult) error {
	tell := map[string]func(io.Writer, []policy.CaseResult) error{
		outputText: tellResultsAsText, outputJSON: tellResultsAsJSON, outputJUnit: tellResultsAsJUnit,
	}
	if err := tell[format](out, results); err != nil {
		return err
	}
	if failed(results) > 0 {
		return errFound
	}
	return nil
}

func failed(results []policy.CaseResult) int {
	n := 0
	for i := range results {
		if len(results[i].Failures) > 0 {
			n++
		}
	}
	return n
}

// answerLines are the whole answer to a case.
func answerLines(result *policy.CaseResult) []string {
	lines := []string{}
	for _, answer := range result.Answers {
		lines = append(lines, answer.Lines()...)
	}
	return lines
}

func tellResultsAsText(out io.Writer, results []policy.CaseResult) error {
	var text strings.Builder
	for i := range results {
		result := &results[i]
		word := "pass"
		if len(result.Failures) > 0 {
			word = "FAIL"
		}
		file, line := result.Place()
		fmt.Fprintf(&text, "%s  %s:%d: %s\n", word, file, line, result.Name)
		if len(result.Failures) > 0 {
			for _, told := range slices.Concat(result.Failures, answerLines(result)) {
				fmt.Fprintf(&text, "      %s\n", told)
			}
		}
	}
	fmt.Fprintf(&text, "%d passed, %d failed\n", len(results)-failed(results), failed(results))
	_, err := io.WriteString(out, text.String())
	return err
}

// resultsView is a run as JSON.
type resultsView struct {
	Passed int          `json:"passed"`
	Failed int          `json:"failed"`
	Cases  []resultView `json:"cases"`
}

type resultView struct {
	File     string      `json:"file"`
	Line     int         `json:"line"`
	Name     string      `json:"name"`
	Passed   bool        `json:"passed"`
	Want     policy.Want `json:"want"`
	Got      policy.Want `json:"got"`
	Failures []string    `json:"failures"`
	Answer   []string    `json:"answer"`
}

func tellResultsAsJSON(out io.Writer, results []policy.CaseResult) error {
	view := resultsView{Passed: len(results) - failed(results), Failed: failed(results), Cases: []resultView{}}
	for i := range results {
		result := &results[i]
		file, line := result.Place()
		view.Cases = append(view.Cases, resultView{
			File: file, Line: line, Name: result.Name, Passed: len(result.Failures) == 0,
			Want: result.Want, Got: result.Got, Failures: append([]string{}, result.Failures...), Answer: answerLines(result),
		})
	}
	return printJSON(out, view)
}

// tellResultsAsJUnit has a suite for each file.
func tellResultsAsJUnit(out io.Writer, results []policy.CaseResult) error {
	var names []string
	cases := map[string][]junitCase{}
	for i := range results {
		result := &results[i]
		file, line := result.Place()
		if cases[file] == nil {
			names = append(names, file)
		}
		one := junitCase{Name: result.Name, ClassName: file, File: file, Line: line}
		if len(result.Failures) > 0 {
			one.Failure = &junitFailure{
				Message: strings.Join(result.Failures, "; "), Type: "policy", Text: strings.Join(answerLines(result), "\n"),
			}
		}
		cases[file] = append(cases[file], one)
	}
	suites := make([]junitSuite, len(names))
	for i, name := range names {
		suites[i] = newJUnitSuite(name, cases[name])
	}
	return printJUnit(out, suites...)
}
