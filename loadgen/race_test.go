//go:build race

package loadgen

// stallTolerance is wider under the race detector, which makes each request several times as expensive.
const stallTolerance = 0.15
