// Package tally sums a load up while it runs, in memory that does not grow with the number of requests: outcomes and latency
// histograms per operation, per phase and per second.
//
// It is opinionated about two things: latency counts from the due time, and a request without an answer has none. Bad requests
// are counted beside the latencies, never among them, so that a fast failure can't make a load look fast. It reads
// loadgen samples, of a load under way or of a recording; score judges, tally only counts.
package tally
