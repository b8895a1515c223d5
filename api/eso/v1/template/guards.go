package template

import (
	"maps"
	"strings"
)

// guard judges what a function is given before it runs: it refuses what would
// grow or last too long, and spends what costs more than its size.
type guard func(b *Budget, args []any) error

// Prices in units.
const (
	bcryptUnits  = 1_000
	scryptUnits  = 2_000
	rsa2048Units = 5_000
	rsa4096Units = 40_000
	keyUnits     = 100   // of 1 KiB; RSA of 2,048 bits has 1.7 KiB, of 4,096 bits 3.2
	archiveUnits = 1_000 // besides its size and iterations
	yamlUnits    = 16    // for each of JSON
)

const (
	maxElements = 100_000
	maxNumber   = 1 << 40
	maxKey      = 10 << 10 // a private key in PEM or JSON
	maxArchive  = 64 << 10
	maxCutset   = 1 << 10
	maxNumbers  = 100
)

func guards() map[string]guard {
	all := map[string]guard{}
	for _, group := range []map[string]guard{textGuards(), listGuards(), numberGuards(), cryptoGuards(), regexGuards()} {
		maps.Copy(all, group)
	}
	return all
}

func textGuards() map[string]guard {
	return map[string]guard{
		"repeat":  grows(func(args []any) int { return times(args[0].(int), len(args[1].(string))) }),
		"indent":  guardIndent,
		"nindent": guardIndent,
		"wrap":    grows(func(args []any) int { return len(args[1].(string)) / max(args[0].(int), 1) }),
		"wrapWith": grows(func(args []any) int {
			return times(len(args[2].(string))/max(args[0].(int), 1)+1, len(args[1].(string)))
		}),
		"replace": grows(func(args []any) int {
			return times(strings.Count(args[2].(string), args[0].(string)), len(args[1].(string)))
		}),
		"join":      guardJoin,
		"split":     guardSplit,
		"splitList": guardSplit,
		"splitn":    guardSplitN,
		"trimAll":   guardCutset,
		"trimall":   guardCutset,
		"printf":    guardPrintf,
		"toYaml":    guardToYAML,
		"fromYaml":  guardYAML,
	}
}

func listGuards() map[string]guard {
	return map[string]guard{
		"until":       elements(func(args []any) int { return steps(0, args[0].(int), 1) }),
		"untilStep":   elements(func(args []any) int { return steps(args[0].(int), args[1].(int), args[2].(int)) }),
		"seq":         elements(guardSeq),
		"uniq":        guardPairs,
		"mustUniq":    guardPairs,
		"without":     guardPairs,
		"mustWithout": guardPairs,
	}
}

// grows refuses a function that would make a text of the estimated length.
func grows(estimate func(args []any) int) guard {
	return func(_ *Budget, args []any) error {
		if estimate(args) > maxValue().bytes {
			return tooLarge
		}
		return nil
	}
}

// elements refuses a function that would make a list of the estimated length.
func elements(estimate func(args []any) int) guard {
	return func(_ *Budget, args []any) error {
		if estimate(args) > maxElements {
			return tooLarge
		}
		return nil
	}
}

// times multiplies without an overflow. What is negative the functions refuse.
func times(a, b int) int {
	const most = 1 << 31
	return min(max(a, 0), most) * min(max(b, 0), most)
}

// steps is how many numbers lie between, or too many where adding might
// overflow.
func steps(start, stop, step int) int {
	if tooFar(start) || tooFar(stop) || tooFar(step) {
		return maxElements + 1
	}
	if step == 0 {
		return 0
	}
	return max((stop-start)/step, (start-stop)/step)
}

func tooFar(number int) bool { return number > maxNumber || number < -maxNumber }

// guardSeq estimates "end", "start end" and "start step end".
func guardSeq(args []any) int {
	switch len(args) {
	case 1:
		return steps(1, args[0].(int), 1)
	case 2:
		return steps(args[0].(int), args[1].(int), 1)
	case 3:
		return steps(args[0].(int), args[2].(int), args[1].(int))
	default:
		return 0
	}
}

func guardIndent(_ *Budget, args []any) error {
	lines := strings.Count(args[1].(string), "\n") + 1
	if times(args[0].(int), lines) > maxValue().bytes {
		return tooLarge
	}
	return nil
}

func guardJoin(_ *Budget, args []any) error {
	used, err := sizeOfArgs(args[1])
	if err != nil {
		return err
	}
	if times(used.entries, len(args[0].(string))) > maxValue().bytes {
		return tooLarge
	}
	return nil
}

func guardSplit(_ *Budget, args []any) error {
	if strings.Count(args[1].(string), args[0].(string)) > maxElements {
		return tooLarge
	}
	return nil
}

func guardSplitN(b *Budget, args []any) error {
	if n := args[1].(int); n >= 0 && n <= maxElements {
		return nil
	}
	return guardSplit(b, []any{args[0], args[2]})
}

// guardCutset bounds a search that compares each letter with each.
func guardCutset(b *Budget, args []any) error {
	cutset, text := len(args[0].(string)), len(args[1].(string))
	if cutset > maxCutset {
		return tooLarge
	}
	return b.spend(times(cutset, text) >> 14)
}

// guardPairs bounds a search that compares each element with each.
func guardPairs(b *Budget, args []any) error {
	used, err := sizeOfArgs(args...)
	if err != nil {
		return err
	}
	return b.spend(times(used.entries, used.bytes+32*used.entries) >> 16)
}

func guardToYAML(b *Budget, args []any) error {
	used, err := sizeOfArgs(args...)
	if err != nil {
		return err
	}
	return b.spend(yamlUnits * used.units())
}
