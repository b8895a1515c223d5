// Package report is what the benchmarks write: a page of Markdown with the
// machine, the versions, tables and plots, and the aims that were measured
// against. An aim that is missed fails the command, unless it needs a peer that
// was measured elsewhere.
package report
