package template

// numberGuards bound random texts, which cost by the letter, and decimals,
// which grow with each factor.
func numberGuards() map[string]guard {
	guards := map[string]guard{}
	for _, name := range []string{"randAlphaNum", "randAlpha", "randAscii", "randNumeric", "randBytes"} {
		guards[name] = guardRandom
	}
	for _, name := range []string{"addf", "subf", "mulf", "divf"} {
		guards[name] = guardDecimals
	}
	return guards
}

func guardRandom(b *Budget, args []any) error {
	count := args[0].(int)
	if count > maxValue().bytes {
		return tooLarge
	}
	return b.spend(max(count, 0) >> 7)
}

func guardDecimals(b *Budget, args []any) error {
	if len(args) > maxNumbers {
		return tooLarge
	}
	return b.spend(len(args) + len(args)*len(args)>>5)
}
