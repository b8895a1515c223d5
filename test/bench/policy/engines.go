package main

// engine is one way to decide.
type engine struct {
	name string
	// compile makes a judge of rules. What it needs once for all rules, such
	// as parsing them, is done by prepare.
	prepare func([]rule) (compile func() (judge, error), err error)
}

type judge interface {
	allows(request) (bool, error)
}

func engines() []engine {
	return []engine{
		{"Countersign", prepareCountersign},
		{"regular expressions", prepareRegexps},
		{"CEL", prepareCEL},
	}
}
