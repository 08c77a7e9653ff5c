// Package export writes the requests of a load in forms that other tools read: vegeta's own three encodings, so that
// `vegeta report` and `vegeta plot` work on it, and CSV with a header for everything else.
//
// It is opinionated about one thing: a request's time is its due time and its latency counts from there, also where vegeta would
// count from the moment when a worker took it up. What vegeta then reports is what users would have felt. A request that was
// never sent is there as well, with code 0 and its reason as the error.
package export
