// Package targetapp is the reference application that Gauntlet puts to the test: a photo-sharing feed. One executable plays
// one role per container, each role in a folder of its own: [gauntlet/targetapp/web] serves, [gauntlet/targetapp/seed] makes
// the tables and fills them, [gauntlet/targetapp/worker] does what users need not wait for, [gauntlet/targetapp/autoscaler]
// adds and removes containers, [gauntlet/targetapp/check] asks a URL for a container's health check.
//
// It is meant to be a good citizen of its field, so that a card speaks of the architecture and not of a careless client:
// every call has a deadline, every pool a bound, every error says whether it may have had an effect, and a database node
// that is dead or demoted is left at once. Nothing but the command line imports it.
package targetapp
