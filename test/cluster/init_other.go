//go:build !linux

package cluster

import (
	"context"
	"errors"
)

func (*Cluster) startInit() (record, func() error, error) { return record{}, nil, needsLinux() }

// Init is the node.
func (*Cluster) Init(context.Context) error { return needsLinux() }

func needsLinux() error { return errors.New("the cluster needs Linux") }
