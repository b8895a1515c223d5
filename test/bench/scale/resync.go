package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/test/harness"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/test/bench/stage"
)

// resync is what "resync --path" came to after the shared path got other values.
type resync struct {
	took time.Duration
	// elsewhere counts requests for another path than the shared one.
	requests, elsewhere int
	// touched objects, and how many of them, or of the others, should not have
	// been the one or the other.
	touched, wrong int
}

// resync changes the shared path, and has those read it that refer to it.
func (f *fleet) resync(ctx context.Context, r *result) error {
	var err error
	if f.Admission, err = f.Env.StartCountersign(ctx, f.Release, harness.ProcessOptions{Args: []string{"--sync=false"}}); err != nil {
		return err
	}
	if err := f.Admission.WaitReady(ctx); err != nil {
		return err
	}
	if err := f.PutSecret(ctx, stage.SharedPath, "2"); err != nil {
		return err
	}
	mark, err := f.Env.Vault.AuditMark()
	if err != nil {
		return err
	}
	started := time.Now()
	if err := f.command(ctx, "resync", "--path", sharedPath, "--rate", "1000", "--wait"); err != nil {
		return err
	}
	r.resync.took = time.Since(started)
	entries, err := f.Env.Vault.Since(mark)
	if err != nil {
		return err
	}
	for _, request := range harness.Requests(entries) {
		r.resync.requests++
		if request.Kind() == harness.KindRead && request.Path != sharedPath {
			r.resync.elsewhere++
		}
	}
	return f.countTouched(ctx, &r.resync)
}

const sharedPath = stage.Mount + "/data/" + stage.SharedPath

// command runs Countersign's as the admin.
func (f *fleet) command(ctx context.Context, args ...string) error {
	root, err := harness.ModuleRoot()
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, filepath.Join(root, "bin", "countersign"), args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+f.Env.Kubeconfig)
	output, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("countersign %s: %w: %s", strings.Join(args, " "), err, output)
	}
	return nil
}

// countTouched compares each object and its Secret with what refers to the path.
func (f *fleet) countTouched(ctx context.Context, r *resync) error {
	objects, secrets := &kesv1.ExternalSecretList{}, &corev1.SecretList{}
	if err := f.Env.Client.List(ctx, objects); err != nil {
		return err
	}
	if err := f.Env.Client.List(ctx, secrets); err != nil {
		return err
	}
	values := map[client.ObjectKey]string{}
	for i := range secrets.Items {
		values[client.ObjectKeyFromObject(&secrets.Items[i])] = string(secrets.Items[i].Data[stage.Keys()[0]])
	}
	refers := map[client.ObjectKey]bool{}
	for i := range f.tenants.Sharing {
		refers[f.tenants.Key(i)] = true
	}
	for i := range objects.Items {
		object := &objects.Items[i]
		key := client.ObjectKeyFromObject(object)
		touched := object.Status.SyncedResync != ""
		if touched {
			r.touched++
		}
		if touched != refers[key] || (values[key] == "2") != refers[key] {
			r.wrong++
		}
	}
	return nil
}

// countScheduled are objects that will be read though nobody asks.
func (f *fleet) countScheduled(ctx context.Context) (int, error) {
	objects := &kesv1.ExternalSecretList{}
	if err := f.Env.Client.List(ctx, objects); err != nil {
		return 0, err
	}
	scheduled := 0
	for i := range objects.Items {
		if status := &objects.Items[i].Status; status.Retry != nil || status.Lease != nil {
			scheduled++
		}
	}
	return scheduled, nil
}
