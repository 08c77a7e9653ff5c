// Package history is the append-only record of a run and its streaming reader.
//
// A run's folder holds events.jsonl (one JSON object a line) and requests.bin (checksummed blocks of samples). Both are
// written as things happen, so that a crash loses at most the last second. Scores and reports are pure functions of it.
package history
