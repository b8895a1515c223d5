package main

import (
	"encoding/xml"
	"io"
)

// junitReport is what CI systems read of tests. There is no standard beside
// what they do; this is what all of them know.
// https://github.com/testmoapp/junitxml
type junitReport struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name      string        `xml:"name,attr"`
	ClassName string        `xml:"classname,attr"`
	File      string        `xml:"file,attr,omitempty"`
	Line      int           `xml:"line,attr,omitempty"`
	Failure   *junitFailure `xml:"failure"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

func newJUnitSuite(name string, cases []junitCase) junitSuite {
	suite := junitSuite{Name: name, Tests: len(cases), Cases: cases}
	for _, one := range cases {
		if one.Failure != nil {
			suite.Failures++
		}
	}
	return suite
}

func printJUnit(out io.Writer, suites ...junitSuite) error {
	report := junitReport{Suites: suites}
	for _, suite := range suites {
		report.Tests += suite.Tests
		report.Failures += suite.Failures
	}
	if _, err := io.WriteString(out, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(out)
	encoder.Indent("", "  ")
	if err := encoder.Encode(report); err != nil {
		return err
	}
	_, err := io.WriteString(out, "\n")
	return err
}
