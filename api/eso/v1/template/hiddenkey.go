package template

import (
	"bytes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"

	"software.sslmate.com/src/go-pkcs12"
)

// A PKCS#12 archive, as far as it tells where the key stands.
// https://www.rfc-editor.org/rfc/rfc7292#section-4
type pfx struct {
	Version  int
	AuthSafe content
	MAC      asn1.RawValue `asn1:"optional"`
}

type content struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue `asn1:"tag:0,explicit,optional"`
}

type bag struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue `asn1:"tag:0,explicit"`
	More  asn1.RawValue `asn1:"optional"`
}

const hiddenKey refusal = "is given an archive with a key in its encrypted part"

func dataType() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1} }

// refuseHiddenKey refuses an archive with a key in a part that is encrypted:
// how long that key takes to decrypt cannot be seen before. Keys stand outside,
// encrypted by themselves, in what OpenSSL, Java, Windows and ESO make. A key
// inside is found without decrypting it: an archive may have one key, so with
// the parts in another order the second is refused as soon as it is seen.
func refuseHiddenKey(archive, password string) error {
	parts, err := partsOf([]byte(archive))
	if err != nil {
		return failed
	}
	encrypted := func(part content) bool { return !part.Type.Equal(dataType()) }
	if !slices.ContainsFunc(parts, encrypted) {
		return nil
	}
	plain := slices.DeleteFunc(slices.Clone(parts), encrypted)
	if !slices.ContainsFunc(plain, holdsKey) {
		return hiddenKey
	}
	reordered, err := assemble(append(plain, slices.DeleteFunc(parts, func(part content) bool { return !encrypted(part) })...), password)
	if err != nil {
		return failed
	}
	if _, _, _, err := pkcs12.DecodeChain(reordered, password); err != nil {
		return failed
	}
	return nil
}

func partsOf(archive []byte) (parts []content, err error) {
	var read pfx
	if _, err := asn1.Unmarshal(archive, &read); err != nil {
		return nil, err
	}
	return parts, unwrap(read.AuthSafe, &parts)
}

// unwrap reads what stands in a part that is not encrypted.
func unwrap(part content, into any) error {
	var octets []byte
	if _, err := asn1.Unmarshal(part.Value.Bytes, &octets); err != nil {
		return err
	}
	_, err := asn1.Unmarshal(octets, into)
	return err
}

func holdsKey(part content) bool {
	var bags []bag
	if err := unwrap(part, &bags); err != nil {
		return false
	}
	key := asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 1}
	encryptedKey := asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 2}
	return slices.ContainsFunc(bags, func(b bag) bool { return b.Type.Equal(key) || b.Type.Equal(encryptedKey) })
}

// assemble makes an archive of parts.
func assemble(parts []content, password string) ([]byte, error) {
	safe, err := asn1.Marshal(parts)
	if err != nil {
		return nil, err
	}
	octets, err := asn1.Marshal(safe)
	if err != nil {
		return nil, err
	}
	made := pfx{Version: 3, AuthSafe: content{Type: dataType(), Value: explicit(octets)}}
	if password != "" {
		mac, err := authenticate(safe, password)
		if err != nil {
			return nil, err
		}
		made.MAC = asn1.RawValue{FullBytes: mac}
	}
	return asn1.Marshal(made)
}

func explicit(der []byte) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: der}
}

type derivation struct {
	Salt       []byte
	Iterations int
	Length     int
	Hash       pkix.AlgorithmIdentifier
}

type algorithms struct{ Derivation, Hash pkix.AlgorithmIdentifier }

type mac struct {
	Digest struct {
		Algorithm pkix.AlgorithmIdentifier
		Value     []byte
	}
	Salt       []byte
	Iterations int
}

// authenticate makes the archive's MAC (PBMAC1) with one iteration: it is made
// to be read at once.
// https://www.rfc-editor.org/rfc/rfc9579
func authenticate(safe []byte, password string) ([]byte, error) {
	hash := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}}
	salt := bytes.Repeat([]byte{1}, 8)
	derived, err := algorithm(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}, derivation{Salt: salt, Iterations: 1, Length: sha256.Size, Hash: hash})
	if err != nil {
		return nil, err
	}
	made := mac{Salt: salt, Iterations: 1}
	if made.Digest.Algorithm, err = algorithm(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 14}, algorithms{Derivation: derived, Hash: hash}); err != nil {
		return nil, err
	}
	key, err := pbkdf2.Key(sha256.New, password, salt, 1, sha256.Size)
	if err != nil {
		return nil, err
	}
	digest := hmac.New(sha256.New, key)
	digest.Write(safe)
	made.Digest.Value = digest.Sum(nil)
	return asn1.Marshal(made)
}

func algorithm(id asn1.ObjectIdentifier, parameters any) (pkix.AlgorithmIdentifier, error) {
	der, err := asn1.Marshal(parameters)
	return pkix.AlgorithmIdentifier{Algorithm: id, Parameters: asn1.RawValue{FullBytes: der}}, err
}
