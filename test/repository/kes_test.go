package repository

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// kesSettings are all settings of kubernetes-external-secrets 8.5.5: the
// environment variables that it or its libraries read, and its chart's values.
var kesSettings = []string{
	"AKEYLESS_*", "ALICLOUD_*", "AWS_*", "AZURE_*", "DEFAULT_VAULT_MOUNT_POINT", "DEFAULT_VAULT_ROLE", "DISABLE_POLLING",
	"ENFORCE_NAMESPACE_ANNOTATIONS", "GOOGLE_*", "IBM_*", "INSTANCE_ID", "LOG_BASE_HOSTNAME_KEY", "LOG_BASE_PID_KEY", "LOG_LEVEL",
	"LOG_MESSAGE_KEY", "METRICS_PORT", "NAMING_PERMITTED_ANNOTATION", "NODE_ENV", "NODE_EXTRA_CA_CERTS", "POLLER_INTERVAL_MILLISECONDS",
	"ROLE_PERMITTED_ANNOTATION", "USE_HUMAN_READABLE_LOG_LEVELS", "VAULT_ADDR", "VAULT_NAMESPACE", "VAULT_PREFIX", "VAULT_SKIP_VERIFY",
	"VAULT_TOKEN", "VAULT_TOKEN_RENEW_THRESHOLD", "WATCHED_NAMESPACES", "WATCH_TIMEOUT",
	"affinity", "containerSecurityContext", "customClusterRoles", "deploymentInitContainers", "deploymentLabels", "dnsConfig", "env", "envFrom",
	"envVarsFromConfigMap", "envVarsFromSecret", "extraVolumeMounts", "extraVolumes", "filesFromSecret", "fullnameOverride", "image.pullPolicy",
	"image.repository", "image.tag", "imagePullSecrets", "nameOverride", "nodeSelector", "podAnnotations", "podDisruptionBudget", "podLabels",
	"priorityClassName", "rbac.create", "replicaCount", "resources", "securityContext", "serviceAccount.annotations", "serviceAccount.create",
	"serviceAccount.name", "serviceMonitor.enabled", "serviceMonitor.interval", "serviceMonitor.namespace", "tolerations",
}

// Each setting of kubernetes-external-secrets stands in the table of the page on
// coming over, and what stands beside it is a value of the chart or a flag.
func TestEverySettingOfKESHasItsRow(t *testing.T) {
	_, table, found := strings.Cut(read(t, "docs/coming-from-kes.md"), "\n## Settings\n")
	if !found {
		t.Fatal("no section Settings")
	}
	code := regexp.MustCompile("`([^`]+)`")
	var theirs []string
	for _, row := range regexp.MustCompile(`(?m)^\| ([^|]+) \| ([^|]+) \|$`).FindAllStringSubmatch(table, -1) {
		for _, match := range code.FindAllStringSubmatch(row[1], -1) {
			theirs = append(theirs, match[1])
		}
		for _, match := range code.FindAllStringSubmatch(row[2], -1) {
			if !isSetting(t, match[1]) {
				t.Errorf("%s is no setting", match[1])
			}
		}
	}
	slices.Sort(theirs)
	if diff := cmp.Diff(kesSettings, theirs); diff != "" {
		t.Errorf("settings (-) and rows (+): %s", diff)
	}
}

// isSetting knows the chart's values, flags of serve, and what is neither but
// stands in the table: an annotation, a path, keys of the log.
func isSetting(t *testing.T, name string) bool {
	t.Helper()
	if flag, ok := strings.CutPrefix(name, "serve --"); ok {
		return strings.Contains(read(t, "cmd/countersign/options.go"), `"`+flag+`"`)
	}
	if slices.Contains([]string{"countersign.dev/resync", "/v1/", "level", "msg"}, name) {
		return true
	}
	var values any
	if err := yaml.Unmarshal([]byte(read(t, "charts/countersign/values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	for step := range strings.SplitSeq(name, ".") {
		object, ok := values.(map[string]any)
		if !ok {
			return false
		}
		if values, ok = object[step]; !ok {
			return false
		}
	}
	return true
}
