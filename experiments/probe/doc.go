// Package probe watches a running topology: replication lag, node roles, leader keys, routes and server states,
// each by its own poller on the run's clock. A poll that fails is a gap, never a zero.
//
// It asks the nodes themselves, never labels or a cached view of the cluster, because a fault makes exactly those lie.
// Each poller has its own connection and short deadlines, so a node that hangs delays nobody but itself. Pollers of
// states tick every 40 ms; a [Change] says between which two polls a state changed. Every poller also reports how well
// it could see ([Coverage]), so that a quiet recording can be told from a blind one.
//
// The package knows nothing of containers: package run builds the [Endpoint] list from the topology's inventory, gives
// the [Sink] that records, and hands the answers of [Watch.Roles] to package chaos.
package probe
