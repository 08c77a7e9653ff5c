//go:build !linux

package resource

import (
	"context"
	"fmt"
	"io"
	"os"

	"gauntlet/chaos"
)

// Worker does nothing on this system: agents run on Linux.
type Worker struct{}

// New makes a worker that can do nothing.
func New(string, int) *Worker { return &Worker{} }

func unsupported() error {
	return fmt.Errorf("resource: %w: agents run on Linux", chaos.ErrUnsupported)
}

// Apply is not supported here.
func (*Worker) Apply(context.Context, string, chaos.Op) (string, error) { return "", unsupported() }

// Check is not supported here.
func (*Worker) Check(context.Context, string) error { return unsupported() }

// Clear is not supported here.
func (*Worker) Clear(context.Context, string, chaos.Op) error { return unsupported() }

// Close has nothing to do.
func (*Worker) Close() error { return nil }

// Child is not supported here.
func Child(context.Context, []string, *os.File, io.Writer) error { return unsupported() }
