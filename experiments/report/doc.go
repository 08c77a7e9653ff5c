// Package report says how a run reads: a card and its recording become terminal text, JSON and one self-contained HTML page.
//
// It is opinionated about honesty: the verdict and its reasons come first, an interval is never printed as a point, what
// was not seen is said to be unknown, and printed terms add up to the printed total. Every number comes from the card or
// from the recording; the package measures and decides nothing.
//
// All of it is pure: no clock, no disk but the writer that it is given, and the same input gives the same bytes, so that
// a report can be made again from a recording years later. Package score makes the card, package history reads the
// recording; ReadTimeline folds the latter into a bounded Timeline for drawing.
package report
