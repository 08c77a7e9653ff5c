// Package chaostest has what tests of faults need: an in-memory Runtime with scripted failures, the conformance suite that
// every Runtime must pass with every kind of fault, and a check for goroutines that were left behind.
package chaostest
