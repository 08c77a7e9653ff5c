// Package agent is the process that disturbs a target from inside: it shares the target's network namespace (and, for
// resources, the host's processes), holds what it was told to hold, and leaves nothing behind when it ends, however it ends.
//
// Each family of disturbances is a Worker in a package of its own. Agents are armed before the load starts, so that injecting
// is one message. An agent whose lease is not renewed clears everything and ends.
package agent
