package main

import (
	"context"
	"os"

	"github.com/countersign/countersign/api"
	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/test/bench/stage"
)

const (
	// bareWrites are what nobody can do without.
	bareWrites = "the writes alone: a Secret and a status each, 10 workers"
	writers    = 10
)

// writesAlone knows what to write: it asks Vault nothing and judges nothing. Its
// time is the apiserver's.
func writesAlone() contender {
	one := countersign(bareWrites, stage.DefaultBudget())
	one.bare, one.start = true, startWriting
	return one
}

// writing goes on within this process.
type writing struct{ group *errgroup.Group }

func (writing) PID() int { return os.Getpid() }

func (w writing) Stop() error { return w.group.Wait() }

func startWriting(ctx context.Context, s *stage.Stage) (process, error) {
	list := &kesv1.ExternalSecretList{}
	if err := s.Env.Client.List(ctx, list); err != nil {
		return nil, err
	}
	objects := make(chan *kesv1.ExternalSecret, len(list.Items))
	for i := range list.Items {
		objects <- &list.Items[i]
	}
	close(objects)
	group, ctx := errgroup.WithContext(ctx)
	for range writers {
		group.Go(func() error {
			for object := range objects {
				if err := write(ctx, s.Env.Client, object); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return writing{group}, nil
}

func write(ctx context.Context, to client.Client, object *kesv1.ExternalSecret) error {
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: object.Namespace, Name: object.Name,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(object, kesv1.GroupVersion().WithKind("ExternalSecret"))},
		},
		StringData: map[string]string{},
	}
	for _, key := range stage.Keys() {
		secret.StringData[key] = "1"
	}
	if err := to.Create(ctx, secret); err != nil {
		return err
	}
	before := object.DeepCopy()
	object.Status.Conditions = []metav1.Condition{{
		Type: api.ConditionReady, Status: metav1.ConditionTrue, Reason: api.ReasonSynced, LastTransitionTime: metav1.Now(),
	}}
	return to.Status().Patch(ctx, object, client.MergeFrom(before))
}
