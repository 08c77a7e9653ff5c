// Package autoscaler is the app's autoscaler role: it adds containers to a tier when there is too much to do and removes them when
// there is little. Workers go by the jobs that wait, web nodes by their processors; the thresholds are in a file (see [Rules]).
//
// It acts through the Docker Engine's socket, which reaches everything on the machine. So it is narrow: it works in its own Compose
// project only, which it finds by the labels of its own container; it makes copies of what is there; and it removes only what it
// made itself, newest first, after the process has ended by itself. It does one thing at a time, waits a while after each, and
// does nothing on numbers that it does not have. What it made it knows by a label, so that it can be killed at any moment.
//
// The engine is called over plain HTTP: it is seven calls, what is copied must not be cut down to what a client library of some
// version knows, and the layout leaves that library to the packages that control experiments.
package autoscaler
