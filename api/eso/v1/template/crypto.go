package template

const (
	keyTooLarge refusal = "is given a key that is too large"
	noDSA       refusal = "makes no DSA keys: finding one may take a minute"
)

// cryptoGuards price what is slow on purpose, and what takes a private key by
// the time that the largest of them takes.
func cryptoGuards() map[string]guard {
	return map[string]guard{
		"bcrypt":         costs(bcryptUnits),
		"htpasswd":       guardHtpasswd,
		"derivePassword": costs(scryptUnits),
		"genPrivateKey":  guardPrivateKey,

		"genCA":                    costs(rsa2048Units),
		"genSelfSignedCert":        costs(rsa2048Units),
		"genSignedCert":            all(keys(4), costs(rsa2048Units)),
		"genCAWithKey":             keys(2),
		"genSelfSignedCertWithKey": keys(4),
		"genSignedCertWithKey":     keys(4, 5),
		"buildCustomCert":          keys(1),

		"pkcs12key":           guardArchive(0),
		"pkcs12keyPass":       guardArchive(1),
		"pkcs12cert":          guardArchive(0),
		"pkcs12certPass":      guardArchive(1),
		"pemToPkcs12":         keys(1),
		"pemToPkcs12Pass":     keys(1),
		"fullPemToPkcs12":     keys(1),
		"fullPemToPkcs12Pass": keys(1),

		"jwkPublicKeyPem":  keys(0),
		"jwkPrivateKeyPem": keys(0),
		"rsaDecrypt":       keys(3),
	}
}

func costs(units int) guard {
	return func(b *Budget, _ []any) error { return b.spend(units) }
}

func all(guards ...guard) guard {
	return func(b *Budget, args []any) error {
		for _, guard := range guards {
			if err := guard(b, args); err != nil {
				return err
			}
		}
		return nil
	}
}

// keys bounds the arguments at some places, which are private keys or hold
// one: what a key costs grows with the third power of its length.
func keys(places ...int) guard {
	return func(b *Budget, args []any) error {
		for _, place := range places {
			used, err := sizeOfArgs(args[place])
			if err != nil || used.bytes > maxKey {
				return keyTooLarge
			}
			if err := b.spend(keyUnits + keyUnits*used.bytes*used.bytes*used.bytes>>30); err != nil {
				return err
			}
		}
		return nil
	}
}

func guardHtpasswd(b *Budget, args []any) error {
	if args[2].(string) == "sha" {
		return nil
	}
	return b.spend(bcryptUnits)
}

func guardPrivateKey(b *Budget, args []any) error {
	switch args[0].(string) {
	case "", "rsa":
		return b.spend(rsa4096Units)
	case "dsa":
		return noDSA
	default:
		return nil
	}
}
