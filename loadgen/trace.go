package loadgen

import (
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"time"
)

// traceHeader is that of W3C Trace Context.
const traceHeader = "Traceparent"

// TraceID is the W3C trace id under which a run with that origin sent the request of an operation, from a region, that was due at
// an offset from the origin. It is made of what says which request it is, so that a recording need not keep it: the first half is
// the origin in nanoseconds; the second is mixed, because traced systems draw by it which requests they follow.
func TraceID(origin time.Time, op, region string, due time.Duration) string {
	id := traceID(origin, op, region, due)
	return hex.EncodeToString(id[:])
}

func traceID(origin time.Time, op, region string, due time.Duration) (id [16]byte) {
	h := fnv.New64a()
	h.Write([]byte(op + "\x00" + region))
	binary.BigEndian.PutUint64(id[:8], uint64(origin.UnixNano()))
	binary.BigEndian.PutUint64(id[8:], mix(h.Sum64()^mix(uint64(due))))
	return id
}

// traceParent is the header of a request that its sender does not follow; who answers it may.
func traceParent(origin time.Time, op, region string, due time.Duration) string {
	id := traceID(origin, op, region, due)
	var span [8]byte
	binary.BigEndian.PutUint64(span[:], mix(binary.BigEndian.Uint64(id[8:]))|1) // an id of zeros is none
	return "00-" + hex.EncodeToString(id[:]) + "-" + hex.EncodeToString(span[:]) + "-00"
}
