//go:build !linux

package probe

// ordinary does nothing here: this process has no other niceness than it was started with.
func ordinary() {}
