package main

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/countersign/countersign/api"
	esov1 "github.com/countersign/countersign/api/eso/v1"
)

// guardedStatus is what External Secrets Operator tells of its last sync.
type guardedStatus struct {
	SyncedResourceVersion string             `json:"syncedResourceVersion"`
	Conditions            []metav1.Condition `json:"conditions"`
}

// guardedAnswerOf is answerOf for an object of External Secrets Operator. Its
// status says which labels and annotations were synced last. Of a failure it
// does not say since when, and tries again by itself.
func guardedAnswerOf(object *unstructured.Unstructured, value string, waited time.Duration) (outcome resyncOutcome, why string) {
	status := guardedStatusOf(object)
	now := object.GetAnnotations()[api.Resync]
	failure := status.failure()
	switch {
	case now != value && waited < settled:
		return "", "not seen yet"
	case now != value:
		return outcomeFailed, fmt.Sprintf("%s was changed to %q meanwhile", api.Resync, now)
	case status.SyncedResourceVersion == esov1.SyncedVersion(object):
		return outcomeSynced, ""
	case failure == "":
		return "", "not read yet"
	case waited >= settled:
		return outcomeFailed, failure
	}
	return "", failure
}

// guardedStatusOf is empty for one that cannot be read.
func guardedStatusOf(object *unstructured.Unstructured) *guardedStatus {
	found := &struct {
		Status guardedStatus `json:"status"`
	}{}
	if runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, found) != nil {
		return &guardedStatus{}
	}
	return &found.Status
}

// failure is empty where the last sync went well, or none has ended.
func (s *guardedStatus) failure() string {
	for _, condition := range s.Conditions {
		if condition.Type == api.ConditionReady && condition.Status == metav1.ConditionFalse {
			return condition.Reason + ": " + condition.Message
		}
	}
	return ""
}
