// Package gate is the fence beside each database server of a region: clients reach the server only while its region holds the lease, or
// while it is a replica, which can acknowledge nothing.
//
// The gate is an element of a set in the kernel's packet filter, with a time after which the kernel removes it. This process
// renews it for as long as the lease lasts, as its region's agent says, and never longer. So nobody needs to be alive for the gate to
// close: not the agent, not this process, and not the container, whose freezing stops no clock of the kernel. A server that is
// thawed after its lease has ended can't acknowledge what it was about to: its packets are dropped. Its own cluster's members pass, to
// stream from it and to repair it.
//
// Patroni asks the gate before it promotes a replica (pre_promote) and does not without the lease. From the moment of that
// question the server counts as a primary.
//
// What is left is the few milliseconds in which the process computes the time that is left and tells the kernel. If the container
// is frozen in just these, the gate opens with the old time when it thaws; it is looked at again at once, and closed.
package gate
