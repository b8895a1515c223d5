package harness

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// AuditEntry is one line of Vault's audit log: what reached Vault, told by
// Vault itself.
type AuditEntry struct {
	// RequestID is the same in the entries of a request and its response.
	RequestID string
	Time      time.Time
	// Type is AuditRequest or AuditResponse.
	Type      string
	Operation string
	Path      string
	// Namespace is Vault's, empty for the root.
	Namespace string
	// Role is the auth role that was logged in with, also on both entries of a
	// login that succeeded.
	Role        string
	DisplayName string
	Policies    []string
	// Object is what the header X-Countersign-Object said.
	Object string
	// Error is Vault's; a secret that is not there is none.
	Error string
	// StatusOK holds for a response without an error.
	StatusOK bool
	// internal requests are those of Vault itself.
	internal bool
}

// Types of audit entries.
const (
	AuditRequest  = "request"
	AuditResponse = "response"
)

// Kind sorts requests by what they are for.
type Kind string

// Kinds of requests.
const (
	KindLogin Kind = "login"
	KindRead  Kind = "read"
	// KindToken is a lookup, renewal or revocation of a token.
	KindToken Kind = "token"
	KindOther Kind = "other"
)

// Kind of the request.
func (e AuditEntry) Kind() Kind {
	switch {
	case strings.HasPrefix(e.Path, "auth/token/"):
		return KindToken
	case strings.HasPrefix(e.Path, "auth/") && strings.HasSuffix(e.Path, "/login"):
		return KindLogin
	case strings.HasPrefix(e.Path, "auth/"), strings.HasPrefix(e.Path, "sys/"), e.Operation != "read":
		return KindOther
	default:
		return KindRead
	}
}

// isForeign is false for the harness's own requests: nobody else has the root
// token. A refused login or a bad token has no policies at all.
func (e AuditEntry) isForeign() bool { return !e.internal && !slices.Contains(e.Policies, "root") }

// Requests are the request entries that are not the harness's own.
func Requests(entries []AuditEntry) []AuditEntry {
	var foreign []AuditEntry
	for _, entry := range entries {
		if entry.Type == AuditRequest && entry.isForeign() {
			foreign = append(foreign, entry)
		}
	}
	return foreign
}

// Counts of requests by kind.
type Counts struct{ Login, Read, Token, Other int }

// Total of all kinds.
func (c Counts) Total() int { return c.Login + c.Read + c.Token + c.Other }

// CountRequests counts what Requests finds.
func CountRequests(entries []AuditEntry) Counts {
	var counts Counts
	for _, entry := range Requests(entries) {
		switch entry.Kind() {
		case KindLogin:
			counts.Login++
		case KindRead:
			counts.Read++
		case KindToken:
			counts.Token++
		case KindOther:
			counts.Other++
		}
	}
	return counts
}

// Mark is a place in the audit log.
type Mark int64

// AuditMark is the end of the audit log as it is now. Vault writes each entry
// before it answers, so everything answered before lies before the mark.
func (v *Vault) AuditMark() (Mark, error) {
	info, err := os.Stat(v.AuditPath)
	if err != nil {
		return 0, err
	}
	return Mark(info.Size()), nil
}

// Audit reads the whole audit log.
func (v *Vault) Audit() ([]AuditEntry, error) { return v.Since(0) }

// Since reads the audit log from a mark on.
func (v *Vault) Since(mark Mark) ([]AuditEntry, error) {
	file, err := os.Open(v.AuditPath)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Seek(int64(mark), io.SeekStart); err != nil {
		return nil, err
	}
	return parseAudit(file)
}

// parseAudit leaves a last line without its end to a later call: Vault is
// writing it.
func parseAudit(log io.Reader) ([]AuditEntry, error) {
	var entries []AuditEntry
	lines := bufio.NewReader(log)
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return withRoles(entries), nil
		}
		if err != nil {
			return nil, err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		entry, err := parseAuditLine(line)
		if err != nil {
			return nil, fmt.Errorf("audit log, line %d: %w", number, err)
		}
		entries = append(entries, entry)
	}
}

// auditLine is the part of Vault's audit format that is of use.
type auditLine struct {
	Time time.Time `json:"time"`
	Type string    `json:"type"`
	Auth struct {
		DisplayName string            `json:"display_name"`
		Policies    []string          `json:"policies"`
		Metadata    map[string]string `json:"metadata"`
	} `json:"auth"`
	Request struct {
		ID        string              `json:"id"`
		Operation string              `json:"operation"`
		Path      string              `json:"path"`
		Headers   map[string][]string `json:"headers"`
		Remote    string              `json:"remote_address"`
		Namespace struct {
			Path string `json:"path"`
		} `json:"namespace"`
	} `json:"request"`
	Response struct {
		Auth struct {
			Metadata map[string]string `json:"metadata"`
		} `json:"auth"`
		Data map[string]any `json:"data"`
	} `json:"response"`
	Error string `json:"error"`
}

func parseAuditLine(raw []byte) (AuditEntry, error) {
	var line auditLine
	if err := json.Unmarshal(raw, &line); err != nil {
		return AuditEntry{}, err
	}
	if line.Type != AuditRequest && line.Type != AuditResponse {
		return AuditEntry{}, fmt.Errorf("type %q: want %s or %s", line.Type, AuditRequest, AuditResponse)
	}
	return AuditEntry{
		RequestID:   line.Request.ID,
		Time:        line.Time,
		Type:        line.Type,
		Operation:   line.Request.Operation,
		Path:        line.Request.Path,
		Namespace:   line.Request.Namespace.Path,
		Role:        line.role(),
		DisplayName: line.Auth.DisplayName,
		Policies:    line.Auth.Policies,
		Object:      line.object(),
		Error:       line.Error,
		StatusOK:    line.statusOK(),
		internal:    line.Request.Remote == "",
	}, nil
}

// statusOK: a refused write, such as a login with an unknown role, may leave no
// more than an error among the data. A secret may have a key of that name.
func (l *auditLine) statusOK() bool {
	_, refused := l.Response.Data["error"]
	return l.Type == AuditResponse && l.Error == "" && (!refused || l.Request.Operation == "read")
}

func (l *auditLine) role() string {
	if role := l.Auth.Metadata["role"]; role != "" {
		return role
	}
	return l.Response.Auth.Metadata["role"]
}

func (l *auditLine) object() string {
	for name, values := range l.Request.Headers {
		if strings.EqualFold(name, objectHeader) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

// withRoles gives the request entry of a login the role of its response: the
// request has it only as a hash.
func withRoles(entries []AuditEntry) []AuditEntry {
	roles := map[string]string{}
	for _, entry := range entries {
		if entry.Role != "" && entry.RequestID != "" {
			roles[entry.RequestID] = entry.Role
		}
	}
	for i := range entries {
		if entries[i].Role == "" {
			entries[i].Role = roles[entries[i].RequestID]
		}
	}
	return entries
}
