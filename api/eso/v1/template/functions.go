package template

import (
	"encoding/hex"
	"fmt"
	"maps"
	"reflect"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"github.com/mitchellh/copystructure"
)

// functions are all that a template may call, besides text/template's own that
// only choose and compare.
func functions() template.FuncMap {
	all := sprig.TxtFuncMap()
	for name := range removedFunctions() {
		delete(all, name)
	}
	maps.Copy(all, printers())
	maps.Copy(all, mergers(all))
	maps.Copy(all, template.FuncMap{
		"pkcs12key":      pkcs12Key,
		"pkcs12keyPass":  pkcs12KeyPass,
		"pkcs12cert":     pkcs12Cert,
		"pkcs12certPass": pkcs12CertPass,

		"pemToPkcs12":               pemToPKCS12,
		"pemToPkcs12Pass":           pemToPKCS12Pass,
		"fullPemToPkcs12":           fullPEMToPKCS12,
		"fullPemToPkcs12Pass":       fullPEMToPKCS12Pass,
		"pemTruststoreToPKCS12":     pemTruststoreToPKCS12,
		"pemTruststoreToPKCS12Pass": pemTruststoreToPKCS12Pass,

		"filterPEM":       filterPEM,
		"filterCertChain": filterCertChain,
		"certSANs":        certSANs,

		"jwkPublicKeyPem":  jwkPublicKeyPEM,
		"jwkPrivateKeyPem": jwkPrivateKeyPEM,
		"rsaDecrypt":       rsaDecrypt,

		"toYaml":   toYAML,
		"fromYaml": fromYAML,

		"hexdec":   hexdec,
		"htpasswd": htpasswd,
		"fail":     fail,
	})
	return all
}

// function is one with its guard, which most do not need.
type function struct {
	reflect.Value
	guard guard
}

// pick leaves text/template's own functions to it.
func pick(available template.FuncMap, names map[string]bool) map[string]function {
	picked := map[string]function{}
	guards := guards()
	for name := range names {
		if each, found := available[name]; found {
			picked[name] = function{Value: reflect.ValueOf(each), guard: guards[name]}
		}
	}
	return picked
}

// removedFunctions are functions of sprig, or of some version of ESO, that
// reach what is not the template's, each with the reason.
func removedFunctions() map[string]string {
	return map[string]string{
		"env":           "it reads the environment of the controller",
		"expandenv":     "it reads the environment of the controller",
		"getHostByName": "it asks the network",
		"getSecretKey":  "it reads other Secrets",
	}
}

// printers replace text/template's own of these names, so that they are bounded.
func printers() template.FuncMap {
	return template.FuncMap{
		"print":    fmt.Sprint,
		"printf":   fmt.Sprintf,
		"println":  fmt.Sprintln,
		"html":     template.HTMLEscaper,
		"js":       template.JSEscaper,
		"urlquery": template.URLQueryEscaper,
	}
}

type dict = map[string]any

// mergers are sprig's, on copies of what is merged in: merging a dict into a
// part of itself would have no end.
func mergers(all template.FuncMap) template.FuncMap {
	merged := template.FuncMap{}
	for _, name := range []string{"merge", "mergeOverwrite"} {
		merge := all[name].(func(dict, ...dict) any)
		merged[name] = func(into dict, from ...dict) (any, error) {
			return onCopies(from, func(copies []dict) (any, error) { return merge(into, copies...), nil })
		}
	}
	for _, name := range []string{"mustMerge", "mustMergeOverwrite"} {
		merge := all[name].(func(dict, ...dict) (any, error))
		merged[name] = func(into dict, from ...dict) (any, error) {
			return onCopies(from, func(copies []dict) (any, error) { return merge(into, copies...) })
		}
	}
	return merged
}

func onCopies(from []dict, merge func([]dict) (any, error)) (any, error) {
	copies := make([]dict, len(from))
	for i, each := range from {
		copied, err := copystructure.Copy(each)
		if err != nil {
			return nil, err
		}
		copies[i] = copied.(dict)
	}
	return merge(copies)
}

// hexdec, like sprig's decoders, answers its error as the text.
func hexdec(text string) string {
	decoded, err := hex.DecodeString(text)
	if err != nil {
		return err.Error()
	}
	return string(decoded)
}

// fail may be given a value, so its message is not told.
func fail(string) (string, error) { return "", stopped }
