package harness

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
)

// apiAuditPolicy records what was asked of ExternalSecrets and what the webhooks
// noted of it, and who read Secrets or had tokens made.
// https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/
const apiAuditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
    verbs: [create, update, patch, delete]
    resources: [{group: kubernetes-client.io, resources: [externalsecrets]}]
  - level: Metadata
    verbs: [get, list, watch]
    resources: [{group: "", resources: [secrets]}]
  - level: Metadata
    resources: [{group: "", resources: [serviceaccounts/token]}]
  - level: None
`

// APIRequest is one line of the apiserver's audit log.
type APIRequest struct {
	User, Verb, Resource, Namespace, Name string
	// Code is that of the answer.
	Code int
	// Annotations are those of admission, under the names of the webhooks.
	Annotations map[string]string
}

// APIAudit reads the apiserver's audit log, which follows the answers within
// milliseconds.
func (e *Env) APIAudit() ([]APIRequest, error) {
	log, err := os.ReadFile(e.apiAuditPath())
	if err != nil {
		return nil, err
	}
	return parseAPIAudit(log)
}

func (e *Env) apiAuditPath() string { return e.folder.join("apiserver-audit.log") }

func (e *Env) apiAuditArgs() ([]string, error) {
	policy, err := e.folder.write("apiserver-audit.yaml", []byte(apiAuditPolicy))
	return []string{"--audit-policy-file=" + policy, "--audit-log-path=" + e.apiAuditPath()}, err
}

// parseAPIAudit leaves a last line without its end to a later call.
func parseAPIAudit(log []byte) ([]APIRequest, error) {
	var requests []APIRequest
	for raw := range bytes.Lines(log[:bytes.LastIndexByte(log, '\n')+1]) {
		var line struct {
			Verb string `json:"verb"`
			User struct {
				Username string `json:"username"`
			} `json:"user"`
			ObjectRef struct {
				Resource  string `json:"resource"`
				Namespace string `json:"namespace"`
				Name      string `json:"name"`
			} `json:"objectRef"`
			ResponseStatus struct {
				Code int `json:"code"`
			} `json:"responseStatus"`
			Annotations map[string]string `json:"annotations"`
		}
		if err := json.Unmarshal(raw, &line); err != nil {
			return nil, fmt.Errorf("audit log of the apiserver: %w", err)
		}
		requests = append(requests, APIRequest{
			User: line.User.Username, Verb: line.Verb, Resource: line.ObjectRef.Resource, Namespace: line.ObjectRef.Namespace, Name: line.ObjectRef.Name,
			Code: line.ResponseStatus.Code, Annotations: line.Annotations,
		})
	}
	return requests, nil
}
