package syncer

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gauntlet/targetapp/activity"
)

// fakeLog is a store in memory, by origin.
type fakeLog struct {
	entries map[string][]activity.Record
	err     error // of the next Copy, after it has done half
}

func newFakeLog() *fakeLog { return &fakeLog{entries: map[string][]activity.Record{}} }

func (f *fakeLog) add(origin string, n int) {
	for range n {
		seq := uint64(len(f.entries[origin]) + 1)
		f.entries[origin] = append(f.entries[origin], activity.Record{Seq: seq, Data: origin})
	}
}

func (f *fakeLog) Origins(context.Context) ([]string, error) {
	return slices.Sorted(maps.Keys(f.entries)), nil
}

func (f *fakeLog) Last(_ context.Context, origin string) (uint64, error) {
	return uint64(len(f.entries[origin])), nil
}

func (f *fakeLog) After(_ context.Context, origin string, seq uint64, n int) ([]activity.Record, error) {
	all := f.entries[origin]
	if seq >= uint64(len(all)) {
		return nil, nil
	}
	return all[seq:min(len(all), int(seq)+n)], nil
}

func (f *fakeLog) Copy(_ context.Context, origin string, all []activity.Record) (n int, err error) {
	if f.err != nil {
		all, err, f.err = all[:len(all)/2], f.err, nil
	}
	for _, r := range all {
		if r.Seq > uint64(len(f.entries[origin])) {
			f.entries[origin] = append(f.entries[origin], r)
			n++
		}
	}
	return n, err
}

func same(a, b *fakeLog) bool {
	return maps.EqualFunc(a.entries, b.entries, func(x, y []activity.Record) bool { return slices.Equal(x, y) })
}

// Whatever was appended where, and however often pulls are broken off, both have the same in the end.
func TestLogsConverge(t *testing.T) {
	for seed := range uint64(50) {
		chance := rand.New(rand.NewPCG(seed, 1))
		logs := []*fakeLog{newFakeLog(), newFakeLog()}
		origins := [][]string{{"a.1", "a.2"}, {"b.1"}}
		for range 30 {
			i := chance.IntN(2)
			switch chance.IntN(3) {
			case 0:
				logs[i].add(origins[i][chance.IntN(len(origins[i]))], chance.IntN(700))
			case 1:
				logs[i].err = errors.New("cut off")
				fallthrough
			default:
				_, _, _ = pull(t.Context(), logs[1-i], logs[i])
				logs[i].err = nil
			}
		}
		if more := catchUp(t, logs[1], logs[0]) + catchUp(t, logs[0], logs[1]); !same(logs[0], logs[1]) {
			t.Fatalf("seed %d: after %d more entries the logs differ", seed, more)
		}
	}
}

// catchUp pulls until there is no more.
func catchUp(t *testing.T, from, to *fakeLog) int {
	t.Helper()
	all := 0
	for more := true; more; {
		var n int
		var err error
		if n, more, err = pull(t.Context(), from, to); err != nil {
			t.Fatal(err)
		}
		all += n
	}
	return all
}

func TestReadConfig(t *testing.T) {
	env := map[string]string{"APP_NAME": "sync-a", "APP_REGION": "a", "APP_ACTIVITY": "h:1", "APP_ACTIVITY_PEERS": "b=h:2, c=h:3"}
	c, err := readConfig(func(k string) string { return env[k] })
	if err != nil || len(c.peers) != 2 || c.peers[1] != (peer{"c", "h:3"}) || c.listen != ":8080" {
		t.Errorf("got %+v, %v", c, err)
	}
	for _, bad := range []string{"", "b", "b=h", "a=h:2", "b=h:2,b=h:3"} {
		env["APP_ACTIVITY_PEERS"] = bad
		if _, err := readConfig(func(k string) string { return env[k] }); err == nil || !strings.Contains(err.Error(), "APP_ACTIVITY_PEERS") {
			t.Errorf("peers %q: %v", bad, err)
		}
	}
	_, err = readConfig(func(string) string { return "" })
	for _, name := range []string{"APP_NAME", "APP_REGION", "APP_ACTIVITY ", "APP_ACTIVITY_PEERS"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v does not name %s", err, name)
		}
	}
}
