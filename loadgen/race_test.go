//go:build race

package loadgen

// stallTolerance is wider under the race detector, which makes each request several times as expensive. A generator that omits waiting is off by 99 %.
const stallTolerance = 0.4
