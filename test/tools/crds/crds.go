// Package crds pins the modules that carry the CRDs of what the chart can use:
// cert-manager and the Prometheus operator. Tests read the files out of the
// module cache; the imports only keep the modules in go.mod.
package crds

import (
	_ "github.com/cert-manager/cert-manager/pkg/apis/certmanager"
	_ "github.com/prometheus-operator/prometheus-operator/pkg/versionutil"
)
