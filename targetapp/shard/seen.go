package shard

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"gauntlet/targetapp/postgres"
)

// Seen is what a session has seen: of each shard's log, and of the map. Positions of two shards cannot be compared, so there is one
// each; the map's version keeps a session that wrote to a bucket's new owner from reading at its old one.
type Seen struct {
	Version int64
	At      map[string]postgres.LSN // by shard
}

// ParseSeen reads what [Seen.String] wrote, such as "map=3,s1=0/4048800"; "" is a session that has seen nothing.
func ParseSeen(text string) (Seen, error) {
	s := Seen{At: map[string]postgres.LSN{}}
	if text == "" {
		return s, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(part, "=")
		var err error
		if name == "map" {
			s.Version, err = strconv.ParseInt(value, 10, 64)
		} else {
			s.At[name], err = postgres.ParseLSN(value)
		}
		if !ok || name == "" || err != nil {
			return Seen{}, fmt.Errorf("%q is not of the form map=3,s1=0/4048800", text)
		}
	}
	return s, nil
}

// String is the form for the session's header.
func (s Seen) String() string {
	parts := []string{"map=" + strconv.FormatInt(s.Version, 10)}
	for _, name := range slices.Sorted(maps.Keys(s.At)) {
		parts = append(parts, name+"="+s.At[name].String())
	}
	return strings.Join(parts, ",")
}

// Visit is one request: what its session had seen, and what it has seen now; which shards did not answer. It is safe for concurrent use.
type Visit struct {
	mu      sync.Mutex
	seen    Seen
	partial []string
}

type visitKey struct{}

// With starts a visit of a session that has seen s; [VisitOf] finds it.
func With(ctx context.Context, s Seen) (context.Context, *Visit) {
	v := &Visit{seen: Seen{Version: s.Version, At: maps.Clone(s.At)}}
	if v.seen.At == nil {
		v.seen.At = map[string]postgres.LSN{}
	}
	return context.WithValue(ctx, visitKey{}, v), v
}

// VisitOf is the visit of ctx; without one, that of a session that has seen nothing.
func VisitOf(ctx context.Context) *Visit {
	if v, ok := ctx.Value(visitKey{}).(*Visit); ok {
		return v
	}
	_, v := With(ctx, Seen{})
	return v
}

// Seen is what the session has seen now.
func (v *Visit) Seen() Seen {
	v.mu.Lock()
	defer v.mu.Unlock()
	return Seen{Version: v.seen.Version, At: maps.Clone(v.seen.At)}
}

// Saw adds that the session saw the shard's log up to lsn, by a map of that version.
func (v *Visit) Saw(version int64, shard string, lsn postgres.LSN) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.seen.Version = max(v.seen.Version, version)
	if lsn > 0 {
		v.seen.At[shard] = max(v.seen.At[shard], lsn)
	}
}

// Missing adds a shard that did not answer in time.
func (v *Visit) Missing(shard string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.partial = append(v.partial, shard)
}

// Partial are the shards whose part of the answer is missing, in order.
func (v *Visit) Partial() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Sorted(slices.Values(v.partial))
}
