package shard

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"gauntlet/targetapp/postgres"
)

// Buckets is the number of parts that keys fall into. 256 over 4 shards is 64 each; with much fewer, shards could not be evened out,
// with many more, each move would do little.
const Buckets = 256

// spread is odd, so that multiplying by it moves the buckets of neighbouring keys far apart and gives each key of a run of 256 a
// bucket of its own (Knuth's multiplicative hashing; 159 is 256/φ, made odd).
const spread = 159

// Bucket is where a key falls: the id of a user, or of a post, which has the low 8 bits of its author's; the key of a register.
func Bucket(key int64) int { return int(uint8(key) * spread) }

// Low is the low 8 bits of the keys in a bucket.
func Low(bucket int) int64 {
	for low := range Buckets {
		if Bucket(int64(low)) == bucket {
			return int64(low)
		}
	}
	return -1
}

// ErrMap is wrapped by errors about a map that cannot be.
var ErrMap = errors.New("shard map")

// Map says which shard owns which slot: buckets are slots 0 to 255, and each key that was isolated has a slot of its own behind them.
type Map struct {
	Version  int64                   `json:"version"` // from 1; each change is one more
	Strategy Strategy                `json:"strategy"`
	Shards   []string                `json:"shards"` // that take part, in their order
	Owners   []string                `json:"owners"` // by slot
	Hot      map[int64]int           `json:"hot,omitempty"`
	Arrived  map[string]postgres.LSN `json:"arrived,omitempty"` // by shard: its log has all that moved to it up to here
}

// New spreads all buckets over the shards.
func New(s Strategy, shards []string) (Map, error) {
	m := Map{Version: 1, Strategy: s, Shards: slices.Clone(shards), Owners: make([]string, Buckets)}
	owners, err := s.plan(m.Owners, shards)
	m.Owners = owners
	return m, err
}

// Slot is where the key lives: its own if it was isolated, else its bucket.
func (m Map) Slot(key int64) int {
	if slot, ok := m.Hot[key]; ok {
		return slot
	}
	return Bucket(key)
}

// Owner is the shard of a key.
func (m Map) Owner(key int64) string { return m.Owners[m.Slot(key)] }

// SlotsOf are the slots where the row of an id may be whose key is not known, only its bucket: that bucket's, then those of isolated
// keys of the same bucket.
func (m Map) SlotsOf(id int64) []int {
	slots := []int{Bucket(id)}
	for _, key := range slices.Sorted(maps.Keys(m.Hot)) {
		if Bucket(key) == Bucket(id) {
			slots = append(slots, m.Hot[key])
		}
	}
	return slots
}

// HotKeys are the keys of a bucket that have slots of their own, in order.
func (m Map) HotKeys(bucket int) []int64 {
	out := []int64{}
	for _, key := range slices.Sorted(maps.Keys(m.Hot)) {
		if Bucket(key) == bucket {
			out = append(out, key)
		}
	}
	return out
}

// KeyOf is the isolated key that has the slot; false for a bucket.
func (m Map) KeyOf(slot int) (int64, bool) {
	for key, s := range m.Hot {
		if s == slot {
			return key, true
		}
	}
	return 0, false
}

// Owned are the slots of a shard, in order.
func (m Map) Owned(shard string) []int {
	var out []int
	for slot, owner := range m.Owners {
		if owner == shard {
			out = append(out, slot)
		}
	}
	return out
}

// Owning are the shards that own anything, in order.
func (m Map) Owning() []string {
	out := slices.Clone(m.Owners)
	slices.Sort(out)
	return slices.Compact(out)
}

// With is the next map, in which shard owns the slot, and has in its log all that moved to it up to the position.
func (m Map) With(slot int, shard string, arrived postgres.LSN) Map {
	m = m.copy()
	m.Version++
	m.Owners[slot] = shard
	m.Arrived[shard] = max(m.Arrived[shard], arrived)
	return m
}

// Aimed is the next map, whose slots shall be spread over the shards as the strategy says; nothing has moved yet.
func (m Map) Aimed(s Strategy, shards []string) Map {
	m = m.copy()
	m.Version++
	m.Strategy, m.Shards = s, slices.Clone(shards)
	return m
}

// Isolated is the next map, in which the key has a slot of its own, still on the shard where it is.
func (m Map) Isolated(key int64) (next Map, slot int) {
	if slot, ok := m.Hot[key]; ok {
		return m, slot
	}
	owner := m.Owner(key)
	m = m.copy()
	m.Version++
	slot = len(m.Owners)
	m.Owners = append(m.Owners, owner)
	m.Hot[key] = slot
	return m, slot
}

func (m Map) copy() Map {
	m.Shards, m.Owners = slices.Clone(m.Shards), slices.Clone(m.Owners)
	m.Hot, m.Arrived = maps.Clone(m.Hot), maps.Clone(m.Arrived)
	if m.Hot == nil {
		m.Hot = map[int64]int{}
	}
	if m.Arrived == nil {
		m.Arrived = map[string]postgres.LSN{}
	}
	return m
}

// Parse reads what [Map.String] wrote.
func Parse(text string) (Map, error) {
	var m Map
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return Map{}, fmt.Errorf("%w: %w", ErrMap, err)
	}
	return m, m.check()
}

// String is the map as JSON.
func (m Map) String() string {
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // numbers and strings only
	}
	return string(b)
}

func (m Map) check() error {
	var errs []error
	if m.Version < 1 || len(m.Owners) != Buckets+len(m.Hot) {
		errs = append(errs, fmt.Errorf("%w: version %d with %d slots, want %d and a version from 1", ErrMap, m.Version, len(m.Owners), Buckets+len(m.Hot)))
	}
	for key, slot := range m.Hot {
		if slot < Buckets || slot >= len(m.Owners) {
			errs = append(errs, fmt.Errorf("%w: key %d has slot %d", ErrMap, key, slot))
		}
	}
	for slot, owner := range m.Owners {
		if owner == "" {
			errs = append(errs, fmt.Errorf("%w: nobody owns slot %d", ErrMap, slot))
		}
	}
	return errors.Join(append(errs, m.Strategy.check())...)
}
