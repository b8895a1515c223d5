package harness

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"syscall"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	certutil "k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const serviceAccountIssuer = "https://kubernetes.default.svc.cluster.local"

// The processes are started here and not by envtest, which cannot tie them to
// this process: they would survive a SIGKILL.
func (e *Env) startControlPlane(ctx context.Context, scheme *runtime.Scheme) error {
	var etcdPort, apiserverPort int
	if err := e.ports.reserveInto(&etcdPort, &apiserverPort); err != nil {
		return err
	}
	files, err := e.writeCredentials(apiserverPort)
	if err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	if _, err := e.run(childSpec{name: "etcd", path: e.binaries.etcd, args: etcdArgs(e.folder, etcdPort)}); err != nil {
		return err
	}
	auditArgs, err := e.apiAuditArgs()
	if err != nil {
		return err
	}
	// It retries until etcd answers.
	apiserver, err := e.run(childSpec{
		name: "kube-apiserver", path: e.binaries.apiserver, args: append(apiserverArgs(files, etcdPort, apiserverPort), auditArgs...),
	})
	if err != nil {
		return err
	}
	e.apiserver = apiserver
	if err := apiserver.await(ctx, apiserverReady(e.Config)); err != nil {
		return err
	}
	if e.Client, err = client.NewWithWatch(e.Config, client.Options{Scheme: scheme}); err != nil {
		return err
	}
	return e.startControllers(ctx)
}

func (e *Env) startControllers(ctx context.Context) error {
	manager, err := e.run(childSpec{
		name: "kube-controller-manager", path: e.binaries.controllerManager, args: controllerArgs(e.Kubeconfig),
	})
	if err != nil {
		return err
	}
	return manager.await(ctx, func(ctx context.Context) error {
		key := client.ObjectKey{Namespace: "default", Name: "default"}
		return e.Client.Get(ctx, key, &corev1.ServiceAccount{})
	})
}

// PauseAPIServer has the apiserver hang, with its connections open, until it is
// resumed.
func (e *Env) PauseAPIServer() error { return e.apiserver.process.Signal(syscall.SIGSTOP) }

// ResumeAPIServer ends a pause.
func (e *Env) ResumeAPIServer() error { return e.apiserver.process.Signal(syscall.SIGCONT) }

func etcdArgs(folder *folder, port int) []string {
	address := "http://" + loopback(port)
	return []string{
		"--data-dir=" + folder.join("etcd"),
		"--listen-client-urls=" + address,
		"--advertise-client-urls=" + address,
		"--listen-peer-urls=http://127.0.0.1:0",
		"--log-level=error",
		"--unsafe-no-fsync",
	}
}

func apiserverArgs(files credentials, etcdPort, port int) []string {
	return []string{
		"--etcd-servers=http://" + loopback(etcdPort),
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", port),
		// Endpoints on loopback are refused otherwise.
		"--endpoint-reconciler-type=none",
		"--service-cluster-ip-range=10.0.0.0/24",
		"--tls-cert-file=" + files.cert,
		"--tls-private-key-file=" + files.key,
		"--token-auth-file=" + files.tokens,
		"--authorization-mode=RBAC",
		"--service-account-issuer=" + serviceAccountIssuer,
		"--service-account-key-file=" + files.key,
		"--service-account-signing-key-file=" + files.key,
	}
}

func controllerArgs(kubeconfig string) []string {
	return []string{
		"--kubeconfig=" + kubeconfig,
		// Jobs end and go, though no pod of theirs ever runs.
		"--controllers=garbage-collector-controller,namespace-controller,serviceaccount-controller,job-controller,ttl-after-finished-controller",
		"--leader-elect=false",
		"--secure-port=0",
		"--kube-api-qps=500",
		"--kube-api-burst=1000",
	}
}

func apiserverReady(config *rest.Config) func(context.Context) error {
	return func(ctx context.Context) error {
		clientset, err := kubernetes.NewForConfig(config)
		if err != nil {
			return err
		}
		return clientset.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	}
}

// credentials are files that the apiserver reads. One key serves TLS and signs
// tokens of ServiceAccounts: nobody attacks this apiserver.
type credentials struct {
	cert, key, tokens string
}

func (e *Env) writeCredentials(port int) (files credentials, err error) {
	cert, key, err := certutil.GenerateSelfSignedCertKey("localhost", []net.IP{net.IPv4(127, 0, 0, 1)}, nil)
	if err != nil {
		return files, err
	}
	token := rand.Text()
	if files.cert, err = e.folder.write("apiserver.crt", cert); err != nil {
		return files, err
	}
	if files.key, err = e.folder.write("apiserver.key", key); err != nil {
		return files, err
	}
	if files.tokens, err = e.folder.write("tokens.csv", []byte(token+",admin,admin,system:masters\n")); err != nil {
		return files, err
	}
	e.Config = &rest.Config{
		Host:            "https://" + loopback(port),
		BearerToken:     token,
		TLSClientConfig: rest.TLSClientConfig{CAData: cert},
		QPS:             -1,
	}
	e.Kubeconfig = e.folder.join("kubeconfig")
	return files, WriteKubeconfig(e.Config, e.Kubeconfig)
}
