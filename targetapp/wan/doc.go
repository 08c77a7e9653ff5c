// Package wan is the line between two regions: a forwarder of TCP connections that delays what passes, in both directions, by the
// same time. All that a region has to say to another goes through the forwarder of its own region, so that a region that is cut
// off is cut off from the others as by a broken line.
//
// The delay is made in user space, because many kernels of small machines cannot delay packets (no netem). It is a delay of bytes, not of
// packets: order is kept and nothing is lost, as TCP would have it; a connection's first byte waits for the handshake of the far side, which
// costs a round trip. The forwarder is no part of the architecture: it stands for distance.
package wan
