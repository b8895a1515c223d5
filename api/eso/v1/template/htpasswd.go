package template

import (
	"crypto/sha1" //nolint:gosec // what htpasswd's {SHA} is
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// htpasswd makes one line of an htpasswd file, with SHA-1 if the algorithm is
// "sha", else with bcrypt. As in ESO, what is wrong stands in the line.
func htpasswd(user, password, algorithm string) string {
	if strings.Contains(user, ":") {
		return "invalid username: " + user
	}
	if algorithm == "sha" {
		sum := sha1.Sum([]byte(password)) //nolint:gosec // see above
		return user + ":{SHA}" + base64.StdEncoding.EncodeToString(sum[:])
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.DefaultCost)
	if err != nil {
		return fmt.Sprintf("%s:failed to encrypt string with bcrypt: %s", user, err)
	}
	return user + ":" + string(hash)
}
