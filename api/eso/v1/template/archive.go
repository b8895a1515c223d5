package template

import "encoding/asn1"

const maxIterations = 1_000_000

const (
	archiveTooLarge   refusal = "is given an archive that is too large"
	tooManyIterations refusal = "is given an archive whose password takes too many iterations"
)

// guardArchive bounds how often a PKCS#12 archive has its password hashed, and
// how long a key may stand in it: reading one costs by the square of its length.
func guardArchive(place int) guard {
	return func(b *Budget, args []any) error {
		archive := args[place].(string)
		if len(archive) > maxArchive {
			return archiveTooLarge
		}
		iterations := iterationsOf([]byte(archive), 0)
		if iterations > maxIterations {
			return tooManyIterations
		}
		return b.spend(archiveUnits + len(archive)*len(archive)>>19 + iterations/100)
	}
}

// iterationsOf adds up the numbers that follow a salt, wherever they stand:
// all ways to derive a key of a password put their iterations there, and the
// length of the key after them.
func iterationsOf(der []byte, depth int) int {
	total, afterSalt := 0, false
	for len(der) > 0 && depth < maxDepth && total <= maxIterations {
		var element asn1.RawValue
		rest, err := asn1.Unmarshal(der, &element)
		if err != nil {
			return total
		}
		der = rest
		isSalt := element.Tag == asn1.TagOctetString
		switch {
		case element.IsCompound || isSalt:
			total += iterationsOf(element.Bytes, depth+1)
		case afterSalt && element.Tag == asn1.TagInteger:
			total += iterationsIn(element)
			continue
		}
		afterSalt = isSalt
	}
	return total
}

func iterationsIn(element asn1.RawValue) int {
	var count int
	if _, err := asn1.Unmarshal(element.FullBytes, &count); err != nil || count > maxIterations {
		return maxIterations + 1
	}
	return max(count, 0)
}
