package sharded

import (
	"context"
	"fmt"
	"strings"

	"gauntlet/targetapp/postgres"
)

// Route is that of all shards together. Primary joins the names of the shards' primaries with "+".
func (s *Store) Route() postgres.Route {
	all := postgres.Route{Replicas: []string{}, Stale: []string{}, Down: []string{}}
	var primaries []string
	for _, sh := range s.order {
		rt := sh.router.Route()
		if rt.Primary != "" {
			primaries = append(primaries, rt.Primary)
		}
		all.Replicas = append(all.Replicas, rt.Replicas...)
		all.Stale = append(all.Stale, rt.Stale...)
		all.Down = append(all.Down, rt.Down...)
		all.Timeline = max(all.Timeline, rt.Timeline)
	}
	all.Primary = strings.Join(primaries, "+")
	return all
}

// Primaries are the nodes to which each shard's writes go now, "" where none is known.
func (s *Store) Primaries() map[string]string {
	out := map[string]string{}
	for _, sh := range s.order {
		out[sh.Name] = sh.router.Route().Primary
	}
	return out
}

// Stats returns the state of the pools to all databases.
func (s *Store) Stats() []postgres.PoolStat {
	var all []postgres.PoolStat
	for _, sh := range s.order {
		all = append(all, sh.router.Stats()...)
	}
	return all
}

// Check says what is missing: the map, or a primary of a shard that owns something.
func (s *Store) Check(context.Context) error {
	m, ok := s.follow.Now()
	if !ok {
		return errNoMap
	}
	var missing []string
	for _, name := range m.Owning() {
		if sh := s.shards[name]; sh == nil || sh.router.Route().Primary == "" {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("no primary database of %s is known", strings.Join(missing, ", "))
	}
	return nil
}

// MapVersion is that of the newest map, 0 if none is known.
func (s *Store) MapVersion() int64 {
	m, _ := s.follow.Now()
	return m.Version
}
