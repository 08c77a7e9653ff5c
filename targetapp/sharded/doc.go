// Package sharded is the app's way to a database that is spread over shards. [Store] sends what belongs to one key to the shard that owns
// it, and asks all shards at the same time for the feed. A shard that is down makes the feed partial and fails the writes of
// its own users only. A shard that has given a key away refuses; then the map is asked for again and the request goes on
// to the new owner, within its time.
package sharded
