//go:build !linux

package exclusive

import (
	"testing"
	"time"
)

// Alone can't be known here.
func Alone(testing.TB, time.Duration) {}
