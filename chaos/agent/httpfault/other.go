//go:build !linux

package httpfault

import (
	"context"
	"fmt"

	"gauntlet/chaos"
)

// Worker does nothing on this system: agents run on Linux.
type Worker struct{}

// New makes a worker that can do nothing.
func New() *Worker { return &Worker{} }

func unsupported() error { return fmt.Errorf("http: %w: agents run on Linux", chaos.ErrUnsupported) }

// Apply is not supported here.
func (*Worker) Apply(context.Context, string, chaos.Op) (string, error) { return "", unsupported() }

// Check is not supported here.
func (*Worker) Check(context.Context, string) error { return unsupported() }

// Clear is not supported here.
func (*Worker) Clear(context.Context, string, chaos.Op) error { return unsupported() }

// Close has nothing to do.
func (*Worker) Close() error { return nil }
