package config

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign/countersign/policy"
)

// lastGood keeps the documents of each ConfigMap as they last compiled.
type lastGood map[string][]*policy.Document

// merge takes the good ConfigMaps in and keeps, for each bad one, what it last
// held. What it returns is a candidate: it counts once it has compiled.
func (g lastGood) merge(configMaps []corev1.ConfigMap) (lastGood, map[string]error) {
	candidate, failed := lastGood{}, map[string]error{}
	for i := range configMaps {
		name := configMaps[i].Name
		documents, err := policy.ParseData(name, configMaps[i].Data)
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
