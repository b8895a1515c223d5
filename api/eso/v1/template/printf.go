package template

import (
	"strconv"
	"strings"
)

// guardPrintf bounds what widths and repeated arguments make of a format. A
// width holds for each element of a list.
func guardPrintf(_ *Budget, args []any) error {
	verbs, widest, repeats := readFormat(args[0].(string), args[1:])
	used, err := sizeOfArgs(args[1:]...)
	if err != nil {
		return err
	}
	total := times(verbs+used.entries, widest)
	if repeats {
		total += times(verbs, used.bytes+32*used.entries)
	}
	if total > maxValue().bytes {
		return tooLarge
	}
	return nil
}

// readFormat counts the verbs, and finds the largest width or precision and
// whether a verb chooses its argument.
func readFormat(format string, args []any) (verbs, widest int, repeats bool) {
	for {
		_, rest, found := strings.Cut(format, "%")
		if !found {
			return verbs, widest, repeats
		}
		verbs++
		options := rest[:len(rest)-len(strings.TrimLeft(rest, "+-# 0123456789.*[]"))]
		format = rest[min(len(rest), len(options)+1):]
		repeats = repeats || strings.Contains(options, "[")
		if strings.Contains(options, "*") {
			widest = max(widest, largest(args))
		}
		for number := range strings.FieldsFuncSeq(options, func(r rune) bool { return r < '0' || r > '9' }) {
			width, err := strconv.Atoi(number)
			if err != nil {
				width = maxNumber
			}
			widest = max(widest, width)
		}
	}
}

func largest(args []any) int {
	most := 0
	for _, arg := range reflected(args) {
		switch {
		case arg.CanInt():
			number := min(max(arg.Int(), -maxNumber), maxNumber)
			most = max(most, int(number), int(-number))
		case arg.CanUint():
			most = max(most, int(min(arg.Uint(), maxNumber)))
		}
	}
	return most
}
