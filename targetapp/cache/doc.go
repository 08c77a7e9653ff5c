// Package cache puts a cache in front of the database ("cache-aside"): a read asks the cache first, and what it had to fetch from
// the database it leaves there; a write marks what it made outdated. An error of the cache is a miss, never an error of the
// request, and a cache that fails or is slow is bypassed.
//
// Three things keep it honest. Each entry carries the position in the database's log that it surely shows, so that a session
// never sees less than it wrote, and a slow reader cannot put back what a write has outdated. An outdated entry may still be
// served to others for at most two seconds while one reader fetches a new one ("stale while revalidate"). And lifetimes vary by
// a fifth, so that what was cached together does not expire together.
//
// A cold key is fetched by one reader per web node ("single flight"), the others wait for it. The naive variant has none of this:
// it deletes on write, every reader that misses goes to the database, and a lost cache node moves nearly every key.
//
// There are two other ways to write. Write-through also renews the entry within the request of the write. Write-back acknowledges a post
// when a cache node has it, and brings it into the database later: what a node that dies had not handed over is lost.
package cache
