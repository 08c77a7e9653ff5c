// Package region decides which of two regions may write, and makes its databases follow that decision.
//
// Three voters, one in each region and one outside of both (the arbiter), give away a lease. A region holds it while a majority
// of them has granted it, for the lease's length from before it asked; each voter grants it to one region at a time. So two
// regions never hold it together, whatever is cut off, and a region that is cut off from both other voters has lost it before
// anybody else can get it. No voter keeps anything on disk: after its start it grants nothing for as long as a lease can last.
// The arbiter may be away: two regions that see each other are a majority.
//
// Each region's agent renews the lease while its databases live, and steers its region's Patroni: the holder's cluster is
// made a normal one, whose leader accepts writes; that of the other becomes a standby cluster, which streams from the holder. That
// a database does accept writes only under the lease is not left to the agent, which may be dead or late:
// [gauntlet/targetapp/gate] sees to it beside each server, in the kernel.
//
// Note: what both regions have lost of their memory, such as by a restart of all voters and agents at once, is not known: then
// the region whose databases are set up to write goes first, and the other waits. A region that comes back alone, after the
// other has written without it and died, goes on with what it has.
package region
