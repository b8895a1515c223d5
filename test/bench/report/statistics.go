package report

import (
	"cmp"
	"slices"
)

// Percentile of samples: the smallest that this many percent do not exceed.
func Percentile[T cmp.Ordered](samples []T, percent int) T {
	sorted := slices.Sorted(slices.Values(samples))
	return sorted[max(0, (len(sorted)*percent+99)/100-1)]
}

// Median of samples; the lower one of two in the middle.
func Median[T cmp.Ordered](samples []T) T { return Percentile(samples, 50) }

// MedianOf a number that each of several results has.
func MedianOf[R any, T cmp.Ordered](results []R, number func(R) T) T {
	var all []T
	for _, one := range results {
		all = append(all, number(one))
	}
	return Median(all)
}
