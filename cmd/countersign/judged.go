package main

import (
	"cmp"

	"github.com/countersign/countersign/policy"
)

// judged is an object and the answer to it.
type judged struct {
	object
	policy.Answer
}

// objectView is an object as JSON; a single request has a namespace only.
type objectView struct {
	APIVersion string `json:"apiVersion,omitempty"`
	Kind       string `json:"kind,omitempty"`
	Namespace  string `json:"namespace"`
	Name       string `json:"name,omitempty"`
}

func (o *object) view() objectView {
	return objectView{o.kind.GroupVersion().String(), o.kind.Kind, o.namespace, o.name}
}

// answerView is an answer as JSON.
type answerView struct {
	Outcome    policy.Outcome  `json:"outcome"`
	Violations []violationView `json:"violations"`
	Reads      []readView      `json:"reads"`
}

// judgedView is both.
type judgedView struct {
	objectView
	answerView
}

func (j *judged) view() judgedView { return judgedView{j.object.view(), viewOf(j.Answer)} }

type violationView struct {
	Field   string      `json:"field"`
	Message string      `json:"message"`
	Mode    policy.Mode `json:"mode"`
	Rule    string      `json:"rule,omitempty"`
}

// readView has no rule where none allows the read.
type readView struct {
	Field     string           `json:"field"`
	Path      string           `json:"path"`
	Version   int              `json:"version,omitempty"`
	Operation policy.Operation `json:"operation"`
	// Subtree holds where everything below the path is asked for.
	Subtree        bool   `json:"subtree,omitempty"`
	Rule           string `json:"rule,omitempty"`
	ServiceAccount string `json:"serviceAccount,omitempty"`
}

func viewOf(answer policy.Answer) answerView {
	return answerView{answer.Verdict.Outcome(), violationsOf(answer), readsOf(answer)}
}

func violationsOf(answer policy.Answer) []violationView {
	views := []violationView{}
	for _, violation := range answer.Verdict.Violations {
		views = append(views, violationView{violation.Err.Field, violation.Err.ErrorBody(), violation.Mode, violation.Rule})
	}
	return views
}

func readsOf(answer policy.Answer) []readView {
	views := []readView{}
	for i, read := range answer.Claim.Reads {
		grant := answer.Verdict.Grants[i]
		views = append(views, readView{read.Field.String(), read.Path, read.Version, cmp.Or(read.Operation, policy.OperationRead), read.Subtree, grant.Rule, grant.ServiceAccount})
	}
	return views
}
