package main

import (
	"context"
	"errors"
)

// The exit codes are an API.
const (
	exitPass        = 0   // every goal met
	exitFail        = 1   // a goal missed
	exitUnknown     = 2   // the evidence does not allow a verdict
	exitCannot      = 3   // could not run: bad input, no Docker, ports in use, something left behind, ...
	exitInterrupted = 130 // stopped by a signal; healed, recorded and taken down
)

// errInterrupted is the cancel cause of the root context when a signal came.
var errInterrupted = errors.New("interrupted")

// exitError carries an exit code; an err of nil means that all has been said already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exitCode maps what a command returned to the code that main exits with.
func exitCode(ctx context.Context, err error) int {
	var e *exitError
	switch {
	case errors.Is(context.Cause(ctx), errInterrupted):
		return exitInterrupted
	case err == nil:
		return exitPass
	case errors.As(err, &e):
		return e.code
	default:
		return exitCannot
	}
}
