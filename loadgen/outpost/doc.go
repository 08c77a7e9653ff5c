// Package outpost runs loads from elsewhere: [Serve] waits in a container inside a region's network, [Run] sends it a part of a load
// and takes the samples in as they come, for the one history of the run.
//
// The container decides how the system is reached: it has the URL, whose host is a name, and the name server of its region. Its
// clock is another one, on principle: before the load it is compared, a few times, and the comparison with the shortest way there and
// back counts. Samples come home in the time of the run; what is left of the difference is at most half of that way, which is told.
package outpost
