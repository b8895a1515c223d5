package harness

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// binaries are paths of the programs that the harness runs.
type binaries struct {
	root                                                     string
	etcd, apiserver, controllerManager, kubectl, vault, helm string
}

// findBinaries honours KUBEBUILDER_ASSETS for each Kubernetes program that is
// there, and VAULT_BIN; the rest is what "make tools" leaves in bin/.
func findBinaries() (binaries, error) {
	root, err := ModuleRoot()
	if err != nil {
		return binaries{}, err
	}
	found := binaries{root: root, vault: os.Getenv("VAULT_BIN")}
	assets := []string{os.Getenv("KUBEBUILDER_ASSETS"), filepath.Join(root, "bin")}
	var errs []error
	find := func(target *string, name string, folders ...string) {
		if *target != "" {
			return
		}
		*target, err = lookUp(name, folders)
		errs = append(errs, err)
	}
	find(&found.etcd, "etcd", assets...)
	find(&found.apiserver, "kube-apiserver", assets...)
	find(&found.controllerManager, "kube-controller-manager", assets...)
	find(&found.kubectl, "kubectl", assets...)
	find(&found.vault, "vault", assets[1])
	find(&found.helm, "helm", assets[1])
	return found, errors.Join(errs...)
}

func lookUp(name string, folders []string) (string, error) {
	for _, folder := range folders {
		path := filepath.Join(folder, name)
		if info, err := os.Stat(path); folder != "" && err == nil && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("no %s in %s: run make tools", name, folders[len(folders)-1])
}

// ModuleRoot walks up from the working directory to where the chart is: tests
// of a module of their own are below it.
func ModuleRoot() (string, error) {
	working, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for folder := working; ; folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "charts", "countersign")); err == nil {
			return folder, nil
		}
		if folder == filepath.Dir(folder) {
			return "", fmt.Errorf("no charts/countersign above %s", working)
		}
	}
}
