// Package probe watches a running topology: replication lag, node roles, leader keys, routes and server states,
// each by its own poller on the run's clock. A poll that fails is a gap, never a zero.
package probe
