package controller

import (
	"fmt"

	"github.com/countersign/countersign/api"
)

// success is what became of the Secret where it is another thing than to hold
// what was asked for. The reasons are those of External Secrets Operator.
type success struct {
	reason, message string
	// waits: nothing was synced, and the object is looked at again when
	// something has changed.
	waits bool
}

const (
	reasonSecretMissing = "SecretMissing"
	reasonSecretDeleted = "SecretDeleted"
)

func secretSynced() *success { return &success{reason: api.ReasonSynced, message: api.MessageSynced} }

func withoutSecret() *success {
	return &success{reason: api.ReasonSynced, message: "nothing is read: the object asks for no Secret"}
}

// secretMissing waits for the Secret: its creation is an event.
func secretMissing(this *attempt) *success {
	return &success{
		reason: reasonSecretMissing, waits: true,
		message: fmt.Sprintf("Secret %s does not exist, and the object only adds to it; create it", this.source.SecretName()),
	}
}

func secretDeleted() *success {
	return &success{reason: reasonSecretDeleted, message: "Vault holds nothing of what is asked for, and the object says that the Secret is to be deleted then"}
}
