package activity

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

const page = 1000 // entries read at once

// Record is an entry as stores copy it.
type Record struct {
	Seq  uint64 // from 1, within its origin
	Data string // JSON
}

// Origins returns the origins of which the store has entries, sorted.
func (l *Log) Origins(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	all, err := l.client.SMembers(ctx, originsKey).Result()
	slices.Sort(all)
	return all, broken(err)
}

// Last returns the number of the origin's newest entry, 0 if there is none.
func (l *Log) Last(ctx context.Context, origin string) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	got, err := l.client.XRevRangeN(ctx, logPrefix+origin, "+", "-", 1).Result()
	if err != nil || len(got) == 0 {
		return 0, broken(err)
	}
	r, err := record(got[0])
	return r.Seq, err
}

// After returns up to n of the origin's entries whose numbers are greater than seq, in order.
func (l *Log) After(ctx context.Context, origin string, seq uint64, n int) ([]Record, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	got, err := l.client.XRangeN(ctx, logPrefix+origin, strconv.FormatUint(seq+1, 10), "+", int64(n)).Result()
	if err != nil {
		return nil, broken(err)
	}
	out := make([]Record, len(got))
	for i, m := range got {
		if out[i], err = record(m); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func record(m redis.XMessage) (Record, error) {
	text, _, _ := strings.Cut(m.ID, "-")
	seq, err := strconv.ParseUint(text, 10, 64)
	data, ok := m.Values["e"].(string)
	if err != nil || !ok {
		return Record{}, fmt.Errorf("activity: entry %s is none of ours", m.ID)
	}
	return Record{seq, data}, nil
}

// copyScript: origin, how many to keep, then pairs of number and entry. What is there already is left out; it returns how many were
// new. Two that copy at the same time do no harm.
var copyScript = redis.NewScript(`local log, last, new = 'activity:log:' .. ARGV[1], 0, 0
local newest = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)
if newest[1] then last = tonumber(string.match(newest[1][1], '^%d+')) end
for i = 3, #ARGV, 2 do
	if tonumber(ARGV[i]) > last then
		redis.call('XADD', log, 'MAXLEN', ARGV[2], ARGV[i] .. '-0', 'e', ARGV[i + 1])
		new = new + 1
	end
end
redis.call('SADD', 'activity:origins', ARGV[1])
return new`)

// Copy adds the origin's entries that follow those that are there, and returns how many were new.
func (l *Log) Copy(ctx context.Context, origin string, all []Record) (int, error) {
	args := []any{origin, keep}
	for _, r := range all {
		args = append(args, r.Seq, r.Data)
	}
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	n, err := copyScript.Run(ctx, l.client, nil, args...).Int()
	return n, broken(err)
}

// Newest returns the newest n entries that this region knows of, newest first.
func (l *Log) Newest(ctx context.Context, n int) ([]Entry, error) {
	origins, err := l.Origins(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	all := []Entry{}
	for _, origin := range origins {
		got, err := l.client.XRevRangeN(ctx, logPrefix+origin, "+", "-", int64(n)).Result()
		if err != nil {
			return nil, broken(err)
		}
		for _, m := range got {
			e, err := entry(origin, m)
			if err != nil {
				return nil, err
			}
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b Entry) int {
		if c := b.At.Compare(a.At); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return all[:min(n, len(all))], nil
}

func entry(origin string, m redis.XMessage) (Entry, error) {
	r, err := record(m)
	if err != nil {
		return Entry{}, err
	}
	var e Entry
	if err := json.Unmarshal([]byte(r.Data), &e); err != nil {
		return Entry{}, fmt.Errorf("activity: entry %s of %s: %w", m.ID, origin, err)
	}
	e.ID = fmt.Sprintf("%s-%d", origin, r.Seq)
	e.Region, _, _ = strings.Cut(origin, ".")
	return e, nil
}

// Digest says what a store has. Two stores whose sums are equal have the same entries.
type Digest struct {
	Region  string            `json:"region"` // of the store
	Entries int               `json:"entries"`
	Sum     string            `json:"sum"`     // SHA-256 over all origins, in hexadecimal digits
	Origins map[string]Extent `json:"origins"` // by name
}

// Extent is what a store has of one origin.
type Extent struct {
	Entries int    `json:"entries"`
	Last    uint64 `json:"last"` // number of the newest
	Sum     string `json:"sum"`
}

// Digest reads the whole store, in pieces: what is appended meanwhile may be in it or not.
func (l *Log) Digest(ctx context.Context) (Digest, error) {
	d := Digest{Region: l.region, Origins: map[string]Extent{}}
	origins, err := l.Origins(ctx)
	if err != nil {
		return d, err
	}
	sum := sha256.New()
	for _, origin := range origins {
		x, err := l.extent(ctx, origin)
		if err != nil {
			return d, err
		}
		d.Origins[origin] = x
		d.Entries += x.Entries
		fmt.Fprintf(sum, "%s %s\n", origin, x.Sum)
	}
	d.Sum = text(sum)
	return d, nil
}

func (l *Log) extent(ctx context.Context, origin string) (x Extent, err error) {
	sum := sha256.New()
	for {
		got, err := l.After(ctx, origin, x.Last, page)
		if err != nil {
			return x, err
		}
		for _, r := range got {
			x.Entries, x.Last = x.Entries+1, r.Seq
			fmt.Fprintf(sum, "%d ", r.Seq)
			io.WriteString(sum, r.Data+"\n")
		}
		if len(got) < page {
			x.Sum = text(sum)
			return x, nil
		}
	}
}

func text(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }
