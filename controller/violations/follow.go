package violations

import (
	"context"
	"maps"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/countersign/countersign/api"
)

// lookAgain is for a kind whose CRD is there and which is not served yet.
const lookAgain = 200 * time.Millisecond

// follow has everything judged that a change may concern.
func (r *run) follow(ctx context.Context) error {
	crds, err := r.Shared.GetInformer(ctx, crdMetadata())
	if err != nil {
		return err
	}
	if _, err := crds.AddEventHandler(onAny(func(any) { r.signal() })); err != nil {
		return err
	}
	namespaces, err := r.Shared.GetInformer(ctx, namespaceMetadata())
	if err != nil {
		return err
	}
	_, err = namespaces.AddEventHandler(toolscache.ResourceEventHandlerFuncs{UpdateFunc: func(old, now any) {
		if labelsDiffer(old, now) {
			r.enqueueAll(ctx, metaOf(now).GetName())
		}
	}})
	return err
}

func labelsDiffer(old, now any) bool {
	before, after := metaOf(old), metaOf(now)
	return before != nil && after != nil && !maps.Equal(before.GetLabels(), after.GetLabels())
}

func onAny(do func(any)) toolscache.ResourceEventHandlerFuncs {
	return toolscache.ResourceEventHandlerFuncs{AddFunc: do, DeleteFunc: do, UpdateFunc: func(_, now any) { do(now) }}
}

func metaOf(object any) metav1.Object {
	if last, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
		object = last.Obj
	}
	meta, err := apimeta.Accessor(object)
	if err != nil {
		return nil
	}
	return meta
}

func (r *run) signal() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// lookForKinds follows the kinds that there are, and the policy.
func (r *run) lookForKinds(ctx context.Context) {
	for {
		var again <-chan time.Time
		if !r.followKinds(ctx) {
			again = time.After(lookAgain)
		}
		select {
		case <-ctx.Done():
			return
		case <-r.changed:
		case <-again:
		case <-r.PolicyChanged:
			r.enqueueAll(ctx, metav1.NamespaceAll)
		}
	}
}

// followKinds is false where it has to look again.
func (r *run) followKinds(ctx context.Context) bool {
	complete := true
	for _, kind := range r.Kinds {
		there, followed := r.exists(ctx, kind), r.kinds.has(kind)
		switch {
		case there && !followed:
			if err := r.start(ctx, kind); err != nil {
				r.logger.V(1).Info("not served yet", "kind", kind.Kind, "error", err.Error())
				complete = false
			}
		case followed && !there:
			r.stop(ctx, kind)
		}
	}
	return complete
}

func (r *run) exists(ctx context.Context, kind schema.GroupVersionKind) bool {
	plural, _ := apimeta.UnsafeGuessKindToResource(kind)
	return r.Shared.Get(ctx, client.ObjectKey{Name: plural.Resource + "." + plural.Group}, crdMetadata()) == nil
}

func (r *run) start(ctx context.Context, kind schema.GroupVersionKind) error {
	if _, err := r.Mapper.RESTMapping(kind.GroupKind(), kind.Version); err != nil {
		return err
	}
	return r.kinds.start(ctx, kind, toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { r.add(kind, object) },
		DeleteFunc: func(object any) { r.add(kind, object) },
		UpdateFunc: func(old, now any) {
			if labelsDiffer(old, now) {
				// Who referred to it by its labels is not known any more.
				r.enqueueAll(ctx, metav1.NamespaceAll)
			}
			r.add(kind, now)
		},
	})
}

// stop forgets a kind; what referred to its objects asks for less now.
func (r *run) stop(ctx context.Context, kind schema.GroupVersionKind) {
	r.kinds.stop(kind)
	for _, one := range r.Metrics.all() {
		if one.kind == kind {
			r.queue.Add(one)
		}
	}
	r.enqueueAll(ctx, metav1.NamespaceAll)
}

func (r *run) add(kind schema.GroupVersionKind, object any) {
	if meta := metaOf(object); meta != nil {
		r.queue.Add(item{kind, client.ObjectKey{Namespace: meta.GetNamespace(), Name: meta.GetName()}})
	}
}

func (r *run) enqueue(object api.Guarded) {
	if kind, err := apiutil.GVKForObject(object, r.Judge.Scheme); err == nil {
		r.add(kind, object)
	}
}

// enqueueAll has the objects of a namespace judged, or all of them.
func (r *run) enqueueAll(ctx context.Context, namespace string) {
	for _, kind := range r.Kinds {
		objects, err := r.Judge.List(ctx, kind, client.InNamespace(namespace))
		if err != nil && ctx.Err() == nil {
			r.logger.Error(err, "cannot list", "kind", kind.Kind)
		}
		for _, object := range objects {
			r.enqueue(object)
		}
	}
}

func crdMetadata() *metav1.PartialObjectMetadata {
	return metadataOf(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
}

func namespaceMetadata() *metav1.PartialObjectMetadata {
	return metadataOf(schema.GroupVersionKind{Version: "v1", Kind: "Namespace"})
}

func metadataOf(kind schema.GroupVersionKind) *metav1.PartialObjectMetadata {
	meta := &metav1.PartialObjectMetadata{}
	meta.SetGroupVersionKind(kind)
	return meta
}
