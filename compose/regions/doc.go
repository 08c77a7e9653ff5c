// Package regions tests what the two topologies with regions promise, on the small one of them, on real containers and with clients of its
// own that speak to the databases directly: no two regions acknowledge writes at the same time, and a region that was cut off follows
// when it is back. The mutant multiregion-unfenced must fail the same check. The tests run with -long.
package regions
