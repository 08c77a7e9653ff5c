package chaos

import "errors"

// Errors that callers tell apart with errors.Is.
var (
	// ErrNoTarget means that a selector matched nothing that can be disturbed now. Never a success: nothing was tested.
	ErrNoTarget = errors.New("no target")
	// ErrBadSelector means that a selector can't be understood, whatever containers there are.
	ErrBadSelector = errors.New("bad selector")
	// ErrBadStep means that a step can't be run as written.
	ErrBadStep = errors.New("bad step")
	// ErrUnknownKind means that no fault has that name.
	ErrUnknownKind = errors.New("unknown kind of fault")
	// ErrGone means that the container was removed. To an undo that is as good as healed.
	ErrGone = errors.New("container is gone")
	// ErrWrongState means that a container is not in the state that the fault starts from, so that it would show no effect.
	ErrWrongState = errors.New("container is in the wrong state")
	// ErrRefused means that the container may not be touched: outside of the project, or one of Gauntlet's own.
	ErrRefused = errors.New("refused to touch container")
	// ErrUnsupported means that this runtime can't do what the fault needs.
	ErrUnsupported = errors.New("not supported by this runtime")
	// ErrStillDisturbed means that an undo failed or could not be proven: the container may still be disturbed.
	ErrStillDisturbed = errors.New("still disturbed")
	// ErrEndedEarly means that a fault was over before its step was: something else healed it, so the step proves nothing.
	ErrEndedEarly = errors.New("fault ended early")
	// ErrGuard means that a step would take more of the system than its guards allow.
	ErrGuard = errors.New("refused by a guard")
	// ErrBusy means that another live process writes this project's undo log.
	ErrBusy = errors.New("project is in use")
)
