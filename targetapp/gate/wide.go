package gate

import (
	"context"
	"time"
)

// wide is the gate of the mutant: it never closes.
type wide struct{}

func (wide) Open(context.Context, time.Duration) error { return nil }
func (wide) Close(context.Context) error               { return nil }
