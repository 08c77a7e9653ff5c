// Package shard knows which shard a row lives on. Between a key and its shard stands a fixed number of buckets: a key's bucket never
// changes, a bucket's owner does, and the [Map] says who that is now. So a move, its progress and its verification are by
// bucket, and the three strategies differ in one thing only: which buckets move when the number of shards changes.
//
// The map is kept in etcd ([Keeper]), where it changes by compare-and-swap, and followed by everybody who routes
// ([Follower]). It is opinionated about one thing: the map is advice. That a shard gave a bucket away is kept in the shard itself,
// in the row that each write locks (package postgres, Slot), so a router with an old map is refused and never writes astray.
package shard
