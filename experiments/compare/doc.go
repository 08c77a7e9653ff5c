// Package compare says whether runs differ: of two versions, of two architectures, or of a change and its baseline.
//
// It is opinionated about doubt. The run is the unit: never the request, of which a run has thousands that share one fate.
// What would make numbers incomparable (another load, client model, seed policy or schedule, a generator that fell behind)
// is refused with its name. A difference is shown only if it is larger than the instrument's resolution and survives Holm's
// correction over the experiment's own goals; all else is "no difference shown", which is not "equal". Cost stands beside
// the score, never inside.
//
// All of it is pure: no clock, no disk, and the same runs with the same seed give the same bytes. Package score makes the
// cards that [Of] reduces to runs; the commands compare and run --baseline read recordings and print what this package says.
package compare
