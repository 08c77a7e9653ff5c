// Package loadgen drives an HTTP system with an open loop and reports what every planned request met.
//
// It is opinionated about one thing: the schedule is the truth. Every request has a due time, latency and deadline count
// from it, and every planned request ends as ok, fail, info or missed. It is the only importer of the vegeta library.
// The run records its samples; score judges them.
package loadgen
