package v1

// VaultProvider is a Vault and how to log in there.
type VaultProvider struct {
	Server string `json:"server,omitempty"`
	// Path is the mount of a KV engine; left out, it stands in each key.
	Path      *string           `json:"path,omitempty"`
	Version   string            `json:"version,omitempty"`
	Namespace string            `json:"namespace,omitempty"`
	Auth      *VaultAuth        `json:"auth,omitempty"`
	CABundle  []byte            `json:"caBundle,omitempty"`
	Headers   map[string]string `json:"headers,omitempty"`

	CAProvider *CAProvider `json:"caProvider,omitempty"`

	TLS                 *Ignored `json:"tls,omitempty" ignored:"a client certificate; it changes neither the Vault nor the path"`
	ReadYourWrites      Ignored  `json:"readYourWrites,omitzero" ignored:"consistency of a cluster"`
	ForwardInconsistent Ignored  `json:"forwardInconsistent,omitzero" ignored:"consistency of a cluster"`
	CheckAndSet         Ignored  `json:"checkAndSet,omitzero" ignored:"it has metadata read that any write reads"`

	// Unknown are fields that stand there besides.
	Unknown []string `json:"-"`
}

// UnmarshalJSON notes what it does not know.
func (p *VaultProvider) UnmarshalJSON(data []byte) (err error) {
	type plain VaultProvider
	p.Unknown, err = decodeStrict(data, (*plain)(p))
	return err
}

// CAProvider is a Secret or ConfigMap with a CA.
type CAProvider struct {
	Namespace *string `json:"namespace,omitempty"`

	Type Ignored `json:"type,omitzero" ignored:"Secret or ConfigMap"`
	Name Ignored `json:"name,omitzero" ignored:"of an object in Kubernetes"`
	Key  Ignored `json:"key,omitzero" ignored:"of an object in Kubernetes"`
}

// VaultAuth is one login. ESO takes the first method that is set.
type VaultAuth struct {
	// Namespace is the Vault namespace to log in at, where it is another.
	Namespace *string `json:"namespace,omitempty"`

	TokenSecretRef *SecretRef      `json:"tokenSecretRef,omitempty"`
	AppRole        *AppRoleAuth    `json:"appRole,omitempty"`
	Kubernetes     *KubernetesAuth `json:"kubernetes,omitempty"`
	LDAP           *PasswordAuth   `json:"ldap,omitempty"`
	UserPass       *PasswordAuth   `json:"userPass,omitempty"`
	JWT            *JWTAuth        `json:"jwt,omitempty"`
	Cert           *CertAuth       `json:"cert,omitempty"`
	IAM            *IAMAuth        `json:"iam,omitempty"`
	GCP            *GCPAuth        `json:"gcp,omitempty"`
}

// AppRoleAuth is Vault's AppRole method.
type AppRoleAuth struct {
	Path string `json:"path,omitempty"`

	// RoleID goes with a secret ID, and is no role's name.
	RoleID    string     `json:"roleId,omitempty"`
	RoleRef   *SecretRef `json:"roleRef,omitempty"`
	SecretRef *SecretRef `json:"secretRef,omitempty"`
}

// KubernetesAuth is Vault's Kubernetes method.
type KubernetesAuth struct {
	MountPath         string             `json:"mountPath,omitempty"`
	Role              string             `json:"role,omitempty"`
	ServiceAccountRef *ServiceAccountRef `json:"serviceAccountRef,omitempty"`
	SecretRef         *SecretRef         `json:"secretRef,omitempty"`
}

// ServiceAccountRef names who logs in. Only a ClusterSecretStore may name a
// namespace.
type ServiceAccountRef struct {
	Name      string   `json:"name,omitempty"`
	Namespace string   `json:"namespace,omitempty"`
	Audiences []string `json:"audiences,omitempty"`
}

// PasswordAuth is Vault's LDAP method, or userpass.
type PasswordAuth struct {
	Path string `json:"path,omitempty"`
	// Username becomes the end of the path of the login.
	Username string `json:"username,omitempty"`

	SecretRef Ignored `json:"secretRef,omitzero" ignored:"a Secret with a password"`
}

// JWTAuth is Vault's JWT method.
type JWTAuth struct {
	Path                string               `json:"path,omitempty"`
	Role                string               `json:"role,omitempty"`
	ServiceAccountToken *ServiceAccountToken `json:"kubernetesServiceAccountToken,omitempty"`
	SecretRef           *SecretRef           `json:"secretRef,omitempty"`
}

// ServiceAccountToken is made for a login.
type ServiceAccountToken struct {
	ServiceAccountRef ServiceAccountRef `json:"serviceAccountRef,omitzero"`
	Audiences         *[]string         `json:"audiences,omitempty"`

	ExpirationSeconds Ignored `json:"expirationSeconds,omitzero" ignored:"the life of a token"`
}

// CertAuth is Vault's TLS certificate method.
type CertAuth struct {
	Path      string `json:"path,omitempty"`
	VaultRole string `json:"vaultRole,omitempty"`

	ClientCert *SecretRef `json:"clientCert,omitempty"`
	SecretRef  *SecretRef `json:"secretRef,omitempty"`
}

// IAMAuth is Vault's AWS method.
type IAMAuth struct {
	Path      string      `json:"path,omitempty"`
	VaultRole string      `json:"vaultRole,omitempty"`
	JWT       *IAMJWTAuth `json:"jwt,omitempty"`

	Role                Ignored `json:"role,omitzero" ignored:"a role in AWS"`
	Region              Ignored `json:"region,omitzero" ignored:"a region of AWS"`
	ExternalID          Ignored `json:"externalID,omitzero" ignored:"goes to AWS"`
	VaultAWSIAMServerID Ignored `json:"vaultAwsIamServerID,omitzero" ignored:"a header that binds the login to one Vault"`
	SecretRef           Ignored `json:"secretRef,omitzero" ignored:"a Secret with keys of AWS"`
}

// IAMJWTAuth names a ServiceAccount that AWS knows.
type IAMJWTAuth struct {
	ServiceAccountRef *ServiceAccountRef `json:"serviceAccountRef,omitempty"`
}

// GCPAuth is Vault's Google Cloud method.
type GCPAuth struct {
	Path              string               `json:"path,omitempty"`
	Role              string               `json:"role,omitempty"`
	ServiceAccountRef *ServiceAccountRef   `json:"serviceAccountRef,omitempty"`
	WorkloadIdentity  *GCPWorkloadIdentity `json:"workloadIdentity,omitempty"`

	ProjectID Ignored `json:"projectID,omitzero" ignored:"a project of Google Cloud"`
	Location  Ignored `json:"location,omitzero" ignored:"a place of Google Cloud"`
	SecretRef Ignored `json:"secretRef,omitzero" ignored:"a Secret with a key of Google Cloud"`
}

// GCPWorkloadIdentity names a ServiceAccount that Google Cloud knows.
type GCPWorkloadIdentity struct {
	ServiceAccountRef ServiceAccountRef `json:"serviceAccountRef,omitzero"`

	ClusterLocation  Ignored `json:"clusterLocation,omitzero" ignored:"a cluster of Google Cloud"`
	ClusterName      Ignored `json:"clusterName,omitzero" ignored:"a cluster of Google Cloud"`
	ClusterProjectID Ignored `json:"clusterProjectID,omitzero" ignored:"a cluster of Google Cloud"`
}
