// Package route always knows which database node takes writes now and which may serve reads, and leaves a node that is dead,
// frozen or demoted at once.
//
// A monitor per node asks the node itself, over a connection of its own, every 100 ms. A node that misses an answer gets no new
// work from that moment; if asking again over a new connection fails as well, its pool is dropped with all connections.
// What the work itself runs into is reported with [Node.Saw] and starts a check at once.
//
// [Decide] is a pure function from what the nodes said to the route. It is opinionated: a primary of an older timeline than
// one that was seen lately is a ghost and gets nothing, and a replica that is provably behind by more than [MaxStale] is not
// read from.
package route
