package v1

import (
	"encoding/base64"
	"errors"
)

// decodeValue has values stored in Vault as Base64 come out as they were.
// https://external-secrets.io/latest/guides/decoding-strategy/
func decodeValue(strategy string, value []byte) ([]byte, error) {
	switch strategy {
	case "", policyNone:
		return value, nil
	case "Base64":
		return decodeBase64(base64.StdEncoding, value)
	case "Base64URL":
		return decodeBase64(base64.URLEncoding, value)
	case "Auto":
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			if decoded, err := decodeBase64(encoding, value); err == nil {
				return decoded, nil
			}
		}
		return value, nil
	}
	return nil, errors.New("write None, Base64, Base64URL or Auto")
}

func decodeBase64(encoding *base64.Encoding, value []byte) ([]byte, error) {
	decoded, err := encoding.DecodeString(string(value))
	if err != nil {
		// The decoder's error tells the position and never the text.
		return nil, errors.New("the value is not Base64: " + err.Error())
	}
	return decoded, nil
}
