package main

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/policy"
	"github.com/countersign/countersign/policy/files"
)

const (
	flagPolicy   = "policy"
	flagObjects  = "objects"
	flagLive     = "live"
	flagSettings = "settings"
)

// scene is what verdicts depend on besides the objects.
type scene struct {
	settings *config.Settings
	policy   *policy.Policy
	// cluster is nil offline.
	cluster *cluster
	// released holds where the settings are those of the release, and the files
	// that they name those of its pods.
	released bool
}

// readFile reads what the settings name.
func (s *scene) readFile(ctx context.Context) func(path string) ([]byte, error) {
	if !s.released {
		return os.ReadFile
	}
	return func(path string) ([]byte, error) {
		key := filepath.Base(path)
		found, err := s.cluster.configMapWith(ctx, key)
		if err != nil {
			return nil, err
		}
		return []byte(found.Data[key]), nil
	}
}

// guardedJudge reads the guarded objects that stand in the cluster.
func (s *scene) guardedJudge(ctx context.Context) (*config.GuardedJudge, error) {
	objects := s.cluster.client
	return newGuardedJudge(&config.Judge{Namespaces: objects}, objects, s.settings, s.readFile(ctx))
}

// settingsFlags say whose settings and which cluster.
type settingsFlags struct {
	operatorFlags
	clusterFlags
}

func (f *settingsFlags) add(command *cobra.Command) {
	f.operatorFlags.add(command)
	f.clusterFlags.add(command)
}

// connected is a scene in a cluster, without policy.
func (f *settingsFlags) connected(ctx context.Context) (*scene, error) {
	connected, err := f.connect()
	if err != nil {
		return nil, err
	}
	s := &scene{cluster: connected}
	if f.settingsFile != "" {
		s.settings, err = f.load()
	} else {
		s.released = true
		s.settings, err = connected.settings(ctx)
	}
	return s, err
}

// sceneFlags say whether the scene is set by files or by a cluster.
type sceneFlags struct {
	settingsFlags

	policies []string
}

func (f *sceneFlags) add(command *cobra.Command) {
	f.settingsFlags.add(command)
	command.Flags().StringArrayVar(&f.policies, flagPolicy, nil, `file, directory or "-" with policy; may be repeated`)
	f.exclude(command, flagPolicy)
}

func (f *sceneFlags) offline(stdin io.Reader) (*scene, error) {
	settings, err := f.load()
	if err != nil {
		return nil, err
	}
	compiled, err := compileFiles(stdin, settings, f.policies...)
	return &scene{settings: settings, policy: compiled}, err
}

func (f *sceneFlags) live(ctx context.Context) (*scene, error) {
	s, err := f.connected(ctx)
	if err != nil {
		return nil, err
	}
	s.policy, err = s.cluster.compile(ctx, s.settings)
	return s, err
}

func (c *cluster) compile(ctx context.Context, settings *config.Settings) (*policy.Policy, error) {
	documents, err := c.documents(ctx)
	if err != nil {
		return nil, err
	}
	return policy.Compile(documents, settings.PolicySettings())
}

func compileFiles(stdin io.Reader, settings *config.Settings, paths ...string) (*policy.Policy, error) {
	documents, err := files.Load(stdin, paths...)
	if err != nil {
		return nil, err
	}
	return policy.Compile(documents, settings.PolicySettings())
}
