// Package activity is the log of what users did: append-only, in one store per region, written wherever the user is. The stores agree
// in the end: package syncer copies what one has and the other lacks.
//
// An entry belongs to the origin that appended it, for ever: a region and one life of its store (its server's run). Within an origin
// entries are numbered from 1 without gaps, so an id such as "a.3f09c1d2a7b4-17" is given once in the whole world, also when a store
// came back without its last entries. Each store keeps the entries of each origin in order, the newest 100,000, so all that
// two stores need to tell each other is how far they are. The union of what they have is the log; nothing can conflict.
package activity
