// Package agenttest gives tests of agents a place to disturb: two network namespaces joined by a virtual cable, inside the
// test process, without containers. It needs root; tests skip where it is not permitted.
//
// A namespace belongs to a thread. What must happen in one (sockets, workers) is done by Space.Do and its friends; sockets
// that are open may be used from anywhere.
package agenttest
