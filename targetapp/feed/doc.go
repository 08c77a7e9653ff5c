// Package feed keeps the feed and the leaderboard in a Redis Cluster. Both are derived: what they hold follows from the database, and is
// brought by jobs of the kinds feed and leaderboard, which were written together with the post or the like that they follow from.
//
// A job says what is now, never what changed: a post is put where it belongs, an author's likes are set to what the database counts.
// So a job may be done twice, late or out of turn. What a failover of the cluster lost, or a job that never came, is
// mended by a worker that compares all with the database every ten seconds, and at once if a store is empty.
//
// Readers go to the database behind it whenever the cluster fails, is slow, has nothing, or is behind what the session has seen.
package feed
