package api

import "strings"

// MaxNote is what the apiserver takes of an event, in bytes. The messages of
// conditions keep to it too, since events repeat them.
// https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
const MaxNote = 1024

// Bounded cuts a message to what an event takes, and never within a letter.
func Bounded(message string) string {
	const more = "..."
	if len(message) <= MaxNote {
		return message
	}
	return strings.ToValidUTF8(message[:MaxNote-len(more)], "") + more
}
