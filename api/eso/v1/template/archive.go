package template

import (
	"crypto/sha256"
	"encoding/asn1"
)

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

// iterationsOf adds up the iterations that follow a salt, wherever they stand:
// all ways to derive a key of a password put them there, and the length of the
// key after them, 32 bytes of which cost them once more.
func iterationsOf(der []byte, depth int) int {
	total, numbers := 0, []int(nil) // numbers is nil before a salt
	for depth < maxDepth && total <= maxIterations {
		var element asn1.RawValue
		rest, err := asn1.Unmarshal(der, &element)
		if err != nil {
			break // also at the end
		}
		der = rest
		isSalt := element.Tag == asn1.TagOctetString
		switch {
		case numbers != nil && element.Tag == asn1.TagInteger:
			numbers = append(numbers, number(element))
			continue
		case element.IsCompound || isSalt:
			total += iterationsOf(element.Bytes, depth+1)
		}
		total += price(numbers)
		numbers = nil
		if isSalt {
			numbers = []int{}
		}
	}
	return total + price(numbers)
}

// price is how many iterations make a key of some length.
func price(numbers []int) int {
	switch len(numbers) {
	case 0:
		return 0
	case 1:
		return numbers[0]
	default:
		return times(numbers[0], 1+numbers[1]/sha256.Size)
	}
}

// number reads one, and takes what is larger than any may be for too many.
func number(element asn1.RawValue) int {
	var read int
	if _, err := asn1.Unmarshal(element.FullBytes, &read); err != nil || read > maxIterations {
		return maxIterations + 1
	}
	return max(read, 0)
}
