package shard

import (
	"errors"
	"fmt"
	"strings"

	"gauntlet/targetapp/postgres"
)

// maxShards is bounded by the four bits that an id has for the shard where it was made.
const maxShards = 16

// Group is a shard: a small database cluster of its own.
type Group struct {
	Name    string
	Origin  int // its number in the list, from 0: part of the ids that are made there
	Members []postgres.Member
}

// ParseGroups reads "s1=db1@10.0.0.1:5432|db2@10.0.0.2:5432;s2=...", the form of APP_SHARDS. The order matters: it numbers the shards.
func ParseGroups(text string) ([]Group, error) {
	var all []Group
	var errs []error
	names := map[string]bool{}
	for part := range strings.SplitSeq(text, ";") {
		name, list, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok || name == "" || name == "map" || names[name] {
			errs = append(errs, fmt.Errorf("APP_SHARDS: shard %q is not of the form s1=db1@host:port|db2@host:port, or is there twice", part))
			continue
		}
		names[name] = true
		members, err := postgres.ParseMembers(strings.NewReplacer("@", "=", "|", ",").Replace(list))
		if err != nil {
			errs = append(errs, fmt.Errorf("APP_SHARDS: shard %s: %w", name, err))
		}
		all = append(all, Group{Name: name, Origin: len(all), Members: members})
	}
	if len(all) > maxShards {
		errs = append(errs, fmt.Errorf("APP_SHARDS: %d shards, at most %d are possible", len(all), maxShards))
	}
	return all, errors.Join(errs...)
}
