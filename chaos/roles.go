package chaos

import (
	"context"
	"fmt"
	"slices"
)

// wrapper is a Runtime around another one.
type wrapper interface{ Unwrap() Runtime }

// Power finds an extra ability, such as Stopper, of a Runtime or of what it wraps. Extra abilities are one-method interfaces.
func Power[T any](rt Runtime) (T, bool) {
	for rt != nil {
		if p, ok := rt.(T); ok {
			return p, true
		}
		w, ok := rt.(wrapper)
		if !ok {
			break
		}
		rt = w.Unwrap()
	}
	var none T
	return none, false
}

// bare is the innermost Runtime. Undoing must not depend on who can tell the roles of a disturbed system.
func bare(rt Runtime) Runtime {
	for {
		w, ok := rt.(wrapper)
		if !ok {
			return rt
		}
		rt = w.Unwrap()
	}
}

// WithRoles makes List carry live roles: roles answers, when asked, which roles each container (by name) has now.
// If the answer fails, List fails: "nobody knows" is not "nobody has it".
func WithRoles(rt Runtime, roles func(ctx context.Context) (map[string][]string, error)) Runtime {
	return withRoles{Runtime: rt, roles: roles}
}

type withRoles struct {
	Runtime
	roles func(ctx context.Context) (map[string][]string, error)
}

func (w withRoles) Unwrap() Runtime { return w.Runtime }

func (w withRoles) List(ctx context.Context) ([]Container, error) {
	roles, err := w.roles(ctx)
	if err != nil {
		return nil, fmt.Errorf("live roles: %w", err)
	}
	all, err := w.Runtime.List(ctx)
	if err != nil {
		return nil, err
	}
	for i, c := range all {
		all[i].Roles = slices.Clone(roles[c.Name])
		slices.Sort(all[i].Roles)
	}
	return all, nil
}
