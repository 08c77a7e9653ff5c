//go:build !unix

package compose

import (
	"errors"
	"os"
)

// ErrBusy means that another process has the topology up and works with it. It is not noticed here.
var ErrBusy = errors.New("in use")

func lock(string) (*os.File, error) { return nil, nil }
