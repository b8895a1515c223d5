package controller

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const reasonSecretRecreated = "SecretRecreated"

// unchangeable says why a Secret cannot be changed into what is wanted by
// anybody; it is empty for every other error.
// https://kubernetes.io/docs/concepts/configuration/secret/#secret-immutable
func unchangeable(err error) string {
	if !apierrors.IsInvalid(err) {
		return ""
	}
	for _, cause := range causesOf(err) {
		switch {
		case cause.Field == "type":
			return "the type of a Secret cannot be changed"
		case cause.Field == "immutable", cause.Field == "data" && cause.Type == metav1.CauseTypeForbidden:
			return "it is immutable"
		}
	}
	return ""
}

// recreate deletes the Secret and creates the wanted one. The old one is the
// price of something that the apiserver takes, or it stays.
func (r *Reconciler) recreate(ctx context.Context, this *attempt, wanted *corev1ac.SecretApplyConfiguration, why string) (*metav1.PartialObjectMetadata, error) {
	secret := this.secret
	if held := secret.meta.Finalizers; len(held) > 0 {
		return nil, &heldError{why: why, finalizers: held}
	}
	if err := r.rehearse(ctx, wanted); err != nil {
		return nil, err
	}
	// Between the two nothing may stop it: not the end of this process either.
	ctx = context.WithoutCancel(ctx)
	version := client.Preconditions{UID: &secret.meta.UID, ResourceVersion: &secret.meta.ResourceVersion}
	if err := r.Delete(ctx, secret.meta, version, client.DisableReadYourWritesConsistency); err != nil {
		return nil, err
	}
	secret.meta = nil
	var created *metav1.PartialObjectMetadata
	err := retry.OnError(retry.DefaultBackoff, isPassing, func() (err error) {
		created, err = r.create(ctx, this, wanted)
		return err
	})
	r.emit(ctx, this.source, corev1.EventTypeNormal, reasonSecretRecreated, fmt.Sprintf(
		"Secret %s is deleted and created anew: %s. What others had added to it is gone", this.source.SecretName(), why))
	if err != nil {
		// Tried again at once, whatever it is.
		return nil, fmt.Errorf("the Secret is deleted and not created yet: %s", apierrors.ReasonForError(err))
	}
	return created, nil
}

// rehearse creates the wanted Secret as a dry run: type, size, quota and
// admission have their say, and only then the name that is taken.
func (r *Reconciler) rehearse(ctx context.Context, wanted *corev1ac.SecretApplyConfiguration) error {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(wanted)
	if err != nil {
		return err
	}
	err = r.Create(ctx, &unstructured.Unstructured{Object: fields}, client.FieldOwner(FieldManager), client.DryRunAll, client.DisableReadYourWritesConsistency)
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// heldError: the Secret would have to go first, and somebody keeps it from that.
type heldError struct {
	why        string
	finalizers []string
}

func (e *heldError) Error() string {
	return fmt.Sprintf("the Secret has to be created anew, since %s; its finalizers (%s) keep it from being deleted: remove them",
		e.why, strings.Join(e.finalizers, ", "))
}

func (e *heldError) failure() *failure { return refused(e.Error()) }

// fixedError: the Secret is somebody else's, and nothing can be added to it.
type fixedError struct{ why string }

func (e *fixedError) Error() string {
	return fmt.Sprintf("nothing can be added to the Secret, since %s; name another one", e.why)
}

func (e *fixedError) failure() *failure { return refused(e.Error()) }
