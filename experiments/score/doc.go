// Package score says what a recording means: a pure function from an experiment and its history to a card, without clock,
// disk or goroutine. No evidence is unknown, never a pass.
package score
