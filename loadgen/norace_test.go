//go:build !race

package loadgen

// stallTolerance is how far a percentile may be off the truth.
const stallTolerance = 0.05
