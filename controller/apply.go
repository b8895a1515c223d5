package controller

import (
	"context"
	"encoding/json"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/util/csaupgrade"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/countersign/countersign/api"
)

// write applies the content, as often as it takes.
func (r *Reconciler) write(ctx context.Context, this *attempt, content *api.Content) (*api.SecretState, error) {
	var state *api.SecretState
	write := func() (err error) {
		state, err = r.apply(ctx, this, content)
		return err
	}
	return state, persist(ctx, write, func() error { return r.catchUpSecret(ctx, this) })
}

// apply writes the Secret, on the condition that what stood there when Vault
// was read still does: nothing, or that very version.
func (r *Reconciler) apply(ctx context.Context, this *attempt, content *api.Content) (*api.SecretState, error) {
	wanted := secretApply(this, content)
	var written *metav1.PartialObjectMetadata
	var err error
	if this.secret.isGone() {
		written, err = r.create(ctx, this, wanted)
	} else {
		written, err = r.update(ctx, this, wanted)
	}
	if err != nil {
		return nil, err
	}
	return stateOf(this, written), nil
}

// nowhere is the version of a store that nothing was written to yet: no Secret
// has it, so an apply on that condition only ever creates.
// https://github.com/kubernetes/kubernetes/issues/106745
const nowhere = "1"

// create never merges into a Secret that somebody else has created meanwhile:
// that one is a conflict.
func (r *Reconciler) create(ctx context.Context, this *attempt, wanted *corev1ac.SecretApplyConfiguration) (*metav1.PartialObjectMetadata, error) {
	return r.send(ctx, this, wanted, metav1.Preconditions{ResourceVersion: new(nowhere)})
}

func (r *Reconciler) update(ctx context.Context, this *attempt, wanted *corev1ac.SecretApplyConfiguration) (*metav1.PartialObjectMetadata, error) {
	if err := r.takeOverFields(ctx, this, this.secret.meta); err != nil {
		return nil, err
	}
	var options []client.PatchOption
	if !this.plan.Target.Creation.Merges() || isHandedOver(this) {
		options = append(options, client.ForceOwnership)
	}
	standing := metav1.Preconditions{UID: &this.secret.meta.UID, ResourceVersion: &this.secret.meta.ResourceVersion}
	written, err := r.send(ctx, this, wanted, standing, options...)
	if taken := taken(this, err); taken != nil {
		return nil, taken
	}
	if why := unchangeable(err); why != "" {
		return r.replace(ctx, this, wanted, why)
	}
	return written, err
}

// send applies the Secret to what stands there. The answer is metadata only: the
// apiserver would send the values back.
func (r *Reconciler) send(
	ctx context.Context, this *attempt, wanted *corev1ac.SecretApplyConfiguration, standing metav1.Preconditions, options ...client.PatchOption,
) (*metav1.PartialObjectMetadata, error) {
	conditional, meta := *wanted, *wanted.ObjectMetaApplyConfiguration
	meta.UID, meta.ResourceVersion = standing.UID, standing.ResourceVersion
	conditional.ObjectMetaApplyConfiguration = &meta
	data, err := json.Marshal(conditional)
	if err != nil {
		return nil, err
	}
	written := secretNamed(this.secretKey())
	options = append(options, client.FieldOwner(this.manager()), client.DisableReadYourWritesConsistency)
	return written, r.Patch(ctx, written, client.RawPatch(types.ApplyPatchType, data), options...)
}

// replace a Secret that cannot be changed, where it is ours and may go.
func (r *Reconciler) replace(ctx context.Context, this *attempt, wanted *corev1ac.SecretApplyConfiguration, why string) (*metav1.PartialObjectMetadata, error) {
	switch target := this.plan.Target; {
	case target.Keep:
		return this.secret.meta, nil
	case target.Creation.Merges():
		return nil, &fixedError{why}
	}
	return r.recreate(ctx, this, wanted, why)
}

// takeOverFields turns what whoever made the Secret for this object owns into what
// we own by applying it, once in a Secret's life: only then does an apply remove
// what is asked for no more.
// https://kubernetes.io/docs/reference/using-api/server-side-apply/#upgrading-from-client-side-apply-to-server-side-apply
func (r *Reconciler) takeOverFields(ctx context.Context, this *attempt, secret *metav1.PartialObjectMetadata) error {
	upgraded := secret.DeepCopy()
	if err := csaupgrade.UpgradeManagedFields(upgraded, formerManagers(this, secret), this.manager()); err != nil {
		return err
	}
	if equality.Semantic.DeepEqual(secret.ManagedFields, upgraded.ManagedFields) {
		return nil
	}
	if err := trimToApplied(entryOf(upgraded.ManagedFields, this.manager())); err != nil {
		return err
	}
	patch, err := fieldsPatch(upgraded)
	if err != nil {
		return err
	}
	if err := r.Patch(ctx, upgraded, patch, client.FieldOwner(this.manager()), client.DisableReadYourWritesConsistency); err != nil {
		return err
	}
	*secret = *upgraded
	return nil
}

// fieldsPatch replaces the managedFields of this very version. A comparison of the
// whole metadata would come to the same.
func fieldsPatch(secret *metav1.PartialObjectMetadata) (client.Patch, error) {
	fields := metav1.ObjectMeta{ResourceVersion: secret.ResourceVersion, ManagedFields: secret.ManagedFields}
	data, err := json.Marshal(map[string]any{"metadata": fields})
	return client.RawPatch(types.MergePatchType, data), err
}

// trimToApplied leaves the leaves: whoever creates an object owns its maps as
// well, whoever applies it does not. The next apply finds nothing to write then.
func trimToApplied(entry *metav1.ManagedFieldsEntry) error {
	fields := &fieldpath.Set{}
	if err := fields.FromJSON(entry.FieldsV1.GetRawReader()); err != nil {
		return err
	}
	trimmed, err := fields.Leaves().ToJSON()
	entry.FieldsV1 = metav1.NewFieldsV1(string(trimmed))
	return err
}

// secretApply is what we want to own of the Secret. In one that may be somebody
// else's that is the content alone.
func secretApply(this *attempt, content *api.Content) *corev1ac.SecretApplyConfiguration {
	source, creation := this.source, this.plan.Target.Creation
	labels, annotations := maps.Clone(content.Labels), maps.Clone(content.Annotations)
	apply := corev1ac.Secret(source.SecretName(), source.GetNamespace()).WithData(content.Data)
	if !creation.Merges() {
		labels = with(labels, managedByLabel, managedBy)
	}
	if !creation.Merges() || content.Type != "" {
		apply = apply.WithType(corev1.SecretType(content.Type))
	}
	switch creation {
	case api.CreateOwned:
		apply = apply.WithOwnerReferences(ownerReference(source))
	case api.CreateNone, api.MergeOnly, api.MergeOrCreate:
		// It is nobody's, or somebody else's.
	case api.CreateOrphan:
		annotations = with(annotations, api.Adopt, source.GetName())
	}
	if content.Immutable != nil {
		apply = apply.WithImmutable(*content.Immutable)
	}
	return apply.WithLabels(labels).WithAnnotations(annotations)
}

func with(values map[string]string, key, value string) map[string]string {
	if values == nil {
		values = map[string]string{}
	}
	values[key] = value
	return values
}

func ownerReference(source api.Synced) *metav1ac.OwnerReferenceApplyConfiguration {
	apiVersion, kind := source.GetObjectKind().GroupVersionKind().ToAPIVersionAndKind()
	return metav1ac.OwnerReference().
		WithAPIVersion(apiVersion).WithKind(kind).
		WithName(source.GetName()).WithUID(source.GetUID()).WithController(true)
}

// stateOf is how the Secret was left.
func stateOf(this *attempt, secret *metav1.PartialObjectMetadata) *api.SecretState {
	state := &api.SecretState{UID: secret.UID}
	if name := this.source.SecretName(); name != this.source.GetName() {
		state.Name = name
	}
	if entry := entryOf(secret.ManagedFields, this.manager()); entry != nil {
		state.AppliedAt, state.Keys = *entry.Time, dataKeys(entry)
	}
	return state
}
