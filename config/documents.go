package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign/countersign/policy"
)

// PolicyLabel marks the ConfigMaps of the release namespace that hold policy.
const PolicyLabel = "countersign.dev/policy"

// documentsOf parses every *.yaml key of a ConfigMap. One bad key makes the
// whole ConfigMap bad: half a policy may be the half without the denies.
func documentsOf(configMap *corev1.ConfigMap) ([]*policy.Document, error) {
	var documents []*policy.Document
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(configMap.Data)) {
		if !strings.HasSuffix(key, ".yaml") {
			continue
		}
		document, err := policy.Parse(configMap.Name, key, []byte(configMap.Data[key]))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		documents = append(documents, document)
	}
	if len(documents) == 0 && len(errs) == 0 {
		errs = append(errs, fmt.Errorf("ConfigMap %s is labelled %s, but has no key that ends in .yaml", configMap.Name, PolicyLabel))
	}
	return documents, errors.Join(errs...)
}

// lastGood keeps the documents of each ConfigMap as they last compiled.
type lastGood map[string][]*policy.Document

// merge takes the good ConfigMaps in and keeps, for each bad one, what it last
// held. What it returns is a candidate: it counts once it has compiled.
func (g lastGood) merge(configMaps []corev1.ConfigMap) (lastGood, map[string]error) {
	candidate, failed := lastGood{}, map[string]error{}
	for i := range configMaps {
		name := configMaps[i].Name
		documents, err := documentsOf(&configMaps[i])
		if err != nil {
			failed[name] = err
			if documents = g[name]; documents == nil {
				continue
			}
		}
		candidate[name] = documents
	}
	return candidate, failed
}

func (g lastGood) union() []*policy.Document {
	var union []*policy.Document
	for _, name := range slices.Sorted(maps.Keys(g)) {
		union = append(union, g[name]...)
	}
	return union
}
