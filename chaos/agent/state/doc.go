// Package state changes what the servers in a target keep, with their own client libraries: a cache is flushed, bad messages are
// published, all connections are taken, a table is locked, a replica's replay is kept behind.
//
// A [Worker] runs in the target's network namespace and reaches the server at 127.0.0.1, without TLS. Each connection and each
// question has a short limit of its own, so that a server that hangs is told from one that works.
//
// Agents that keep a replay behind see the target's processes too, and may signal them: the one that replays is stopped where
// somebody else would resume replay.
//
// What ends with the agent, however that ends: the connections of exhaust and the transaction of lock, because the kernel closes
// their sockets and the server then ends the sessions. What does not: a replay that was paused or stopped, which Clear resumes
// from any agent of that kind. Nothing is written to a server's configuration or disk, except the messages of poison.
//
// Messages of poison and a flushed cache can't be taken back. Poison is marked with the header gauntlet-poison, so that people
// find it in a dead-letter queue; it is never taken out again, because that means taking everybody's messages out and putting
// them back, which marks them as redelivered and counts against their limits.
package state
