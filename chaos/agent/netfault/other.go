//go:build !linux

package netfault

import (
	"context"
	"errors"

	"gauntlet/chaos"
)

// Worker can't do anything on this system; agents run on Linux.
type Worker struct{}

// New fails on this system.
func New() (*Worker, error) { return nil, errors.New("network faults need Linux") }

// Apply fails on this system.
func (w *Worker) Apply(context.Context, string, chaos.Op) (string, error) {
	return "", errors.ErrUnsupported
}

// Check fails on this system.
func (w *Worker) Check(context.Context, string) error { return errors.ErrUnsupported }

// Clear fails on this system.
func (w *Worker) Clear(context.Context, string, chaos.Op) error { return errors.ErrUnsupported }

// Close has nothing to do.
func (w *Worker) Close() error { return nil }
