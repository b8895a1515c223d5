package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/countersign/countersign/controller"
)

// serveOptions are the flags of "countersign serve": where the process runs.
// What it does is in the settings file.
type serveOptions struct {
	settingsFile         string
	namespace            string
	admission            bool
	sync                 bool
	lastGood             string
	webhookHost          string
	webhookPort          int
	certMode             string
	certDir              string
	certSecret           string
	serviceName          string
	certExtraDNS         []string
	webhookConfiguration string
	metricsAddress       string
	healthAddress        string
	pprofPort            int
	leaderElect          bool
	logLevel             string
	shutdownDelay        time.Duration
	controllerID         string
	resyncInterval       time.Duration
	workers              int
	watchNamespaces      []string
	kubeAPIQPS           float32
	once                 bool
}

// Who writes the serving certificate.
const (
	certModeSelf  = "self"
	certModeFiles = "files"
)

// shortestInterval keeps --resync-interval from being a poller by mistake.
const shortestInterval = time.Minute

func (o *serveOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.settingsFile, "config", "", "settings file")
	flags.StringVar(&o.namespace, "namespace", os.Getenv("POD_NAMESPACE"), "release namespace: policy ConfigMaps, certificate and lease are there")
	flags.BoolVar(&o.admission, "admission", true, "serve the webhooks, and look after their certificate")
	flags.BoolVar(&o.sync, "sync", true, "read Vault and write Secrets")
	flags.StringVar(&o.lastGood, "last-good", "", "ConfigMap that keeps the last good policy across restarts; it must exist, without the policy label; empty keeps it in memory only")
	flags.StringVar(&o.webhookHost, "webhook-host", "", "address to serve webhooks on; empty is all")
	flags.IntVar(&o.webhookPort, "webhook-port", 9443, "port to serve webhooks on")
	flags.StringVar(&o.certMode, "cert-mode", certModeSelf, "self: make and rotate the serving certificate; files: someone else writes it")
	flags.StringVar(&o.certDir, "cert-dir", "/var/run/countersign/certs", "folder with tls.crt and tls.key")
	flags.StringVar(&o.certSecret, "cert-secret", "countersign-webhook-cert", "Secret that holds the certificate in mode self; it must exist and may be empty")
	flags.StringVar(&o.serviceName, "service-name", "countersign", "Service of the webhooks: the certificate is for NAME.NAMESPACE.svc")
	flags.StringArrayVar(&o.certExtraDNS, "cert-extra-dns", nil, "further DNS name of the certificate; may be repeated")
	flags.StringVar(&o.webhookConfiguration, "webhook-configuration", "countersign", "name of both webhook configurations, for the CA in mode self")
	flags.StringVar(&o.metricsAddress, "metrics-bind-address", ":8080", `address to serve metrics on; "0" is off`)
	flags.StringVar(&o.healthAddress, "health-probe-bind-address", ":8081", "address to serve /healthz and /readyz on")
	flags.IntVar(&o.pprofPort, "pprof-port", 0, "port of 127.0.0.1 to serve profiles on, at /debug/pprof; 0: none")
	flags.BoolVar(&o.leaderElect, "leader-elect", true, "sync on one replica at a time; every replica serves webhooks")
	flags.StringVar(&o.controllerID, "controller-id", "", "sync objects whose spec.controllerId is this; empty: those that have none")
	flags.BoolVar(&o.once, "once", false, "sync everything that is due once, say what is not ready, and end; no webhooks, no leader election")
	flags.DurationVar(&o.resyncInterval, "resync-interval", 0, "have every object read again in this time, spread evenly; 0: only when it changes")
	flags.IntVar(&o.workers, "workers", controller.DefaultWorkers, "how many objects are synced at a time; the budget bounds what Vault sees of it")
	flags.StringSliceVar(&o.watchNamespaces, "watch-namespaces", nil, "know objects of these namespaces only; empty: of all")
	flags.Float32Var(&o.kubeAPIQPS, "kube-api-qps", -1, "highest rate of requests to the apiserver; below 0 it is the apiserver's to govern")
	flags.DurationVar(&o.shutdownDelay, "shutdown-delay", 10*time.Second, "how long to serve on after SIGTERM, while Services forget the pod")
	flags.StringVar(&o.logLevel, "log-level", "info", "error, info, debug or trace")
}

func (o *serveOptions) validate() error {
	if o.once {
		// Nobody calls or scrapes a process that is about to end.
		o.admission, o.leaderElect, o.metricsAddress, o.healthAddress = false, false, "0", "0"
	}
	var errs []error
	if o.settingsFile == "" {
		errs = append(errs, errors.New("--config: name the settings file"))
	}
	if o.namespace == "" {
		errs = append(errs, errors.New("--namespace: name the release namespace, or set POD_NAMESPACE"))
	}
	if !o.admission && !o.sync {
		errs = append(errs, errors.New("--sync=false leaves nothing to do here: --admission=false and --once both mean no webhooks"))
	}
	if o.certMode != certModeSelf && o.certMode != certModeFiles {
		errs = append(errs, fmt.Errorf("--cert-mode %q: want %s or %s", o.certMode, certModeSelf, certModeFiles))
	}
	if o.resyncInterval != 0 && o.resyncInterval < shortestInterval {
		errs = append(errs, fmt.Errorf("--resync-interval %s: want 0 or at least %s", o.resyncInterval, shortestInterval))
	}
	if o.workers < 1 {
		errs = append(errs, fmt.Errorf("--workers %d: want at least 1", o.workers))
	}
	if o.kubeAPIQPS == 0 {
		errs = append(errs, errors.New("--kube-api-qps 0: want a rate, or -1 for none"))
	}
	if _, err := o.level(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// issues reports whether the process makes its own certificate.
func (o *serveOptions) issues() bool { return o.admission && o.certMode == certModeSelf }

// leads reports whether one replica at a time has more to do than the others.
// Where none has, there is no lease to lose, which would end the process.
func (o *serveOptions) leads() bool { return o.leaderElect && (o.sync || o.issues()) }

// lease is of the sync, in whatever else the process does.
func (o *serveOptions) lease() string {
	if o.sync {
		return "countersign"
	}
	return "countersign-admission"
}

// pprofAddress is on loopback, whoever asks for another: a profile costs as much
// as its reader wants. Without a port there is none.
func (o *serveOptions) pprofAddress() string {
	if o.pprofPort == 0 {
		return ""
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(o.pprofPort))
}

// level translates to slog: logr's V(n) is level -n there.
func (o *serveOptions) level() (slog.Level, error) {
	levels := map[string]slog.Level{"error": slog.LevelError, "info": slog.LevelInfo, "debug": -4, "trace": -10}
	level, ok := levels[o.logLevel]
	if !ok {
		return 0, fmt.Errorf("--log-level %q: want error, info, debug or trace", o.logLevel)
	}
	return level, nil
}
